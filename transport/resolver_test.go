package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/ehlo-go/ehlo/smtp"
)

// script answers each family after a while, as long as its context lives.
type script struct {
	v4, v6 scripted
	asked  chan string // if not nil: each network, when it is asked for
	ended  sync.WaitGroup
}

type scripted struct {
	after time.Duration
	addrs []netip.Addr
	err   error
}

func (s *script) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	s.ended.Add(1)
	defer s.ended.Done()
	if s.asked != nil {
		s.asked <- network + " " + host
	}
	a := s.v4
	if network == "ip6" {
		a = s.v6
	}
	select {
	case <-time.After(a.after):
		return a.addrs, a.err
	case <-ctx.Done():
		return nil, &net.DNSError{Err: ctx.Err().Error(), Name: host, IsTimeout: true}
	}
}

func addrs(s string) (list []netip.Addr) {
	for f := range strings.FieldsSeq(s) {
		list = append(list, netip.MustParseAddr(f))
	}
	return list
}

var (
	noSuchHost = &net.DNSError{Err: "no such host", Name: "mx.example", IsNotFound: true}
	tryAgain   = &net.DNSError{Err: "server misbehaving", Name: "mx.example", IsTemporary: true}
	dnsTimeout = &net.DNSError{Err: "i/o timeout", Name: "mx.example", IsTimeout: true, IsTemporary: true}
)

const never = 1000 * time.Hour

func wantAddrs(t *testing.T, a *Answers, want string) {
	t.Helper()
	if got := a.Addrs(); !slices.Equal(got, addrs(want)) {
		t.Errorf("addresses %v, want %v", got, want)
	}
}

func TestResolve_C19_AsksBothFamiliesAtOnceAndApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{asked: make(chan string, 2), v4: scripted{after: time.Second, addrs: addrs("192.0.2.1")},
			v6: scripted{after: time.Second, addrs: addrs("2001:db8::1")}}
		begun := time.Now()
		a, err := Resolve(t.Context(), s, "mx.example", false, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if d := time.Since(begun); d != time.Second {
			t.Errorf("it took %v: one after the other?", d)
		}
		got := []string{<-s.asked, <-s.asked}
		if slices.Sort(got); !slices.Equal(got, []string{"ip4 mx.example", "ip6 mx.example"}) {
			t.Errorf("asked %q", got)
		}
	})
}

