package session

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// whims are what a server may do at a verb; most of the time it behaves.
func whim(r *rand.Rand, oneByOne bool) (string, smtptest.Step) {
	switch r.IntN(26) {
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
	case 9:
		if oneByOne { // else nobody can tell which answer is one too many
			return "two", smtptest.SayRaw("550 5.1.1 no\r\n550 5.1.1 no\r\n")
		}
	case 10:
		if oneByOne {
			return "no, yes", smtptest.SayRaw("550 5.1.1 no\r\n250 2.0.0 yes\r\n")
		}
	}
	return "usual", smtptest.Usual()
}

// Invariant 9: what the receipt says is what the server knows. Unknown appears
// only where all of the message was handed over and no valid answer came.
func TestInvariant_9_TheReceiptIsTheTruth(t *testing.T) {
	seed := seedOf(t)
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
	flight := Flight(r.IntN(3))
	full := flight == Full && len(cfg.Keywords) == 3
	var mu sync.Mutex
	played := map[string][]string{} // by moment, since the message began
	for _, moment := range []string{"MAIL", "RCPT", "DATA", "CONTENT", "RSET"} {
		var steps []smtptest.Step
		for range 6 {
			name, step := whim(r, flight == Single || !slices.Contains(cfg.Keywords, "PIPELINING"))
			steps = append(steps, func(c *smtptest.Conn) {
				mu.Lock()
				played[moment] = append(played[moment], name)
				mu.Unlock()
				step(c)
			})
			script = append(script, moment+" "+name)
		}
		cfg.On[moment] = smtptest.Sequence(append(steps, smtptest.Usual())...)
	}
	srv := memory(t, cfg)
	config := reach(srv, Extended)
	config.Dialer, config.Flight = srv, flight
	s := newSession(t, config)
	// mute reports a step of a moment that left the client without a valid answer.
	mute := func(moment string) bool {
		mu.Lock()
		defer mu.Unlock()
		return slices.ContainsFunc(played[moment], func(name string) bool {
			return !slices.Contains([]string{"usual", "450", "550", "552", "421", "two"}, name)
		})
	}

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
		ctx, cancel := context.WithCancel(t.Context())
		broken := r.IntN(8) == 0
		switch end := r.IntN(3); {
		case !broken:
		case end == 0:
			m.Content = io.MultiReader(m.Content, readFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
		case end == 1:
			m.Content = io.MultiReader(m.Content, readFunc(func([]byte) (int, error) { return 0, fmt.Errorf("cut off: %w", io.EOF) }))
		default:
			m.Content = io.MultiReader(m.Content, readFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
		}
		mu.Lock()
		clear(played)
		mu.Unlock()
		receipt, err := s.Send(ctx, m)
		cancel()

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
		if !whole || broken && len(kept) > 0 {
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
				if !mute("CONTENT") && (!full || !mute("MAIL") && !mute("RCPT")) {
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
