package session

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestHostile_H12_AnyFaultInAHandshakeIsTheRightClassOfError(t *testing.T) {
	modes := map[string]place{
		"tls":      {phase: fsm.TLS, moment: "TLS", mode: smtptest.Implicit, options: SecureImplicit},
		"starttls": {phase: fsm.StartTLS, moment: "TLS", mode: smtptest.StartTLS, options: SecureExplicit},
	}
	for mode, p := range modes {
		for _, f := range []struct {
			name    string
			step    smtptest.Step
			kind    smtp.Kind
			retried bool // before a greeting
		}{
			{"silence", smtptest.Silence(), smtp.KindTimeout, false},
			{"trickle", smtptest.Trickle("\x16\x03\x03\x00\xff"+string(make([]byte, 300)), time.Second), smtp.KindTimeout, false},
			{"reset", smtptest.Reset(), smtp.KindLost, true},
			{"close", smtptest.Close(), smtp.KindLost, true},
			{"cut record", smtptest.Then(smtptest.SayRaw("\x16\x03\x03\x00\xff\x02"), smtptest.Close()), smtp.KindLost, true},
			{"clear text", smtptest.SayRaw("454 4.7.0 no TLS now\r\n"), smtp.KindTLS, false},
			{"alert", smtptest.SayRaw("\x15\x03\x03\x00\x02\x02\x28"), smtp.KindTLS, false},
			{"no handshake", smtptest.SayRaw("\x16\x03\x03\x00\x04aaaa"), smtp.KindTLS, false},
			// crypto/tls takes a handshake message of 64 KiB, here in records of 4 octets.
			{"flood", smtptest.Flood("\x16\x03\x03\x00\x04\x02\x00\xff\xff"), smtp.KindTLS, false},
		} {
			bubble(t, mode+"/"+f.name, func(t *testing.T) {
				srv := memory(t, p.server(f.step))
				c := p.config(srv)
				dialer := &watched{Dialer: srv}
				c.Dialer, c.Retry = dialer, Retry{MaxAttempts: 3, Policy: soon}
				s := newSession(t, c)
				begun := time.Now()
				evs, err := p.visit(t, s)
				var e *smtp.Error
				if !errors.As(err, &e) || e.Kind != f.kind || e.Phase != p.phase.String() || e.Permanent || smtp.Code(err) != f.kind.Row().Code {
					t.Errorf("%v, code %d, want %v in %v", err, smtp.Code(err), f.kind, p.phase)
				}
				want := 1
				if f.retried && p.phase == fsm.TLS {
					want = 3
				}
				if n := srv.Connections(); n != want || count(evs, events.KindRetry) != want-1 {
					t.Errorf("%d attempts, want %d", n, want)
				}
				if took := time.Since(begun); f.kind == smtp.KindTimeout && took != time.Minute {
					t.Errorf("took %v, want a minute", took)
				}
				for _, conn := range dialer.all() {
					if !conn.isClosed() || conn.octets() > 256<<10 {
						t.Errorf("closed %v, %d octets", conn.isClosed(), conn.octets())
					}
				}
				if slices.Contains(srv.Commands(), "QUIT") {
					t.Error("QUIT in clear, in the middle of a handshake")
				}
				checkLife(t, evs)
				allClosed(t, srv)
			})
		}
	}
}
