package session

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestConnect_C11_NoneIsHELOWhateverTheBannerSays(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("220 mx.test ESMTP ready")}})
	s := linked(t, reach(srv, None))
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "HELO client.test", "QUIT")
}

func TestConnect_C12_EHLORefusedFallsBackToHELO(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}})
	s := linked(t, reach(srv, Extended))
	if s.Extended() || s.Capabilities().String() != "" {
		t.Errorf("extended %v, %v", s.Extended(), s.Capabilities())
	}
	_ = s.Disconnect(t.Context())
	wantCommands(t, srv, "EHLO client.test", "HELO client.test", "QUIT")
}

func TestConnect_C12_BothRefusedFailsWithEHLOsReply(t *testing.T) {
	srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{
		"EHLO": smtptest.Say("550 no such thing"), "HELO": smtptest.Say("554 go away")}})
	err := newSession(t, reach(srv, Extended)).Connect(t.Context())
	e := asError(err)
	if e.Kind != smtp.KindReply || e.Command != "EHLO" || smtp.Code(err) != 550 || !strings.Contains(err.Error(), "554 go away") || !e.Permanent {
		t.Errorf("%v", err)
	}
}

func TestConnect_C12_NotHiddenByAHELO(t *testing.T) {
	for said, step := range map[int]smtptest.Step{
		421: smtptest.SayAndClose("421 4.3.2 closing"), 10054: smtptest.Close(), 451: smtptest.Say("451 4.3.0 later"),
	} {
		srv := loopback(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": step}})
		err := newSession(t, reach(srv, Extended)).Connect(t.Context())
		if smtp.Code(err) != said || asError(err).Phase != "ehlo" || asError(err).Permanent {
			t.Errorf("%d: %v", said, err)
		}
		for _, line := range srv.Commands() {
			if strings.HasPrefix(line, "HELO") {
				t.Errorf("%d: said %q", said, line)
			}
		}
	}
}

func TestConnect_EHLOName(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	for given, want := range map[string]string{
		"client.test": "client.test", "bücher.example": "xn--bcher-kva.example", "192.0.2.9": "[192.0.2.9]",
		"2001:db8::9": "[IPv6:2001:db8::9]", "single": "single",
	} {
		c := reach(srv, Extended)
		c.LocalName = given
		s := linked(t, c)
		_ = s.Disconnect(t.Context())
		if got := srv.Commands()[len(srv.Commands())-2]; got != "EHLO "+want {
			t.Errorf("%q: %q", given, got)
		}
	}
	for _, bad := range []string{"a b", "client.test\r\nQUIT", "-x", "a_b"} {
		if _, err := planOf(&Config{HostName: "a.test", LocalName: bad}); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for name, full := range map[string]bool{
		"mx.example.org": true, "box": false, "box.local": false, "box.localdomain": false, "box.INTERNAL": false, "a_b.test": false, "10.0.0.1": false,
	} {
		if got, ok := fullName(name); ok != full {
			t.Errorf("fullName(%q) = %q, %v", name, got, ok)
		}
	}
	if got, ok := fullName("bücher.example"); !ok || got != "xn--bcher-kva.example" {
		t.Errorf("%q, %v", got, ok)
	}
	if got := literalOf(&net.TCPAddr{IP: net.ParseIP("fe80::1"), Zone: "eth0"}); got != "[IPv6:fe80::1]" {
		t.Error(got)
	}
	if got := literalOf(&net.UnixAddr{Name: "/x"}); got != "[127.0.0.1]" || strings.Contains(got, "localhost") {
		t.Error(got)
	}
}
