package session

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func begin(t testing.TB, s *Session) *Transaction {
	t.Helper()
	tx, err := s.Begin(t.Context(), smtp.Mail{From: "from@example.org"})
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestTransaction_ByStepsArrivesWhatWasMeant(t *testing.T) {
	for offered, keywords := range keywordSets() {
		for name, text := range map[string]string{"letter": letter, "empty": "", "large": strings.Repeat("twenty octets a line\r\n", 40_000)} {
			t.Run(offered+"/"+name, func(t *testing.T) {
				s, srv, evs := enter(t, smtptest.Config{Keywords: keywords, On: map[string]smtptest.Step{
					"RCPT": smtptest.Sequence(smtptest.Usual(), smtptest.Say("550 5.1.1 nobody"), smtptest.Usual())}}, Extended)
				tx := begin(t, s)
				for i, to := range []string{"a@example.net", "nobody@example.net", "b@example.net"} {
					err := tx.AddRecipient(t.Context(), smtp.Recipient{Address: to})
					if (smtp.Code(err) == 550) != (i == 1) {
						t.Errorf("%s: %v", to, err)
					}
				}
				if _, err := io.WriteString(tx, text); err != nil {
					t.Error(err)
				}
				r, err := tx.Commit(t.Context())
				if r.Outcome != smtp.Accepted || !errors.Is(err, smtp.ErrSomeRefused) || len(r.Recipients) != 3 || r.Recipients[1].Outcome != smtp.Rejected {
					t.Errorf("%v: %+v", err, r)
				}
				if err := tx.Abort(); err != nil {
					t.Errorf("Abort after Commit: %v", err)
				}
				leave(t, s, evs)
				if m := srv.Messages(); len(m) != 1 || string(m[0].Content) != text || len(m[0].To) != 2 {
					t.Errorf("%d messages", len(m))
				}
				if said(srv, "RSET") != 0 {
					t.Errorf("%q", srv.Commands())
				}
			})
		}
	}
}

// While it is open the session is its own.
func TestTransaction_EveryOtherRequestIsRefused(t *testing.T) {
	c := licensed(smtptest.Implicit, "PLAIN")
	s, srv, evs := enter(t, c, Extended|SecureImplicit)
	tx := begin(t, s)
	ctx := t.Context()
	for name, err := range map[string]error{
		"Authenticate": s.Authenticate(ctx, credentials("PLAIN", "")...),
		"Noop":         s.Noop(ctx),
		"Reset":        s.Reset(ctx),
		"Begin":        func() error { _, err := s.Begin(ctx, smtp.Mail{}); return err }(),
		"Send": func() error {
			_, err := s.Send(ctx, &smtp.Message{Recipients: smtp.To("a@b.example"), Content: strings.NewReader("")})
			return err
		}(),
		"Command": func() error { _, err := s.Command(ctx, "HELP"); return err }(),
	} {
		if !errors.Is(err, smtp.ErrBusy) || smtp.Code(err) != 10035 || !strings.Contains(err.Error(), "Commit or Abort") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := tx.AddRecipient(ctx, smtp.Recipient{Address: "a@example.net"}); err != nil {
		t.Error(err)
	}
	if err := tx.Abort(); err != nil {
		t.Error(err)
	}
	// The transaction that was left open is ended before AUTH (RFC 4954 4).
	if err := s.Authenticate(ctx, credentials("PLAIN", "")...); err != nil {
		t.Error(err)
	}
	leave(t, s, evs)
	wantCommands(t, srv, "EHLO client.test", "MAIL FROM:<from@example.org> BODY=8BITMIME", "RCPT TO:<a@example.net>", "RSET", "AUTH PLAIN <redacted>", "NOOP", "QUIT")
	if len(srv.Messages()) != 0 {
		t.Error("an aborted message was delivered")
	}
}

func TestTransaction_EndsWithBeginsContextAndTheSessionGoesOn(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, srv, evs := enter(t, smtptest.Config{}, Extended)
		ctx, cancel := context.WithCancelCause(t.Context())
		tx, err := s.Begin(ctx, smtp.Mail{})
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Hour) // parked, without a timer
		cancel(errMine)
		for s.Snapshot().State.String() != "ready" {
			<-time.After(time.Millisecond)
		}
		r, err := tx.Commit(t.Context())
		if !errors.Is(err, errMine) || r.Outcome != smtp.NotSent {
			t.Errorf("%v, %v", r, err)
		}
		if _, err := s.Send(t.Context(), &smtp.Message{Recipients: smtp.To("a@b.example"), Content: strings.NewReader(letter)}); err != nil {
			t.Error(err)
		}
		all := leave(t, s, evs)
		if count(all, events.KindMessage) != 2 || said(srv, "RSET") != 1 || len(srv.Messages()) != 1 {
			t.Errorf("%v, %q", kindsOf(all), srv.Commands())
		}
	})
}

func TestTransaction_TheServersGoodbyeIsHeardWhileItIsOpen(t *testing.T) {
	for _, c := range []string{"421 4.3.2 bye\r\n", "250 what?\r\n"} {
		bubble(t, c[:3], func(t *testing.T) {
			srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"MAIL": smtptest.Then(smtptest.SayRaw("250 ok\r\n"), later(time.Minute, c))}})
			config := reach(srv, Extended)
			config.Dialer = srv
			s := newSession(t, config)
			evs := record(t, s)
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			tx := begin(t, s)
			<-s.Done()
			if took := time.Since(begun); took != time.Minute {
				t.Errorf("after %v", took)
			}
			r, err := tx.Commit(t.Context())
			if err == nil || r.Outcome == smtp.Accepted || r.Outcome == smtp.Unknown {
				t.Errorf("%v, %v", r, err)
			}
			checkLife(t, evs())
		})
	}
}