func TestResolve_C19_WhenItReturnsAndWithWhat(t *testing.T) {
	both4, both6 := addrs("192.0.2.1 192.0.2.2 192.0.2.3"), addrs("2001:db8::1 2001:db8::2")
	const mixed4 = "192.0.2.1 2001:db8::1 192.0.2.2 2001:db8::2 192.0.2.3"
	const mixed6 = "2001:db8::1 192.0.2.1 2001:db8::2 192.0.2.2 192.0.2.3"
	ms := time.Millisecond
	cases := []struct {
		name   string
		v4, v6 scripted
		ipv6   bool
		want   string
		after  time.Duration
		late   bool
	}{
		{"both at once", scripted{0, both4, nil}, scripted{0, both6, nil}, false, mixed4, 0, false},
		{"both at once, IPv6 first", scripted{0, both4, nil}, scripted{0, both6, nil}, true, mixed6, 0, false},
		{"IPv6 after 49 ms", scripted{10 * ms, both4, nil}, scripted{59 * ms, both6, nil}, false, mixed4, 59 * ms, false},
		{"IPv4 after 49 ms", scripted{59 * ms, both4, nil}, scripted{10 * ms, both6, nil}, false, mixed4, 59 * ms, false},
		{"IPv6 after 51 ms", scripted{10 * ms, both4, nil}, scripted{61 * ms, both6, nil}, false, "192.0.2.1 192.0.2.2 192.0.2.3", 60 * ms, true},
		{"IPv4 after 51 ms", scripted{61 * ms, both4, nil}, scripted{10 * ms, both6, nil}, true, "2001:db8::1 2001:db8::2", 60 * ms, true},
		{"IPv4 never", scripted{after: never}, scripted{10 * ms, both6, nil}, false, "2001:db8::1 2001:db8::2", 60 * ms, true},
		{"IPv6 fails first", scripted{time.Second, both4, nil}, scripted{0, nil, tryAgain}, false, "192.0.2.1 192.0.2.2 192.0.2.3", time.Second, false},
		{"IPv6 not there, at once", scripted{time.Second, both4, nil}, scripted{0, nil, noSuchHost}, true, "192.0.2.1 192.0.2.2 192.0.2.3", time.Second, false},
		{"IPv6 empty, at once", scripted{time.Second, both4, nil}, scripted{}, true, "192.0.2.1 192.0.2.2 192.0.2.3", time.Second, false},
		{"IPv4 fails", scripted{0, nil, tryAgain}, scripted{time.Second, both6, nil}, false, "2001:db8::1 2001:db8::2", time.Second, false},
		{"IPv4 fails within the wait", scripted{30 * ms, nil, tryAgain}, scripted{0, both6, nil}, false, "2001:db8::1 2001:db8::2", 30 * ms, false},
		{"doubles and mapped addresses", scripted{0, addrs("192.0.2.1 ::ffff:192.0.2.1 192.0.2.2"), nil}, scripted{0, addrs("2001:db8::1 2001:db8::1"), nil}, false,
			"192.0.2.1 2001:db8::1 192.0.2.2", 0, false},
		{"a family of the other kind", scripted{0, addrs("192.0.2.1 2001:db8::9"), nil}, scripted{0, addrs("::ffff:192.0.2.7 2001:db8::1"), nil}, false,
			"192.0.2.1 2001:db8::1", 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				a, err := Resolve(t.Context(), &script{v4: c.v4, v6: c.v6}, "mx.example", c.ipv6, time.Minute)
				if err != nil {
					t.Fatal(err)
				}
				defer a.Close()
				if d := time.Since(begun); d != c.after {
					t.Errorf("after %v, want %v", d, c.after)
				}
				if late := a.late != nil; late != c.late {
					t.Errorf("still asking: %v, want %v", late, c.late)
				}
				wantAddrs(t, a, c.want)
			})
		})
	}
}

