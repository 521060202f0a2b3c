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
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// The same by steps, by LMTP too, with what may come between: the end of Begin's
// context, Abort, Disconnect, a recipient too late.
func TestInvariant_9_TheReceiptOfATransactionIsTheTruth(t *testing.T) {
	seed := seedOf(t)
	for n := range 200 {
		bubble(t, fmt.Sprintf("%d of %d", n, seed), func(t *testing.T) { stepByStep(t, rand.New(rand.NewPCG(seed, uint64(n)))) })
	}
}

func stepByStep(t *testing.T, r *rand.Rand) {
	var script []string
	cfg := smtptest.Config{On: map[string]smtptest.Step{}, Keywords: []string{"8BITMIME"}, LMTP: r.IntN(3) == 0}
	for _, keyword := range []string{"PIPELINING", "CHUNKING"} {
		if r.IntN(3) > 0 {
			cfg.Keywords = append(cfg.Keywords, keyword)
		}
	}
	doubtful := false
	for _, moment := range []string{"MAIL", "RCPT", "DATA", "CONTENT", "RSET"} {
		var steps []smtptest.Step
		for range 6 {
			name, step := whim(r, false)
			steps = append(steps, step)
			script = append(script, moment+" "+name)
			doubtful = doubtful || moment == "CONTENT" && !slices.Contains([]string{"usual", "450", "550", "552", "421"}, name)
		}
		cfg.On[moment] = smtptest.Sequence(append(steps, smtptest.Usual())...)
	}
	srv := memory(t, cfg)
	config := reach(srv, Extended)
	if cfg.LMTP {
		config = reachLMTP(srv)
	}
	config.Dialer, config.Flight = srv, Flight(r.IntN(3))
	s := newSession(t, config)
	interfere := r.IntN(6)
	for n := range 4 {
		if s.State().String() != "ready" {
			if n > 0 {
				<-s.Done()
			}
			if err := s.Connect(t.Context()); err != nil {
				return
			}
		}
		from := fmt.Sprintf("m%d@example.org", n)
		ctx, cancel := context.WithCancel(t.Context())
		tx, err := s.Begin(ctx, smtp.Mail{From: from})
		if err != nil {
			cancel()
			continue
		}
		cut := false
		delay := time.Duration(r.IntN(3)) * time.Minute
		var wg sync.WaitGroup
		switch interfere {
		case 0:
			cut = true
			wg.Go(func() { <-time.After(delay); cancel() })
		case 1:
			cut = true
			wg.Go(func() { <-time.After(delay); _ = tx.Abort() })
		case 2:
			cut = true
			wg.Go(func() { <-time.After(delay); _ = s.Disconnect(context.Background()) })
		}
		block := strings.Repeat("line\r\n", r.IntN(3)*r.IntN(80_000))
		k := 1 + r.IntN(3)
		for i := range k {
			_ = tx.AddRecipient(t.Context(), smtp.Recipient{Address: fmt.Sprintf("r%d@example.net", i)})
		}
		blocks := r.IntN(3)
		for range blocks {
			_, _ = io.WriteString(tx, block)
		}
		if r.IntN(4) == 0 {
			wg.Go(func() { _ = tx.AddRecipient(t.Context(), smtp.Recipient{Address: "late@example.net"}) })
		}
		receipt, err := tx.Commit(t.Context())
		wg.Wait()
		cancel()
		var kept []string
		for _, got := range srv.Messages() {
			if got.From == from {
				kept = append(kept, got.To...)
				if interfere > 2 && string(got.Content) != strings.Repeat(block, blocks) {
					t.Errorf("content")
				}
			}
		}
		all := len(receipt.Recipients) > 0
		for _, to := range receipt.Recipients {
			has := slices.Contains(kept, to.Address)
			all = all && to.Outcome == smtp.Accepted
			bad := false
			switch to.Outcome {
			case smtp.Accepted:
				bad = !has
			case smtp.Unknown:
				bad = !doubtful && !cut
			default:
				bad = has
			}
			if bad || (to.Err == nil) != (to.Outcome == smtp.Accepted) {
				t.Errorf("%v lmtp %v interfere %d: %v: %v kept %q, %v %v script %q", cfg.Keywords, cfg.LMTP, interfere, receipt, to, kept, receipt.Recipients, err, script)
			}
		}
		for _, k := range kept {
			if !slices.ContainsFunc(receipt.Recipients, func(r smtp.RecipientReceipt) bool { return r.Address == k }) {
				t.Errorf("%s is kept and not in the receipt", k)
			}
		}
		if (err == nil) != all {
			t.Errorf("err %v all %v %v interfere %d script %q", err, all, receipt.Recipients, interfere, script)
		}
		if smtp.SafeToRetry(err) && len(kept) > 0 {
			t.Errorf("safe to retry")
		}
	}
	_ = s.Close()
	<-s.Done()
}
