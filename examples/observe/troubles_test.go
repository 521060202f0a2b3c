package main

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// decisions returns what a fate has decided a hundred times.
func decisions(chance float64, seed uint64) (all []int) {
	which := 0
	f := &fate{chance: chance, rng: rand.New(rand.NewPCG(seed, streamOf("MAIL")))}
	for i := range 3 {
		f.among = append(f.among, func(*smtptest.Conn) { which = i + 1 })
	}
	s := smtptest.NewMemoryServer(smtptest.Config{Script: func(c *smtptest.Conn) {
		for range 100 {
			which = 0
			f.play(c)
			all = append(all, which)
		}
	}})
	if conn, err := s.DialContext(context.Background(), "tcp", ""); err == nil {
		_, _ = conn.Read(make([]byte, 1))
		_ = conn.Close()
	}
	_ = s.Close()
	return all
}

// The same seed is the same troubles, another is others; the share is kept.
func TestFate_IsThatOfItsSeed(t *testing.T) {
	some := decisions(0.3, 7)
	if !slices.Equal(some, decisions(0.3, 7)) {
		t.Error("the same seed is not the same troubles")
	}
	if slices.Equal(some, decisions(0.3, 8)) {
		t.Error("another seed is the same troubles")
	}
	struck := 0
	for _, which := range some {
		if which > 0 {
			struck++
		}
	}
	if len(some) != 100 || struck < 15 || struck > 45 {
		t.Errorf("%d of %d at a chance of 0.3", struck, len(some))
	}
	for chance, never := range map[float64]int{0: 1, 1: 0} {
		all := decisions(chance, 7)
		if slices.Contains(all, never) || len(all) != 100 {
			t.Errorf("at a chance of %v: %v", chance, all)
		}
	}
}

// Each trouble is in the table of a server.
func TestTroubles_HaveTheirMoments(t *testing.T) {
	on := troubles(0.5, 1, time.Second)
	for _, list := range [][]trouble{ofConnections(0), ofMessages(0)} {
		for _, c := range list {
			if on[c.moment] == nil {
				t.Errorf("nothing happens at %s", c.moment)
			}
		}
	}
}
