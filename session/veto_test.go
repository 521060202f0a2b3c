package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// judge is a hook of every veto, each a function that may be nil.
type judge struct {
	dial func(context.Context, events.Target) error
	peer func(context.Context, events.Peer) error
	send func(context.Context, events.Outgoing) error
}

func (j *judge) BeforeDial(ctx context.Context, t events.Target) error {
	return decideBy(j.dial, ctx, t)
}
func (j *judge) VerifyPeer(ctx context.Context, p events.Peer) error { return decideBy(j.peer, ctx, p) }
func (j *judge) BeforeSend(ctx context.Context, m events.Outgoing) error {
	return decideBy(j.send, ctx, m)
}

func decideBy[X any](f func(context.Context, X) error, ctx context.Context, x X) error {
	if f == nil {
		return nil
	}
	return f(ctx, x)
}

// sieve says no to some addresses, and knows what was asked and what was dialled.
type sieve struct {
	*judge
	mu      sync.Mutex
	asked   []string
	dialled []string
	by      transportDialer
}

type transportDialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

func newSieve(by transportDialer, no ...string) *sieve {
	v := &sieve{by: by}
	v.judge = &judge{dial: func(_ context.Context, t events.Target) error {
		v.asked = append(v.asked, fmt.Sprintf("%d %v", t.Attempt, t.Addr))
		if slices.Contains(no, t.Addr.String()) {
			return errors.New("not there")
		}
		return nil
	}}
	return v
}

func (v *sieve) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	v.mu.Lock()
	v.dialled = append(v.dialled, address)
	v.mu.Unlock()
	return v.by.DialContext(ctx, network, address)
}

func TestVeto_AnAddressIsLeftOut(t *testing.T) {
	bubble(t, "some", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		v := newSieve(srv, "192.0.2.1", "2001:db8::1")
		s := newSession(t, Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "192.0.2.2", "2001:db8::1"), Dialer: v, Hooks: []events.Hook{v}})
		evs := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Error(err)
		}
		if !slices.Equal(v.dialled, []string{"192.0.2.2:25"}) || !slices.Equal(v.asked, []string{"1 192.0.2.1", "1 2001:db8::1", "1 192.0.2.2"}) {
			t.Errorf("dialled %q, asked %q", v.dialled, v.asked)
		}
		_ = s.Disconnect(t.Context())
		checkLife(t, evs())
	})
	// The other address is no next one, and what the first said is what failed.
	bubble(t, "the next one", func(t *testing.T) {
		srv := memory(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.SayAndClose("554 no")}})
		v := newSieve(srv, "192.0.2.2")
		s := newSession(t, Config{HostName: "two.test", Resolver: addresses("192.0.2.1", "192.0.2.2"), Dialer: v, Hooks: []events.Hook{v}})
		if err := s.Connect(t.Context()); smtp.Code(err) != 554 {
			t.Errorf("%v", err)
		}
		if len(v.dialled) != 1 {
			t.Errorf("dialled %q", v.dialled)
		}
	})
	// One that DNS tells late is asked about late.
	bubble(t, "late", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		slow := lookUpFunc(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
			if network == "ip6" {
				<-time.After(time.Second)
			}
			return addresses("192.0.2.1", "2001:db8::1", "2001:db8::2")(ctx, network, host)
		})
		v := newSieve(srv, "192.0.2.1", "2001:db8::1")
		s := newSession(t, Config{HostName: "late.test", Resolver: slow, Dialer: v, Hooks: []events.Hook{v}})
		if err := s.Connect(t.Context()); err != nil || !slices.Equal(v.dialled, []string{"[2001:db8::2]:25"}) || len(v.asked) != 3 {
			t.Errorf("%v; dialled %q, asked %q", err, v.dialled, v.asked)
		}
	})
	// Asked again in each attempt, once for each.
	bubble(t, "attempts", func(t *testing.T) {
		v := newSieve(dialFunc(func(context.Context, string, string) (net.Conn, error) { return nil, refusedError() }), "192.0.2.1")
		s := newSession(t, Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "192.0.2.2", "192.0.2.2"), Dialer: v, Hooks: []events.Hook{v},
			Retry: Retry{MaxAttempts: 2, Policy: soon}})
		if err := s.Connect(t.Context()); !errors.Is(err, smtp.ErrRefused) || len(v.dialled) != 2 {
			t.Errorf("%v; dialled %q", err, v.dialled)
		}
		if want := []string{"1 192.0.2.1", "1 192.0.2.2", "2 192.0.2.1", "2 192.0.2.2"}; !slices.Equal(v.asked, want) {
			t.Errorf("asked %q", v.asked)
		}
	})
}

