package setup

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// The embedded server's name and defaults.
const (
	EmbeddedName    = "mail.example"
	embeddedUser    = "demo"
	embeddedSecret  = "demo" // password and token
	embeddedOptions = session.Extended | session.SecureExplicit
)

// serve starts the server for those who have none at hand and points the
// configuration at it: its address is dialled, its name is verified.
func serve(set *Settings) (*smtptest.Server, error) {
	cfg := smtptest.Config{
		Name:   EmbeddedName,
		Mode:   smtptest.StartTLS,
		Users:  map[string]string{embeddedUser: embeddedSecret},
		Tokens: map[string]string{embeddedUser: embeddedSecret},
		Mechanisms: []string{sasl.Plain, sasl.Login, sasl.OAuthBearer, "XOAUTH2", "SCRAM-SHA-256",
			"SCRAM-SHA-256-PLUS"},
		AuthInClear: true, // a careless server: what keeps the secret back is on this side
	}
	if set.options.Has(session.SecureImplicit) {
		cfg.Mode = smtptest.Implicit
	}
	if set.Story != nil {
		set.Story(&cfg)
	}
	srv, err := begin(set, cfg)
	if err != nil {
		return nil, err
	}
	set.Config.HostAddress, set.Config.HostName, set.Config.RemotePort = srv.Host(), EmbeddedName, srv.Port()
	set.Config.Options = embeddedOptions
	if set.Config.TLS == nil {
		set.Config.TLS = &tls.Config{RootCAs: srv.Roots()}
	}
	return srv, nil
}

func begin(set *Settings, cfg smtptest.Config) (*smtptest.Server, error) {
	if set.InMemory {
		srv := smtptest.NewMemoryServer(cfg)
		set.Config.Dialer = srv
		return srv, nil
	}
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(set.port)))
	if err != nil {
		return nil, fmt.Errorf("-port: cannot serve there: %w", err)
	}
	srv, err := smtptest.Serve(ln, cfg)
	if err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("cannot serve: %w", err)
	}
	return srv, nil
}
