package session

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtptest"
)

// newSession makes a session that ends with the test: closed, and its goroutine
// gone.
func newSession(t testing.TB, c Config) *Session {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		<-s.Done()
	})
	return s
}

// record subscribes to everything. The function it returns waits for the end of
// the life, or of the next one if there is none, and returns all its events.
func record(t testing.TB, s *Session) func() []events.Event {
	t.Helper()
	ch, _ := s.Subscribe(events.Filter{Buffer: 4096})
	return func() []events.Event {
		var all []events.Event
		for e := range ch {
			all = append(all, e)
		}
		return all
	}
}

// kindsOf returns the kinds of events in order, but for the state changes.
func kindsOf(evs []events.Event) []events.Kind {
	var kinds []events.Kind
	for _, e := range evs {
		if e.Kind() != events.KindStateChange {
			kinds = append(kinds, e.Kind())
		}
	}
	return kinds
}

// dialFunc is a Dialer.
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

// A lookUpFunc is a Resolver.
type lookUpFunc func(ctx context.Context, network, host string) ([]netip.Addr, error)

func (f lookUpFunc) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return f(ctx, network, host)
}

// within waits for c, for as long as a loaded machine may need.
func within(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	timer := time.NewTimer(20 * time.Second)
	defer timer.Stop()
	select {
	case <-c:
	case <-timer.C:
		t.Fatalf("%s: not within 20 s", what)
	}
}

// onEvent returns a hook that calls f for events of kind k.
func onEvent(k events.Kind, f func(events.Event)) events.Hook { return eventFunc{k, f} }

type eventFunc struct {
	kind events.Kind
	f    func(events.Event)
}

func (h eventFunc) Kinds() events.Mask { return events.MaskOf(h.kind) }

func (h eventFunc) Event(_ context.Context, e events.Event) { h.f(e) }

// soon is a policy of a millisecond.
func soon() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) }

// printed returns v as every way of printing shows it.
func printed(v any) []string {
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("", "v", v)
	return []string{fmt.Sprint(v), fmt.Sprintf("%+v", v), fmt.Sprintf("%#v", v), fmt.Sprintf("%q", v), b.String()}
}

// linked makes a session and connects it.
func linked(t testing.TB, c Config, opts ...ConnectOption) *Session {
	t.Helper()
	s := newSession(t, c)
	if err := s.Connect(t.Context(), opts...); err != nil {
		t.Fatalf("Connect: %v", err)
	}
	return s
}

// reach returns what reaches srv with the given options.
func reach(srv *smtptest.Server, o Options) Config {
	return Config{HostName: srv.Host(), RemotePort: srv.Port(), LocalName: "client.test", Options: o,
		TLS: &tls.Config{RootCAs: srv.Roots()}, Retry: Retry{MaxAttempts: 1}}
}

func wantCommands(t testing.TB, srv *smtptest.Server, want ...string) {
	t.Helper()
	if got := srv.Commands(); !slices.Equal(got, want) {
		t.Errorf("commands %q, want %q", got, want)
	}
}

// seedOf returns what a test takes its chances by: EHLO_SEED if that is set, to play
// once more what has failed.
func seedOf(t testing.TB) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("EHLO_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("EHLO_SEED: %v: want the number that a test has logged", err)
		}
	}
	t.Logf("EHLO_SEED=%d plays it again", seed)
	return seed
}

func TestSeedOf_IsTheOneGiven(t *testing.T) {
	t.Setenv("EHLO_SEED", "18446744073709551615")
	if got := seedOf(t); got != 1<<64-1 {
		t.Error(got)
	}
	t.Setenv("EHLO_SEED", "")
	if first, second := seedOf(t), seedOf(t); first == second {
		t.Error("without one the seed is always the same")
	}
}
