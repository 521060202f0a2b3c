package session

import (
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestConnect_C21_Port465WithoutTLSIsPlainAndExplained(t *testing.T) {
	for name, step := range map[string]smtptest.Step{"silence": smtptest.Silence(), "EOF": smtptest.Close()} {
		bubble(t, name, func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": step}})
			s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv, Retry: Retry{Replies: true}})
			err := s.Connect(t.Context(), WithRemotePort(465))
			if err == nil || !strings.Contains(err.Error(), "SecureImplicit") || srv.Connections() != 1 {
				t.Errorf("%v, %d connections", err, srv.Connections())
			}
			wantCommands(t, srv)
		})
	}
	srv := memory(t, smtptest.Config{})
	s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv})
	if err := s.Connect(t.Context(), WithRemotePort(465)); err != nil {
		t.Errorf("plain, as asked: %v", err)
	}
}

func TestConnect_TeaserKeepsTheRefusal(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.SayRaw("220-teaser\r\n521 5.7.1 blocked\r\n")}})
	err := newSession(t, reach(srv, Extended)).Connect(t.Context())
	if e := asError(err); e.Kind != smtp.KindProtocol || smtp.Code(err) != 521 || !e.Permanent {
		t.Errorf("%v", err)
	}
}
