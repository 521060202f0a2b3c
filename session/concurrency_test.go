package session

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// mischief is a server whose every answer may be a fault.
func mischief(seed uint64, mode smtptest.TLSMode) smtptest.Config {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	pick := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	faults := []smtptest.Step{
		smtptest.Close(), smtptest.Reset(), smtptest.Say("421 4.3.2 bye"), smtptest.SayAndClose("421 4.3.2 bye"), smtptest.Say("450 later"),
		smtptest.Say("550 no"), smtptest.SayRaw("garbage\r\n"), smtptest.SayRaw("250-a\r\n251 b\r\n"), smtptest.Silence(),
		smtptest.SayRaw("250 a\r\n250 b\r\n"), smtptest.Then(smtptest.SayRaw("25"), smtptest.Close()), smtptest.Trickle("250 aaaaaaaaaaaa\r\n", time.Millisecond),
	}
	on := map[string]smtptest.Step{}
	for moment, odds := range map[string]int{"CONNECT": 40, "GREETING": 12, "EHLO": 12, "HELO": 12, "STARTTLS": 12, "TLS": 25, "NOOP": 12, "QUIT": 4} {
		on[moment] = func(c *smtptest.Conn) {
			if pick(odds) == 0 {
				faults[pick(len(faults))](c)
				return
			}
			c.Usual()
		}
	}
	return smtptest.Config{Mode: mode, On: on}
}

// callers is what happens to one session.
type callers struct {
	s         *Session
	outcomes  atomic.Int64 // Connects and Starts that began a life
	refused   atomic.Int64
	succeeded atomic.Int64
}

// call makes one call at random.
func (c *callers) call(t *testing.T, rng *rand.Rand) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	switch rng.IntN(8) {
	case 0:
		n := rng.IntN(300)
		go func() { spin(n); cancel() }()
	case 1:
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(rng.IntN(5000))*time.Microsecond)
		defer stop()
	}
	s := c.s
	switch rng.IntN(12) {
	case 0, 1, 2:
		c.outcome(t, s.Connect(ctx))
	case 3:
		err := s.Start(ctx)
		c.outcome(t, err)
		if err == nil {
			_ = s.Wait(ctx)
		}
	case 4, 5, 6:
		err := s.Noop(ctx)
		var e *smtp.Error
		if err != nil && (!errors.As(err, &e) || smtp.Code(err) <= 1) {
			t.Errorf("Noop: %v, code %d", err, smtp.Code(err))
		}
	case 7:
		_ = s.Disconnect(ctx)
	case 8:
		ch, stop := s.Subscribe(events.Filter{Buffer: rng.IntN(5)})
		<-ch
		if rng.IntN(2) == 0 {
			go stop()
		}
		stop()
	case 9:
		_ = s.Snapshot().ID
		_, _ = s.TLS()
		_, _, _ = s.State(), s.Extended(), s.Capabilities()
	case 10:
		_ = s.Wait(ctx)
	case 11:
		select {
		case <-s.Done():
		default:
		}
		_ = s.Err()
	}
}

func (c *callers) outcome(t *testing.T, err error) {
	switch {
	case errors.Is(err, smtp.ErrConnected):
		c.refused.Add(1)
		return
	case errors.Is(err, smtp.ErrClosed) && !errors.Is(err, smtp.ErrCanceled):
		return // Close came first
	}
	c.outcomes.Add(1)
	var e *smtp.Error
	if err == nil {
		c.succeeded.Add(1)
	} else if !errors.As(err, &e) || e.Phase == "" || smtp.Code(err) <= 1 {
		t.Errorf("Connect: %v, code %d", err, smtp.Code(err))
	}
}

// lives collects the events of a session's lives as a hook, which misses none.
type lives struct {
	mu  sync.Mutex
	all map[uint64][][]events.Event // by session, then by life
}

func (l *lives) Kinds() events.Mask { return 0 }

func (l *lives) Event(_ context.Context, e events.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := e.Head()
	for uint64(len(l.all[h.Session])) <= h.Life {
		l.all[h.Session] = append(l.all[h.Session], nil)
	}
	l.all[h.Session][h.Life] = append(l.all[h.Session][h.Life], e)
}

// H25, invariants 1, 2 and 3 under -race: whatever is called from wherever, and
// whatever the server does.
func TestConcurrency_AnyCallFromAnywhere(t *testing.T) {
	for mode, p := range modes() {
		t.Run(mode, func(t *testing.T) {
			leakless(t, func() {
				t.Run("lives", func(t *testing.T) { turmoil(t, p) })
			})
		})
	}
}

func turmoil(t *testing.T, p place) {
	const sessions, goroutines, operations = 6, 8, 250
	heard := &lives{all: map[uint64][][]events.Event{}}
	scopes := make([]*everyHook, sessions)
	all := make([]*callers, sessions)
	servers := make([]*smtptest.Server, sessions)
	var wg sync.WaitGroup
	for i := range all {
		servers[i] = loopback(t, mischief(uint64(i), p.mode))
		scopes[i] = &everyHook{open: new([]string)}
		c := p.config(servers[i])
		c.Hooks = []events.Hook{heard, scopes[i]}
		c.Timeout = 30 * time.Millisecond
		c.Retry = Retry{MaxAttempts: 2, Replies: i%2 == 0, Policy: soon}
		s, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = &callers{s: s}
		for g := range goroutines {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(i), uint64(g)))
				for n := range operations {
					all[i].call(t, rng)
					if i >= sessions/2 && g < 2 && n == operations/2 { // while the others go on
						_ = s.Close()
					}
				}
			})
		}
	}
	wg.Wait()
	for i, c := range all {
		var closing sync.WaitGroup
		for range 3 {
			closing.Go(func() { _ = c.s.Close() })
		}
		closing.Wait()
		within(t, c.s.Done(), "the end")
		if err := c.s.Connect(t.Context()); !errors.Is(err, smtp.ErrClosed) {
			t.Errorf("Connect after Close: %v", err)
		}
		allClosed(t, servers[i])
		scopes[i].check(t)
		checkLives(t, c, heard.all[c.s.ID()])
	}
}

// checkLives looks at all the lives of a session: as many as calls began one,
// and each of them parses.
func checkLives(t *testing.T, c *callers, lives [][]events.Event) {
	t.Helper()
	var seq uint64
	ready := int64(0)
	began := int64(0)
	for number, life := range lives {
		if len(life) == 0 {
			continue // life 0 is none; a Close without a life says closed there
		}
		first := events.OnStateChange{Header: life[0].Head()}
		if change, ok := life[0].(events.OnStateChange); ok {
			first.From, first.To = change.From, change.From
		}
		if first.Seq != seq+1 {
			t.Errorf("life %d begins with Seq %d after %d", number, first.Seq, seq)
		}
		first.Header.Seq = seq
		seq = life[len(life)-1].Head().Seq
		if number == 0 {
			continue
		}
		began++
		checkLife(t, append([]events.Event{first}, life...))
		ready += int64(count(life, events.KindConnect))
	}
	if began != c.outcomes.Load() {
		t.Errorf("%d lives, and %d calls began one", began, c.outcomes.Load())
	}
	t.Logf("%d lives, %d of them ready; %d refused", began, ready, c.refused.Load())
}