func TestResolve_FailuresAndTheirKinds(t *testing.T) {
	stop := errors.New("the caller's reason")
	own := errors.New("a resolver's own error")
	hosts := &net.AddrError{Err: "no suitable address found", Addr: "mx.example"}
	cases := []struct {
		name      string
		v4, v6    scripted
		timeout   time.Duration
		cancel    time.Duration
		kind      smtp.Kind
		permanent bool
		is        error
		after     time.Duration
	}{
		{"NXDOMAIN", scripted{err: noSuchHost}, scripted{err: noSuchHost}, time.Minute, never, smtp.KindHostNotFound, true, noSuchHost, 0},
		{"wrapped", scripted{err: fmt.Errorf("w: %w", noSuchHost)}, scripted{err: noSuchHost}, time.Minute, never, smtp.KindHostNotFound, true, noSuchHost, 0},
		{"no address, no error", scripted{}, scripted{}, time.Minute, never, smtp.KindNoAddress, true, nil, 0},
		{"no address in one, no such host in the other", scripted{}, scripted{err: noSuchHost}, time.Minute, never, smtp.KindNoAddress, true, nil, 0},
		{"only the other family in a hosts file, twice", scripted{err: hosts}, scripted{err: hosts}, time.Minute, never, smtp.KindNoAddress, true, nil, 0},
		{"only addresses of the wrong family", scripted{addrs: addrs("2001:db8::1")}, scripted{err: noSuchHost}, time.Minute, never, smtp.KindNoAddress, true, nil, 0},
		{"SERVFAIL", scripted{err: tryAgain}, scripted{err: tryAgain}, time.Minute, never, smtp.KindTryAgain, false, tryAgain, 0},
		{"SERVFAIL and no such host", scripted{err: noSuchHost}, scripted{err: tryAgain}, time.Minute, never, smtp.KindTryAgain, false, tryAgain, 0},
		{"SERVFAIL and no address", scripted{err: tryAgain}, scripted{}, time.Minute, never, smtp.KindTryAgain, false, tryAgain, 0},
		{"the resolver's own timeout", scripted{err: dnsTimeout}, scripted{err: dnsTimeout}, time.Minute, never, smtp.KindTryAgain, false, dnsTimeout, 0},
		{"another error", scripted{err: own}, scripted{err: own}, time.Minute, never, smtp.KindTryAgain, false, own, 0},
		{"our timeout", scripted{after: never}, scripted{after: never}, 30 * time.Second, never, smtp.KindTimeout, false, nil, 30 * time.Second},
		{"our timeout for one family", scripted{after: never}, scripted{err: noSuchHost}, 30 * time.Second, never, smtp.KindTimeout, false, nil, 30 * time.Second},
		{"cancel", scripted{after: never}, scripted{after: never}, 30 * time.Second, time.Second, smtp.KindCanceled, false, stop, time.Second},
		{"cancel without a timeout", scripted{after: never}, scripted{err: noSuchHost}, 0, time.Hour, smtp.KindCanceled, false, stop, time.Hour},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if c.cancel != never {
					time.AfterFunc(c.cancel, func() { cancel(stop) })
				}
				begun := time.Now()
				s := &script{v4: c.v4, v6: c.v6}
				a, err := Resolve(ctx, s, "mx.example", false, c.timeout)
				if a != nil {
					t.Error("answers beside an error")
				}
				s.ended.Wait()
				if d := time.Since(begun); d != c.after {
					t.Errorf("after %v, want %v", d, c.after)
				}
				e := wantKind(t, err, c.kind)
				if e.Permanent != c.permanent || c.is != nil && !errors.Is(e, c.is) || e.Err == nil {
					t.Errorf("%+v", e)
				}
			})
		})
	}
}

func TestAnswers_CloseEndsTheLookUpThatIsStillUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{v4: scripted{addrs: addrs("192.0.2.1")}, v6: scripted{after: never}}
		a, err := Resolve(t.Context(), s, "mx.example", true, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		a.Close()
		a.Close()
		s.ended.Wait()
		if d := time.Since(begun); d != 0 {
			t.Errorf("it took %v", d)
		}
	})
}

// slowToLeave returns a second after its context ended.
type slowToLeave struct{}

func (slowToLeave) LookupNetIP(ctx context.Context, network, _ string) ([]netip.Addr, error) {
	if network == "ip4" {
		return addrs("192.0.2.1"), nil
	}
	<-ctx.Done()
	wait(time.Second)
	return nil, ctx.Err()
}

func TestAnswers_CloseWaitsForTheLookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := Resolve(t.Context(), slowToLeave{}, "mx.example", false, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		a.Close()
		if d := time.Since(begun); d != time.Second {
			t.Errorf("Close took %v, the look-up 1s", d)
		}
	})
}

