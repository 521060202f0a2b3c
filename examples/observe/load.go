package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// grace is how long the messages under way may take once the program is to end.
const grace = 5 * time.Second

// load keeps a number of sessions at work.
type load struct {
	config   session.Config
	sessions int
	think    time.Duration // the mean pause between two messages
	seed     uint64
	bounded  bool         // left counts
	left     atomic.Int64 // messages that may still be sent
}

// run returns when ctx ends or no message is left to send, and no session is. What
// is under way when ctx ends has the grace.
func (l *load) run(ctx context.Context) {
	inTime, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var all sync.WaitGroup
	for i := range l.sessions {
		all.Go(func() { l.keep(ctx, inTime, rand.New(rand.NewPCG(l.seed, uint64(i)))) })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		all.Wait()
	}()
	select {
	case <-ended:
		return
	case <-ctx.Done():
	}
	timer := time.AfterFunc(grace, cancel)
	defer timer.Stop()
	<-ended
}

// keep lives one life after another, each of a Session of its own: an operator who
// aborts one has closed it for good.
func (l *load) keep(ctx, inTime context.Context, rng *rand.Rand) {
	never := make(chan struct{})
	for l.pause(ctx, never, rng) && !l.over() {
		s, err := session.New(l.config)
		if err != nil {
			return // open has made one
		}
		l.life(ctx, inTime, s, rng)
		_ = s.Close()
		<-s.Done()
	}
}

// life connects, logs in, sends a few messages and says QUIT. What goes wrong the
// events, the metrics and the spans tell. A message is never sent again here.
func (l *load) life(ctx, inTime context.Context, s *session.Session, rng *rand.Rand) {
	if s.Connect(ctx) != nil {
		return
	}
	defer func() { _ = s.Disconnect(inTime) }()
	if s.Authenticate(ctx) != nil {
		return
	}
	for range 3 + rng.IntN(6) {
		if !l.pause(ctx, s.Done(), rng) || !l.take() {
			return
		}
		if _, err := s.Send(inTime, letter(rng)); errors.Is(err, smtp.ErrNotConnected) {
			l.left.Add(1) // the server had just gone: the session has not taken it
		}
	}
}

// pause waits half to three halves of think and reports whether there is a reason
// to go on: gone and the context have not ended.
func (l *load) pause(ctx context.Context, gone <-chan struct{}, rng *rand.Rand) bool {
	timer := time.NewTimer(l.think/2 + time.Duration(rng.Int64N(int64(l.think))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-gone:
	case <-ctx.Done():
	}
	return false
}

// take reports whether another message may be sent.
func (l *load) take() bool { return !l.bounded || l.left.Add(-1) >= 0 }

// over reports whether none may.
func (l *load) over() bool { return l.bounded && l.left.Load() <= 0 }

// text is what the messages are made of.
var text = strings.Repeat("It was a bright cold day in April, and the clocks were striking thirteen.\r\n", 512)

// letter makes a message of up to 38 kB to one, two or three recipients.
func letter(rng *rand.Rand) *smtp.Message {
	line := len(text) / 512
	var to []string
	for range 1 + rng.IntN(3) {
		to = append(to, fmt.Sprintf("user%d@%s", rng.IntN(1000), hostName))
	}
	return &smtp.Message{
		Mail:       smtp.Mail{From: "observe@client.example"},
		Recipients: smtp.To(to...),
		Content: strings.NewReader("From: <observe@client.example>\r\nSubject: one of many\r\n\r\n" +
			text[:line*(1+rng.IntN(512))]),
	}
}
