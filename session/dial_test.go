package session

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// addresses is a Resolver that answers with those of the family asked for.
func addresses(addrs ...string) lookUpFunc {
	return func(_ context.Context, network, _ string) ([]netip.Addr, error) {
		var found []netip.Addr
		for _, a := range addrs {
			if addr := netip.MustParseAddr(a); addr.Is4() == (network == "ip4") {
				found = append(found, addr)
			}
		}
		return found, nil
	}
}

func TestConnect_C9_TheDialIsBoundedAndNoLimitStillHearsTheContext(t *testing.T) {
	hang := dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	bubble(t, "dial", func(t *testing.T) {
		begun := time.Now()
		s := newSession(t, Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "192.0.2.2", "2001:db8::1"), Dialer: hang, Retry: Retry{MaxAttempts: 1}})
		err := s.Connect(t.Context(), WithTimeout(9*time.Second))
		if !errors.Is(err, smtp.ErrTimeout) || time.Since(begun) != 9*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
	bubble(t, "no limit", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
		ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
		defer cancel()
		begun := time.Now()
		s := newSession(t, Config{HostName: "192.0.2.1", Dialer: srv})
		err := s.Connect(ctx, WithTimeout(0))
		if !errors.Is(err, smtp.ErrCanceled) || !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 24*time.Hour {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestConnect_C13_Tunnel(t *testing.T) {
	if p := mustPlan(t, &Config{HostName: "far.test", Options: Tunnel}, WithRemoteHost("localhost"), WithRemotePort(587)); p.extended {
		t.Error("587 means nothing at a tunnel's end")
	}
	bubble(t, "one dial, no race", func(t *testing.T) {
		var mu sync.Mutex
		var dialled []string
		s := newSession(t, Config{Options: Tunnel, Resolver: addresses("192.0.2.1", "192.0.2.2", "2001:db8::1"), Retry: Retry{MaxAttempts: 1},
			Dialer: dialFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
				mu.Lock()
				dialled = append(dialled, address)
				mu.Unlock()
				<-ctx.Done()
				return nil, ctx.Err()
			})})
		if err := s.Connect(t.Context(), WithRemoteHost("tunnel.test"), WithRemotePort(10025)); !errors.Is(err, smtp.ErrTimeout) {
			t.Errorf("%v", err)
		}
		if !slices.Equal(dialled, []string{"192.0.2.1:10025"}) {
			t.Errorf("dialled %q", dialled)
		}
	})
	srv := loopback(t, smtptest.Config{Name: "far.test", Mode: smtptest.StartTLS})
	c := reach(srv, Tunnel|SecureExplicit)
	c.HostName = "far.test"
	s := newSession(t, c)
	if err := s.Connect(t.Context(), WithRemoteHost("127.0.0.1")); err != nil {
		t.Errorf("the certificate is the far end's: %v", err)
	}
	if cs, ok := s.TLS(); !ok || cs.ServerName != "far.test" {
		t.Errorf("SNI %q", cs.ServerName)
	}
}

func TestConnect_C19_OrderOfFamilies(t *testing.T) {
	for _, row := range []struct {
		name    string
		options Options
		addrs   []string
		want    []string
	}{
		{"IPv4 first", None, []string{"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"}, []string{"192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2"}},
		{"IPv6 first", PreferIPv6, []string{"192.0.2.1", "2001:db8::1", "192.0.2.2"}, []string{"2001:db8::1", "192.0.2.1", "192.0.2.2"}},
		{"only A", PreferIPv6, []string{"192.0.2.1"}, []string{"192.0.2.1"}},
		{"only AAAA", None, []string{"2001:db8::1"}, []string{"2001:db8::1"}},
	} {
		bubble(t, row.name, func(t *testing.T) {
			var mu sync.Mutex
			var dialled []string
			var at []time.Duration
			begun := time.Now()
			s := newSession(t, Config{HostName: "both.test", Options: row.options, Resolver: addresses(row.addrs...), Retry: Retry{MaxAttempts: 1},
				Dialer: dialFunc(func(ctx context.Context, _, address string) (net.Conn, error) {
					host, _, _ := net.SplitHostPort(address)
					mu.Lock()
					dialled, at = append(dialled, host), append(at, time.Since(begun))
					mu.Unlock()
					<-ctx.Done() // a black hole
					return nil, ctx.Err()
				})})
			if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrTimeout) {
				t.Errorf("%v", err)
			}
			if !slices.Equal(dialled, row.want) {
				t.Errorf("dialled %q, want %q", dialled, row.want)
			}
			for i := range at {
				if at[i] != time.Duration(i)*250*time.Millisecond {
					t.Errorf("dial %d after %v", i, at[i])
				}
			}
		})
	}
}

func TestConnect_C19_BlackHoleOnRealSockets(t *testing.T) {
	srv := loopback(t, smtptest.Config{})
	var d net.Dialer
	var losers sync.WaitGroup
	c := Config{HostName: "both.test", RemotePort: srv.Port(), Options: PreferIPv6, Resolver: addresses("127.0.0.1", "2001:db8::1"),
		Dialer: dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			if strings.HasPrefix(address, "[") { // no route here can be trusted to swallow packets
				losers.Add(1)
				defer losers.Done()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return d.DialContext(ctx, network, address)
		})}
	s := newSession(t, c)
	evs := record(t, s)
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	losers.Wait() // joined before Connect returned, or this would hang
	_ = s.Disconnect(t.Context())
	for _, e := range evs() {
		if e, ok := e.(events.OnDial); ok && (e.Dials != 2 || e.Remote != net.JoinHostPort("127.0.0.1", strconv.Itoa(srv.Port()))) {
			t.Errorf("%+v", e)
		}
	}
}
