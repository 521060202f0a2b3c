package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Resolver looks addresses up. *net.Resolver is one. LookupNetIP is called with
// the networks "ip4" and "ip6", from two goroutines at once, and must return
// when its context ends.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// DefaultResolver returns the resolver used where none is given: Go's own,
// since a look-up of the C library outlives its context.
func DefaultResolver() Resolver { return defaultResolver }

var defaultResolver = &net.Resolver{PreferGo: true, Dial: dialNameserver}

// dialNameserver ties a query to its context: net.Resolver leaves one that
// nobody waits for to a time limit of its own, goroutines and all.
func dialNameserver(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		context.AfterFunc(ctx, func() { _ = conn.SetDeadline(aLongTimeAgo()) })
	}
	return conn, err
}

// resolutionDelay is how long the answer of one family waits for the other
// (RFC 8305 3).
const resolutionDelay = 50 * time.Millisecond

// Answers are the addresses of one host: those known when Resolve returned,
// and later those of the slower family. One goroutine owns them and must call
// Close.
type Answers struct {
	addrs  []netip.Addr
	first  family      // which goes first
	late   chan answer // of the family still being asked; nil if none
	permit func(netip.Addr) bool
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

type family uint8

const (
	ip4 family = iota
	ip6
)

func (f family) network() string {
	if f == ip6 {
		return "ip6"
	}
	return "ip4"
}

func (f family) has(a netip.Addr) bool { return a.Is6() == (f == ip6) }

type answer struct {
	family family
	addrs  []netip.Addr
	err    error
}

// Literal returns the answers of a host that needs no look-up.
func Literal(addrs ...netip.Addr) *Answers { return &Answers{addrs: addrs} }

// Resolve asks for A and AAAA apart and returns as soon as both have answered,
// or 50 ms after the first that found an address. With preferIPv6 that family
// goes first when dialling, else IPv4. It honours ctx; if timeout is over 0 it
// bounds both look-ups together.
//
// A name without any address is KindHostNotFound when r says so for both
// families: net.Resolver has one and the same error for a name that does not
// exist and for one that has other records. It is KindNoAddress when r answered
// for a family with success and no usable address.
func Resolve(ctx context.Context, r Resolver, host string, preferIPv6 bool, timeout time.Duration) (*Answers, error) {
	asking := &Answers{}
	if preferIPv6 {
		asking.first = ip6
	}
	lookups, cancel := Limited(ctx, timeout)
	asking.cancel = cancel
	answers := make(chan answer, 2)
	for _, f := range []family{ip4, ip6} {
		asking.wg.Go(func() {
			got := answer{family: f, err: gone("Resolver")}
			defer func() { answers <- got }() // should the Resolver end this goroutine too
			got.addrs, got.err = lookUp(lookups, r, f, host)
		})
	}
	failures := asking.wait(answers)
	if len(asking.addrs) == 0 {
		err := lookupError(ctx, lookups, failures)
		asking.Close()
		return nil, err
	}
	if asking.late == nil {
		asking.Close()
	}
	return asking, nil
}

// lookUp holds a Resolver of the caller's to its contract: no panic, which on this
// goroutine would end the program.
func lookUp(ctx context.Context, r Resolver, f family, host string) (addrs []netip.Addr, err error) {
	defer func() {
		if v := recover(); v != nil {
			addrs, err = nil, &smtp.Error{Kind: smtp.KindPanic, Err: smtp.NewPanicError("Resolver", v)}
		}
	}()
	return r.LookupNetIP(ctx, f.network(), host)
}

// wait collects answers until there are enough to go on with.
func (a *Answers) wait(answers chan answer) (failures []error) {
	var enough <-chan time.Time
	for done := 0; done < 2; {
		select {
		case got := <-answers:
			done++
			if got.err == nil {
				a.take(got.addrs, got.family)
			} else {
				failures = append(failures, got.err)
			}
			if len(a.addrs) > 0 && done < 2 {
				timer := time.NewTimer(resolutionDelay)
				defer timer.Stop()
				enough = timer.C
			}
		case <-enough:
			a.late = answers
			return failures
		}
	}
	return failures
}

// take adds addresses of one family, unmapped and without doubles, and puts
// the list in order again: the families take turns.
func (a *Answers) take(addrs []netip.Addr, f family) {
	var mine, others []netip.Addr
	for _, addr := range a.addrs {
		if a.first.has(addr) {
			mine = append(mine, addr)
		} else {
			others = append(others, addr)
		}
	}
	for _, addr := range addrs {
		addr = addr.Unmap()
		if !f.has(addr) || a.permit != nil && !a.permit(addr) {
			continue
		}
		if f == a.first {
			mine = appendNew(mine, addr)
		} else {
			others = appendNew(others, addr)
		}
	}
	a.addrs = interleave(mine, others)
}

// Addrs returns the addresses known now, in the order of dialling.
func (a *Answers) Addrs() []netip.Addr { return a.addrs }

// Close ends a look-up that is still under way and waits for it. It may be
// called more than once.
func (a *Answers) Close() {
	if a.cancel != nil {
		a.cancel()
	}
	a.wg.Wait()
	a.late = nil
}

// lookupError gives a look-up that found nothing its kind. A family that failed
// for now decides before one that has nothing, since the address may be in the
// answer that did not come.
func lookupError(ctx, lookups context.Context, failures []error) *smtp.Error {
	var passing error
	unknown := 0
	for _, err := range failures {
		if broken, ok := errors.AsType[*smtp.Error](err); ok && broken.Kind == smtp.KindPanic {
			return broken
		}
		var dns *net.DNSError
		var none *net.AddrError // net.Resolver: a hosts file has the name, for the other family
		switch {
		case errors.As(err, &dns) && dns.IsNotFound:
			unknown++
		case !errors.As(err, &none) && passing == nil:
			passing = err
		}
	}
	switch {
	case ctx.Err() != nil:
		return &smtp.Error{Kind: smtp.KindCanceled, Err: context.Cause(ctx)}
	case passing != nil && lookups.Err() != nil:
		return &smtp.Error{Kind: smtp.KindTimeout, Err: passing}
	case passing != nil:
		return &smtp.Error{Kind: smtp.KindTryAgain, Err: passing}
	case unknown == 2:
		return &smtp.Error{Kind: smtp.KindHostNotFound, Permanent: true, Err: failures[0]}
	}
	return &smtp.Error{Kind: smtp.KindNoAddress, Permanent: true, Err: errors.New("no A or AAAA record of use")}
}