// Where nothing may be dialled the attempt fails, and no other is made.
func TestVeto_AllAddressesRefused(t *testing.T) {
	proxy := &url.URL{Scheme: "socks5", Host: "192.0.2.9:1080"}
	late := lookUpFunc(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if network == "ip6" {
			<-time.After(time.Second)
		}
		return addresses("192.0.2.1", "2001:db8::1")(ctx, network, host)
	})
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"literal": {Config{HostName: "192.0.2.1"}, "192.0.2.1"},
		"names":   {Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "2001:db8::1")}, "192.0.2.1: not there; 2001:db8::1: not there"},
		"late":    {Config{HostName: "late.test", Resolver: late}, "192.0.2.1: not there; 2001:db8::1: not there"},
		"tunnel":  {Config{HostName: "many.test", Resolver: addresses("192.0.2.1", "2001:db8::1"), Options: Tunnel}, "not there"},
		"proxy":   {Config{HostName: "many.test", Proxy: proxy}, "not there"},
		"unix":    {Config{HostName: "/run/lmtp", Network: "unix"}, "not there"},
	} {
		bubble(t, name, func(t *testing.T) {
			v := newSieve(noDial(t), "192.0.2.1", "2001:db8::1", "invalid IP")
			var targets []events.Target
			c.config.Dialer, c.config.Hooks = v, []events.Hook{v, &judge{}}
			ask := v.judge.dial
			v.judge.dial = func(ctx context.Context, target events.Target) error {
				targets = append(targets, target)
				return ask(ctx, target)
			}
			s := newSession(t, c.config)
			evs := record(t, s)
			err := s.Connect(t.Context())
			if e := asError(err); e.Kind != smtp.KindVetoed || e.Phase != "dial" || !strings.Contains(err.Error(), c.want) || smtp.Code(err) != 20018 {
				t.Errorf("%v", err)
			}
			for _, target := range targets {
				if target.Session != s.ID() || target.Attempt != 1 || target.Host != c.config.HostName || target.Addr.IsValid() && target.Proxy != "" ||
					(name == "proxy") != (target.Proxy == "socks5://192.0.2.9:1080") {
					t.Errorf("%+v", target)
				}
			}
			all := evs()
			checkLife(t, all)
			if slices.Contains(kindsOf(all), events.KindRetry) {
				t.Error("another attempt")
			}
		})
	}
}

func TestVeto_APeerIsNeverSpokenTo(t *testing.T) {
	why := errors.New("not the pinned key")
	for _, mode := range []smtptest.TLSMode{smtptest.Implicit, smtptest.StartTLS} {
		for _, trusted := range []bool{false, true} {
			bubble(t, fmt.Sprint(mode, trusted), func(t *testing.T) {
				srv := memory(t, smtptest.Config{Mode: mode})
				config := reach(srv, Extended|SecureImplicit)
				if mode == smtptest.StartTLS {
					config = reach(srv, Extended|SecureExplicit)
				}
				if trusted {
					config.Options |= TrustedSite
					config.TLS = nil
				}
				var asked []string
				config.Dialer, config.Retry = srv, Retry{MaxAttempts: 3, Replies: true, Policy: soon}
				config.Hooks = []events.Hook{&judge{peer: func(_ context.Context, p events.Peer) error {
					asked = append(asked, p.ServerName)
					if len(p.TLS.PeerCertificates) == 0 || (len(p.TLS.VerifiedChains) == 0) != trusted || p.Attempt != 1 || p.Host != srv.Host() || p.Port != srv.Port() {
						t.Errorf("%+v", p)
					}
					return why
				}}}
				s := newSession(t, config)
				evs := record(t, s)
				err := s.Connect(t.Context())
				if e := asError(err); e.Kind != smtp.KindCertificate || !errors.Is(err, smtp.ErrVetoed) || !errors.Is(err, why) {
					t.Errorf("%v", err)
				}
				if len(asked) != 1 {
					t.Errorf("asked %q", asked)
				}
				all := evs()
				checkLife(t, all)
				if kinds := kindsOf(all); slices.Contains(kinds, events.KindSecure) || slices.Contains(kinds, events.KindRetry) {
					t.Errorf("%v", kinds)
				}
				if mode == smtptest.StartTLS {
					wantCommands(t, srv, "EHLO client.test", "STARTTLS")
				} else {
					wantCommands(t, srv)
				}
				allClosed(t, srv)
			})
		}
	}
}