// nameserver is a DNS server on loopback, UDP and TCP, and a resolver that asks
// it. Names begin with what the server does.
func nameserver(t *testing.T) (*net.Resolver, *sync.Map) {
	t.Helper()
	var asked sync.Map // "udp truncated. A" and the like
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		network := w.RemoteAddr().Network()
		name, kind := q.Question[0].Name, q.Question[0].Qtype
		asked.Store(network+" "+name+" "+dns.TypeToString[kind], true)
		r := new(dns.Msg).SetReply(q)
		r.RecursionAvailable = true
		answer := func(records ...string) {
			for _, s := range records {
				rr, err := dns.NewRR(name + " 60 IN " + s)
				if err != nil {
					t.Error(err)
				}
				if rr.Header().Rrtype == kind {
					r.Answer = append(r.Answer, rr)
				}
			}
		}
		switch verb, _, _ := strings.Cut(name, "."); verb {
		case "both":
			answer("A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1")
		case "only6":
			answer("AAAA 2001:db8::1")
		case "nxdomain":
			r.Rcode = dns.RcodeNameError
		case "nodata":
			answer("MX 10 mx.example.")
		case "servfail":
			r.Rcode = dns.RcodeServerFailure
		case "refused":
			r.Rcode = dns.RcodeRefused
		case "half":
			if kind == dns.TypeA {
				r.Rcode = dns.RcodeServerFailure
			}
		case "truncated":
			if network == "udp" {
				r.Truncated = true
			} else {
				for i := range 200 {
					answer(fmt.Sprintf("A 198.51.100.%d", i), fmt.Sprintf("AAAA 2001:db8::%x", i))
				}
			}
		case "silent":
			return
		}
		w.WriteMsg(r)
	})
	var ln net.Listener
	var pc net.PacketConn
	for tries := 0; pc == nil; tries++ { // one port for both
		var err error
		if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if pc, err = net.ListenPacket("udp", ln.Addr().String()); err != nil {
			pc = nil
			if ln.Close(); tries == 20 {
				t.Fatal(err)
			}
		}
	}
	for _, s := range []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: ln, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		done := inBackground(s.ActivateAndServe)
		<-started
		t.Cleanup(func() { s.Shutdown(); <-done })
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialNameserver(ctx, network, pc.LocalAddr().String())
	}}, &asked
}

func TestResolve_RealDNS(t *testing.T) {
	r, asked := nameserver(t)
	cases := []struct {
		name string // with a dot: no search list
		want string
		kind smtp.Kind
	}{
		{"both.test.", "192.0.2.1 2001:db8::1 192.0.2.2", 0},
		{"only6.test.", "2001:db8::1", 0},
		{"nxdomain.test.", "", smtp.KindHostNotFound},
		{"nodata.test.", "", smtp.KindHostNotFound}, // net.Resolver says "no such host" here too
		{"servfail.test.", "", smtp.KindTryAgain},
		{"refused.test.", "", smtp.KindTryAgain},
		{"half.test.", "", smtp.KindTryAgain}, // A may be there: AAAA's absence does not decide
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, err := Resolve(t.Context(), r, c.name, false, patience)
			if c.kind != 0 {
				if e := wantKind(t, err, c.kind); e.Permanent != (c.kind == smtp.KindHostNotFound) {
					t.Errorf("permanent: %v", e.Permanent)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if a.late == nil { // else one family was slow on this machine
				wantAddrs(t, a, c.want)
			}
		})
	}
	t.Run("truncated", func(t *testing.T) {
		a, err := Resolve(t.Context(), r, "truncated.test.", false, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if n := len(a.Addrs()); n != 400 && n != 200 {
			t.Errorf("%d addresses, want 200 of each family", n)
		}
		if _, ok := asked.Load("tcp truncated.test. A"); !ok {
			t.Error("TCP was not asked")
		}
	})
}

func TestResolve_RealDNSThatIsSilent(t *testing.T) {
	r, _ := nameserver(t)
	_, err := Resolve(t.Context(), r, "silent.test.", false, 100*time.Millisecond)
	wantKind(t, err, smtp.KindTimeout)

	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begun := time.Now()
	_, err = Resolve(ctx, r, "silent.test.", false, time.Hour)
	wantKind(t, err, smtp.KindCanceled)
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("cancelled after %v", d)
	}
}

type resolverFunc func() ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) { return f() }

// A Resolver that panics, or ends its goroutine, fails the look-up and nothing else,
// and for good.
func TestResolve_AResolverThatBreaksItsContractFails(t *testing.T) {
	for why, r := range map[string]resolverFunc{
		"boom":   func() ([]netip.Addr, error) { panic("boom") },
		"Goexit": func() ([]netip.Addr, error) { runtime.Goexit(); return nil, nil },
	} {
		_, err := Resolve(t.Context(), r, "mx.example", false, time.Minute)
		broken, ok := errors.AsType[*smtp.PanicError](err)
		if !ok || !errors.Is(err, smtp.ErrPanic) || broken.Where != "Resolver" || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v", why, err)
		}
	}
}
