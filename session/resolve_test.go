package session

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// The name of a proxy's target is the proxy's to look up: asking DNS of this
// machine would tell whom the proxy is to hide.
func TestResolve_AProxysTargetIsNotLookedUpHere(t *testing.T) {
	for _, scheme := range []string{"socks5", "http"} {
		t.Run(scheme, func(t *testing.T) {
			dialled := ""
			s := newSession(t, Config{HostName: "mail.test", Resolver: noLookUp(t), Retry: Retry{MaxAttempts: 1},
				Proxy: &url.URL{Scheme: scheme, Host: "192.0.2.9:1080"},
				Dialer: dialFunc(func(_ context.Context, _, address string) (net.Conn, error) {
					dialled = address
					return nil, errors.New("nobody there")
				})})
			err := s.Connect(t.Context())
			if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Phase != "dial" || dialled != "192.0.2.9:1080" {
				t.Errorf("dialled %q: %v", dialled, err)
			}
		})
	}
}