// What the caller's configuration of TLS refuses is not asked about, and what it
// lets pass is; a resumed handshake is one too.
func TestVeto_APeerIsAskedAboutLastAndInEachHandshake(t *testing.T) {
	bubble(t, "peer", func(t *testing.T) {
		srv := memory(t, smtptest.Config{Mode: smtptest.Implicit})
		config := reach(srv, Extended|SecureImplicit)
		var order []string
		first := error(nil)
		config.TLS.VerifyConnection = func(tls.ConnectionState) error { order = append(order, "config"); return first }
		config.TLS.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { order = append(order, "certificate"); return nil }
		config.TLS.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		config.Dialer = srv
		config.Hooks = []events.Hook{&judge{peer: func(_ context.Context, p events.Peer) error {
			order = append(order, fmt.Sprint("hook ", p.TLS.DidResume))
			return nil
		}}}
		s := newSession(t, config)
		for range 2 {
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			_ = s.Disconnect(t.Context())
		}
		first = errors.New("the config says no")
		if err := s.Connect(t.Context()); !errors.Is(err, first) || errors.Is(err, smtp.ErrVetoed) {
			t.Errorf("%v", err)
		}
		if want := []string{"certificate", "config", "hook false", "config", "hook true", "config"}; !slices.Equal(order, want) {
			t.Errorf("%q", order)
		}
	})
}

func TestVeto_AMessageIsNotSentAndTheSessionIsReady(t *testing.T) {
	bubble(t, "send", func(t *testing.T) {
		srv := memory(t, smtptest.Config{Mode: smtptest.Implicit})
		config := reach(srv, Extended|SecureImplicit)
		config.Dialer = srv
		why := errors.New("over the quota")
		var asked []events.Outgoing
		var no error
		config.Hooks = []events.Hook{&judge{send: func(_ context.Context, m events.Outgoing) error {
			asked = append(asked, m)
			return no
		}}}
		s := newSession(t, config)
		evs := record(t, s)
		if err := s.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, refuse := range []error{why, &smtp.Error{Permanent: true, Err: why}} {
			no = refuse
			r, err := s.Send(t.Context(), to("a@example.net", "b@example.net"))
			if !errors.Is(err, smtp.ErrVetoed) || !errors.Is(err, why) || asError(err).Command != "MAIL" || asError(err).Phase != "mail" ||
				smtp.SafeToRetry(err) != (refuse == why) {
				t.Errorf("%v", err)
			}
			if r.Outcome != smtp.NotSent || r.Recipients[0].Outcome != smtp.NotSent || !errors.Is(r.Recipients[1].Err, why) || r.Flights != 0 {
				t.Errorf("%+v", r)
			}
		}
		if tx, err := s.Begin(t.Context(), smtp.Mail{From: "from@example.org"}); tx != nil || !errors.Is(err, smtp.ErrVetoed) {
			t.Errorf("Begin: %v, %v", tx, err)
		}
		if _, err := s.Send(t.Context(), &smtp.Message{}); !errors.Is(err, smtp.ErrInvalid) || len(asked) != 3 {
			t.Errorf("an invalid one: %v; asked %d times", err, len(asked))
		}
		no = nil
		if _, err := s.Send(t.Context(), to("a@example.net")); err != nil {
			t.Errorf("the next: %v", err)
		}
		if err := s.Disconnect(t.Context()); err != nil {
			t.Error(err)
		}
		all := evs()
		checkLife(t, all)
		outcomes := map[smtp.Outcome]int{}
		for _, e := range all {
			if e, ok := e.(events.OnMessage); ok {
				outcomes[e.Receipt.Outcome]++
			}
		}
		if outcomes[smtp.NotSent] != 3 || outcomes[smtp.Accepted] != 1 {
			t.Errorf("%v", outcomes)
		}
		m := asked[0]
		if m.Mail.From != "from@example.org" || len(m.Recipients) != 2 || m.Size != int64(len(letter)) || !m.Secure || m.Authenticated ||
			!m.Capabilities.Has("PIPELINING") || m.Request.Session != s.ID() || asked[2].Size != -1 || len(asked[2].Recipients) != 0 {
			t.Errorf("%+v", m)
		}
		if got := srv.Commands(); !slices.Equal(got[:2], []string{"EHLO client.test", "MAIL FROM:<from@example.org> SIZE=" + fmt.Sprint(len(letter))}) &&
			!strings.HasPrefix(got[1], "MAIL FROM:<from@example.org>") || len(slices.DeleteFunc(got, func(l string) bool { return !strings.HasPrefix(l, "MAIL") })) != 1 {
			t.Errorf("%q", got)
		}
	})
}

