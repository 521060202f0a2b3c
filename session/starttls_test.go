package session

import (
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestConnect_C15_SecureExplicit(t *testing.T) {
	srv := loopback(t, smtptest.Config{Mode: smtptest.StartTLS, Keywords: []string{"SIZE 1", "8BITMIME"}, KeywordsTLS: []string{"SIZE 2"}})
	s := linked(t, reach(srv, SecureExplicit))
	caps := s.Capabilities()
	if size, _ := caps.Params("SIZE"); size != "2" || caps.Has("8BITMIME") || caps.Has("STARTTLS") {
		t.Errorf("capabilities in clear are not forgotten: %v", caps)
	}
	if s.Extended() {
		t.Error("the EHLO that TLS needs does not set Extended")
	}
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "EHLO client.test", "STARTTLS", "EHLO client.test", "QUIT")
}

// afterHello answers a ClientHello in clear.
func afterHello(c *smtptest.Conn) {
	_, _ = c.NetConn().Read(make([]byte, 1))
	_ = c.Write("554 no TLS here, sorry\r\n")
	c.Close()
}

func TestConnect_C15_NeverOnInClear(t *testing.T) {
	for name, row := range map[string]struct {
		c    smtptest.Config
		kind smtp.Kind
		code int
	}{
		"not offered (H1)": {smtptest.Config{Users: map[string]string{"u": "p"}, AuthInClear: true}, smtp.KindNoTLS, 20005},
		"refused":          {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"STARTTLS": smtptest.Say("454 4.7.0 not now")}}, smtp.KindReply, 454},
		"no EHLO":          {smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("500 what?")}}, smtp.KindNoTLS, 500},
		"octets behind the 220 (H2)": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"STARTTLS": smtptest.SayRaw("220 go\r\n250 injected\r\n")}}, smtp.KindProtocol, 20006},
		"no handshake": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{"TLS": afterHello}}, smtp.KindTLS, 20003},
		"second EHLO refused": {smtptest.Config{Mode: smtptest.StartTLS, On: map[string]smtptest.Step{
			"EHLO": smtptest.Sequence(smtptest.Usual(), smtptest.Say("502 no more"))}}, smtp.KindReply, 502},
	} {
		srv := loopback(t, row.c)
		s := newSession(t, reach(srv, SecureExplicit|Extended))
		err := s.Connect(t.Context())
		if e := asError(err); err == nil || e.Kind != row.kind || smtp.Code(err) != row.code {
			t.Errorf("%s: %v (%d)", name, err, smtp.Code(err))
		}
		for _, line := range srv.Commands() {
			if verb, _, _ := strings.Cut(line, " "); verb != "EHLO" && verb != "STARTTLS" && verb != "QUIT" {
				t.Errorf("%s: %q went out", name, line)
			}
		}
	}
}
