package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// Dialer opens TCP connections. *net.Dialer is one. DialContext must return
// when its context ends, and may be called from several goroutines at once.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// DefaultDialer returns the dialer used where none is given.
func DefaultDialer() Dialer { return defaultDialer }

var defaultDialer = &net.Dialer{Resolver: defaultResolver}

// DefaultRaceDelay is how long a dial that has not answered keeps the next
// address waiting (RFC 8305 5).
const DefaultRaceDelay = 250 * time.Millisecond

// Race dials addresses until one answers (Happy Eyeballs, RFC 8305).
type Race struct {
	Dialer Dialer
	Port   uint16
	// Delay is the wait before the next address joins; 0 means
	// DefaultRaceDelay, under 0 that an address joins only after a failure.
	Delay time.Duration
	// Limit bounds it all; 0 is none.
	Limit time.Duration
}

// Dialed is the connection that won.
type Dialed struct {
	Conn   net.Conn
	Addr   netip.Addr   // that was dialled
	Dials  int          // how many were begun
	Failed []netip.Addr // those that failed before one won
}

type dialResult struct {
	conn net.Conn
	addr netip.Addr
	err  error
}

// Dial races the addresses of a, those that still arrive included. A failed
// dial starts the next one at once. When it returns every dial has returned and
// every connection but the winner's is closed. The end of ctx ends it.
func (r Race) Dial(ctx context.Context, a *Answers) (Dialed, error) {
	alone := len(a.Addrs()) == 1 && a.late == nil
	if alone && ctx.Done() != nil && r.Dialer == DefaultDialer() {
		ctx = untimed(ctx, r.Limit)
	} else {
		var stop context.CancelFunc
		ctx, stop = Limited(ctx, r.Limit)
		defer stop()
	}
	if addrs := a.Addrs(); alone {
		conn, err := r.one(ctx, addrs[0])
		if err != nil {
			return Dialed{Addr: addrs[0], Dials: 1}, dialError(ctx, err)
		}
		return Dialed{Conn: conn, Addr: addrs[0], Dials: 1}, nil
	}
	return r.many(ctx, a)
}

// Limited returns ctx with an end of its own, after limit if that is not 0.
func Limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// due is a context with a deadline that does not end it. A dialer of package net looks
// at the deadline, if the context can end at all, and that spares a timer.
type due struct {
	context.Context
	deadline time.Time
}

// Deadline returns the earlier one.
func (d due) Deadline() (time.Time, bool) {
	if by, ok := d.Context.Deadline(); ok && by.Before(d.deadline) {
		return by, true
	}
	return d.deadline, true
}

func untimed(ctx context.Context, limit time.Duration) context.Context {
	if limit <= 0 {
		return ctx
	}
	return due{ctx, time.Now().Add(limit)}
}

func (r Race) one(ctx context.Context, addr netip.Addr) (net.Conn, error) {
	return dial(ctx, r.Dialer, "tcp", netip.AddrPortFrom(addr, r.Port).String())
}

// gone is what is known of a call into the caller's code that ended its goroutine.
func gone(where string) error {
	return &smtp.Error{Kind: smtp.KindPanic, Err: smtp.NewPanicError(where, "runtime.Goexit")}
}

// dial holds a Dialer of the caller's to its contract: a connection or an
// error, and no panic, which on a racer's goroutine would end the program.
func dial(ctx context.Context, d Dialer, network, address string) (conn net.Conn, err error) {
	defer func() {
		if v := recover(); v != nil {
			conn, err = nil, &smtp.Error{Kind: smtp.KindPanic, Err: smtp.NewPanicError("Dialer", v)}
		}
	}()
	conn, err = d.DialContext(ctx, network, address)
	if conn == nil && err == nil {
		err = errors.New("Dialer returned neither a connection nor an error")
	}
	return conn, err
}

func (r Race) many(ctx context.Context, a *Answers) (Dialed, error) {
	racing, stop := context.WithCancel(ctx)
	results := make(chan dialResult)
	var (
		started  []netip.Addr
		flying   int
		failures []error
		failed   []netip.Addr
	)
	begin := func() bool {
		for _, addr := range a.Addrs() {
			if slices.Contains(started, addr) {
				continue
			}
			started = append(started, addr)
			flying++
			go func() {
				got := dialResult{addr: addr, err: gone("Dialer")}
				defer func() { results <- got }() // should the Dialer end this goroutine too
				got.conn, got.err = r.one(racing, addr)
			}()
			return true
		}
		return false
	}
	defer func() { // the owner of the racers: none outlives the race
		stop()
		for ; flying > 0; flying-- {
			if lost := <-results; lost.conn != nil {
				_ = lost.conn.Close()
			}
		}
	}()

	delay := r.Delay
	if delay == 0 {
		delay = DefaultRaceDelay
	}
	next := time.NewTimer(max(delay, 0))
	defer next.Stop()
	ticks := next.C
	if delay < 0 {
		ticks = nil
	}
	waiting := false // a racer may join, but there was none
	join := func() {
		if waiting = !begin(); !waiting {
			next.Reset(max(delay, 0))
		}
	}
	join()
	for flying > 0 || a.late != nil {
		select {
		case got := <-results:
			flying--
			if got.err == nil {
				return Dialed{got.conn, got.addr, len(started), failed}, nil
			}
			failures, failed = append(failures, got.err), append(failed, got.addr)
			join()
		case late := <-a.late:
			a.late = nil
			if late.err == nil {
				a.take(late.addrs, late.family)
			}
			if waiting {
				join()
			}
		case <-ticks:
			join()
		case <-ctx.Done():
			return Dialed{Dials: len(started)}, dialError(ctx, append(failures, ctx.Err())...)
		}
	}
	return Dialed{Dials: len(started)}, dialError(ctx, failures...)
}

// dialErrors are the failures of all addresses.
type dialErrors []error

func (d dialErrors) Error() string {
	var b strings.Builder
	for i, err := range d {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	return b.String()
}

func (d dialErrors) Unwrap() []error { return d }

// DialSocket dials a unix socket.
func DialSocket(ctx context.Context, d Dialer, path string) (net.Conn, error) {
	conn, err := dial(ctx, d, "unix", path)
	if err != nil {
		return nil, dialError(ctx, err)
	}
	return conn, nil
}