// vetoing makes a life in which each veto is asked, at one of which something is
// done. It returns the errors of Connect, Send, Disconnect and the life.
func vetoing(t *testing.T, moment string, do func(s *Session, ctx context.Context) error) (errs []error, asked int) {
	srv := memory(t, smtptest.Config{Mode: smtptest.Implicit})
	config := reach(srv, Extended|SecureImplicit)
	config.HostName, config.HostAddress, config.Dialer = "smtptest.test", "", srv
	config.Resolver = lookUpFunc(func(ctx context.Context, network, host string) ([]netip.Addr, error) {
		if network == "ip6" {
			<-time.After(time.Second)
			return addresses("2001:db8::1")(ctx, network, host)
		}
		return addresses("192.0.2.1", "192.0.2.2")(ctx, network, host)
	})
	config.Retry = Retry{MaxAttempts: 3, Policy: soon}
	var s *Session
	at := func(ctx context.Context, now string) error {
		if now != moment {
			return nil
		}
		asked++
		return do(s, ctx)
	}
	config.Hooks = []events.Hook{&judge{
		dial: func(ctx context.Context, target events.Target) error {
			if target.Addr.Is4() && moment == "late" {
				return errors.New("so that the late one is waited for")
			}
			if target.Addr.Is6() {
				return at(ctx, "late")
			}
			return at(ctx, "dial")
		},
		peer: func(ctx context.Context, _ events.Peer) error { return at(ctx, "peer") },
		send: func(ctx context.Context, _ events.Outgoing) error { return at(ctx, "send") },
	}}
	s = newSession(t, config)
	evs := record(t, s)
	errs = append(errs, s.Connect(t.Context()))
	r, err := s.Send(t.Context(), to("a@example.net"))
	if err != nil && (r == nil || r.Outcome != smtp.NotSent) {
		t.Errorf("%v", r)
	}
	errs = append(errs, err, s.Disconnect(t.Context()))
	<-s.Done()
	errs = append(errs, s.Err())
	checkLife(t, evs())
	allClosed(t, srv)
	return errs, asked
}

func TestHostile_H23_AVetoThatPanicsEndsItsSessionAndSaysSo(t *testing.T) {
	for _, moment := range []string{"dial", "late", "peer", "send"} {
		bubble(t, moment, func(t *testing.T) {
			errs, asked := vetoing(t, moment, func(*Session, context.Context) error { panic("boom") })
			which := 0
			if moment == "send" {
				which = 1
			}
			if e := asError(errs[which]); e.Kind != smtp.KindPanic || !strings.Contains(e.Error(), "judge panicked: boom") || asked != 1 || !errors.Is(errs[3], smtp.ErrPanic) {
				t.Errorf("%v; asked %d times", errs, asked)
			}
		})
	}
}

func TestHostile_H23_ABlockingCallInAVetoIsRefused(t *testing.T) {
	for _, moment := range []string{"dial", "late", "peer", "send"} {
		bubble(t, moment, func(t *testing.T) {
			errs, asked := vetoing(t, moment, func(s *Session, ctx context.Context) error {
				_, sent := s.Send(ctx, to("b@example.net"))
				for name, err := range map[string]error{"Connect": s.Connect(ctx), "Noop": s.Noop(ctx), "Send": sent, "Wait": s.Wait(ctx), "Disconnect": s.Disconnect(ctx)} {
					if !errors.Is(err, smtp.ErrInHook) {
						t.Errorf("%s: %v", name, err)
					}
				}
				return nil
			})
			if asked < 1 || errs[0] != nil || errs[1] != nil || errs[2] != nil {
				t.Errorf("%v; asked %d times", errs, asked)
			}
		})
	}
}

func TestHostile_H23_AVetoMayCloseItsSession(t *testing.T) {
	for _, moment := range []string{"dial", "late", "peer", "send"} {
		for _, why := range []error{nil, errors.New("and no")} {
			bubble(t, fmt.Sprint(moment, why), func(t *testing.T) {
				errs, _ := vetoing(t, moment, func(s *Session, _ context.Context) error {
					_ = s.Close()
					return why
				})
				if !errors.Is(errs[3], smtp.ErrClosed) {
					t.Errorf("Err: %v", errs)
				}
			})
		}
	}
}
