package main

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// The server's name, and who logs in.
const (
	hostName   = "mail.example"
	userName   = "demo"
	userSecret = "demo"
)

// patience is how long a session waits for a reply, but for the one to the content:
// longer than any slow server here.
func patience(think time.Duration) time.Duration {
	return max(2*time.Second, min(4*think, 10*time.Second))
}

// slowness is how long a slow server takes.
func slowness(think time.Duration) time.Duration { return min(think, 2*time.Second) }

// openMailhost starts the server and returns what reaches it.
func openMailhost(set settings) (*smtptest.Server, session.Config, error) {
	srv, err := smtptest.NewServer(smtptest.Config{
		Name: hostName, Mode: smtptest.StartTLS, Users: map[string]string{userName: userSecret}, Mechanisms: []string{sasl.Plain},
		On: troubles(set.faults, set.seed, slowness(set.think)), MaxMessage: 1 << 20, NoRecord: true,
	})
	if err != nil {
		return nil, session.Config{}, fmt.Errorf("cannot serve: %w", err)
	}
	return srv, session.Config{
		HostAddress: srv.Host(), HostName: hostName, RemotePort: srv.Port(), LocalName: "client.example",
		Options: session.Extended | session.SecureExplicit, TLS: &tls.Config{RootCAs: srv.Roots()},
		UserName: userName, Password: userSecret, Timeout: patience(set.think),
		Retry: session.Retry{Replies: true}, // the server is our own
	}, nil
}
