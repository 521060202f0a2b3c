package session

import (
	"context"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// openFiles counts the descriptors of the process.
func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// leakless runs f and fails if it leaves a goroutine or a descriptor.
func leakless(t *testing.T, f func()) {
	t.Helper()
	srv := loopback(t, smtptest.Config{}) // the poller's own descriptors exist from here on
	before, goroutines := openFiles(t), goleak.IgnoreCurrent()
	f()
	if err := goleak.Find(goroutines); err != nil {
		t.Error(err)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors, were %d", after, before)
	}
	_ = srv.Close()
}

// On sockets, with the server's end closed too, so that every descriptor of the
// process counts.
func TestInvariant_3_NothingOutlivesAFault(t *testing.T) {
	for _, p := range places() {
		for _, f := range faults() {
			t.Run(p.name+"/"+f.name, func(t *testing.T) {
				leakless(t, func() {
					t.Run("life", func(t *testing.T) {
						srv := loopback(t, p.server(f.step))
						c := p.config(srv)
						c.Timeout = 5 * time.Second
						if f.kind == smtp.KindTimeout {
							c.Timeouts = p.impatient(50 * time.Millisecond)
						}
						c.Retry.MaxAttempts = 1
						s, err := New(c)
						if err != nil {
							t.Fatal(err)
						}
						// A second life after the first, and no Close at the end.
						for range 2 {
							evs, _ := p.visit(t, s)
							checkLife(t, evs)
							if s.State() != fsm.Closed {
								t.Errorf("in %v", s.State())
							}
						}
					})
				})
			})
		}
	}
}

// A context of the caller's is left with nothing registered on it, and none of
// those made for a look-up or a dial still has its timer, when the connect is
// over: well or not.
func TestInvariant_3_NoTimerOutlivesAConnect(t *testing.T) {
	steps := map[string]smtptest.Step{"": nil, "GREETING": smtptest.Say("554 no"), "EHLO": smtptest.Close(), "TLS": smtptest.Reset(), "STARTTLS": smtptest.Silence()}
	for moment, step := range steps {
		for name, call := range calls {
			bubble(t, name+"/"+moment, func(t *testing.T) {
				p := place{moment: moment, mode: smtptest.StartTLS, options: SecureExplicit}
				srv := memory(t, p.server(step))
				c := p.config(srv)
				kept := &contexts{}
				c.HostName = "smtptest.test"
				c.Resolver = lookUpFunc(func(ctx context.Context, network, _ string) ([]netip.Addr, error) {
					kept.add(ctx)
					if network == "ip6" {
						return nil, &net.DNSError{IsNotFound: true}
					}
					return []netip.Addr{netip.MustParseAddr("192.0.2.25"), netip.MustParseAddr("192.0.2.26")}, nil
				})
				c.Dialer = dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
					kept.add(ctx)
					return srv.DialContext(ctx, network, address)
				})
				s := newSession(t, c)
				ctx := &counting{Context: t.Context()}
				if moment == "" && name == "Start" {
					if err := s.Start(ctx); err != nil {
						t.Fatal(err)
					}
					if err := s.Wait(t.Context()); err != nil {
						t.Error(err)
					}
				} else if err := call(ctx, s); (err == nil) != (moment == "") {
					t.Error(err)
				}
				if ctx.next == 0 {
					t.Fatal("nothing was registered")
				}
				if n := ctx.left(); n != 0 {
					t.Errorf("%d functions wait for the end of the caller's context", n)
				}
				if len(kept.all) < 3 {
					t.Fatalf("%d contexts", len(kept.all))
				}
				for _, ctx := range kept.all {
					if ctx.Err() == nil {
						t.Errorf("%v lives", ctx)
					}
				}
			})
		}
	}
}

type contexts struct {
	mu  sync.Mutex
	all []context.Context
}

func (c *contexts) add(ctx context.Context) {
	c.mu.Lock()
	c.all = append(c.all, ctx)
	c.mu.Unlock()
}

// counting counts what package context registers on it.
type counting struct {
	context.Context
	mu   sync.Mutex
	open map[int]bool
	next int
}

// Value hides the context below, or package context would register there.
func (c *counting) Value(any) any { return nil }

// AfterFunc is what package context looks for in a foreign context.
func (c *counting) AfterFunc(f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[int]bool{}
	}
	c.next++
	id := c.next
	c.open[id] = true
	stop := context.AfterFunc(c.Context, func() {
		c.forget(id)
		f()
	})
	return func() bool {
		c.forget(id)
		return stop()
	}
}

func (c *counting) forget(id int) {
	c.mu.Lock()
	delete(c.open, id)
	c.mu.Unlock()
}

func (c *counting) left() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}
