package session

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// whims are what a server may do at a verb; most of the time it behaves.
func whim(r *rand.Rand) (string, smtptest.Step) {
	switch r.IntN(24) {
	case 0:
		return "450", smtptest.Say("450 4.2.0 later")
	case 1:
		return "550", smtptest.Say("550 5.1.1 no")
	case 2:
		return "552", smtptest.Say("552 too many")
	case 3:
		return "421", smtptest.SayAndClose("421 4.3.2 bye")
	case 4:
		return "close", smtptest.Close()
	case 5:
		return "reset", smtptest.Reset()
	case 6:
		return "silence", smtptest.Silence()
	case 7:
		return "garbage", smtptest.SayRaw("what?\r\n")
	case 8:
		return "half", smtptest.Then(smtptest.SayRaw("550-5.7.1 no"), smtptest.Close())
	}
	return "usual", smtptest.Usual()
}

// Invariant 9: what the receipt says is what the server knows. Unknown appears
// only where all of the message was handed over and no valid answer came.
func TestInvariant_9_TheReceiptIsTheTruth(t *testing.T) {
	seed := rand.Uint64()
	for n := range 600 {
		bubble(t, fmt.Sprintf("%d of %d", n, seed), func(t *testing.T) { tellTheTruth(t, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
}

func tellTheTruth(t *testing.T, r *rand.Rand) {
	var script []string
	cfg := smtptest.Config{On: map[string]smtptest.Step{}, Keywords: []string{"8BITMIME"}}
	for _, keyword := range []string{"PIPELINING", "CHUNKING"} {
		if r.IntN(3) > 0 {
			cfg.Keywords = append(cfg.Keywords, keyword)
		}
	}
	fatalEnd := false // the answer to a content may not have come
	for _, moment := range []string{"MAIL", "RCPT", "DATA", "CONTENT", "RSET"} {
		var steps []smtptest.Step
		for range 6 {
			name, step := whim(r)
			steps = append(steps, step)
			script = append(script, moment+" "+name)
			fatalEnd = fatalEnd || moment == "CONTENT" && !slices.Contains([]string{"usual", "450", "550", "552", "421"}, name)
		}
		cfg.On[moment] = smtptest.Sequence(append(steps, smtptest.Usual())...)
	}
	srv := memory(t, cfg)
	config := reach(srv, Extended)
	config.Dialer, config.Flight = srv, Flight(r.IntN(3))
	s := newSession(t, config)
	full := config.Flight == Full && len(cfg.Keywords) == 3

	for n := range 5 {
		if s.State() != fsm.Ready {
			if n > 0 {
				<-s.Done()
			}
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		m := &smtp.Message{Mail: smtp.Mail{From: fmt.Sprintf("m%d@example.org", n)}, Policy: smtp.Policy(r.IntN(2))}
		for i := range 1 + r.IntN(4) {
			m.Recipients = append(m.Recipients, smtp.Recipient{Address: fmt.Sprintf("r%d@example.net", i)})
		}
		text := strings.Repeat("line\r\n", r.IntN(3)*r.IntN(20_000))
		m.Content = strings.NewReader(text)
		if r.IntN(2) == 0 {
			m.Content = io.MultiReader(m.Content)
		}
		receipt, err := s.Send(t.Context(), m)

		var kept []string
		whole := true
		for _, got := range srv.Messages() {
			if got.From == m.From {
				kept = append(kept, got.To...)
				whole = whole && string(got.Content) == text
			}
		}
		complain := func(format string, args ...any) {
			t.Errorf("message %d, %v, %v: %s\nkept for %q\nreceipt %v, %v\nrecipients %v\nscript %q", n, config.Flight, cfg.Keywords,
				fmt.Sprintf(format, args...), kept, receipt, err, receipt.Recipients, script)
		}
		if !whole {
			complain("another content was kept")
		}
		all := true
		for _, to := range receipt.Recipients {
			has := slices.Contains(kept, to.Address)
			all = all && to.Outcome == smtp.Accepted
			switch to.Outcome {
			case smtp.Accepted:
				if !has {
					complain("%s is said to be accepted", to.Address)
				}
			case smtp.Unknown:
				if !fatalEnd && !full {
					complain("%s is said to be unknown", to.Address)
				}
			case smtp.Rejected, smtp.NotSent:
				if has {
					complain("%s is said to be %v", to.Address, to.Outcome)
				}
			}
			if (to.Err == nil) != (to.Outcome == smtp.Accepted) {
				complain("%s has the error %v", to.Address, to.Err)
			}
		}
		if (err == nil) != all {
			complain("the error")
		}
		if smtp.SafeToRetry(err) && len(kept) > 0 {
			complain("it is safe to retry")
		}
		if m.Policy == smtp.AllOrNothing && len(kept) > 0 && len(kept) < len(m.Recipients) {
			complain("only some got it")
		}
		if t.Failed() {
			return
		}
	}
	_ = s.Disconnect(t.Context())
}
