package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/bench/internal/inmemory"
	"github.com/ehlo-go/ehlo/bench/internal/measure"
	"github.com/ehlo-go/ehlo/bench/internal/peer"
	"github.com/ehlo-go/ehlo/session"
)

// Plan is how much is done.
type Plan struct {
	Sessions int
	Working  int           // goroutines that send, each through its share of the sessions
	Cycles   float64       // of the collector, after which a setting is known
	Limit    time.Duration // for each setting, should the cycles not come
}

// Full is 100,000 sessions.
func Full() Plan { return Plan{Sessions: 100_000, Working: 8, Cycles: 20, Limit: 30 * time.Second} }

// Quick is enough to see that it works.
func Quick() Plan { return Plan{Sessions: 500, Working: 2, Cycles: 2, Limit: time.Second} }

// octetsOfAMessage is what each is composed of, anew, before it is sent: what a
// program gives the collector to do.
const octetsOfAMessage = 10_000

// octetsOfASession is what one takes at most, with the room that a GOGC of 400 asks
// for.
const octetsOfASession = 5 * 10_000

// FitInto lowers the sessions to what this much free memory, in octets, allows, and
// says so; 0 means that it is not known.
func (p Plan) FitInto(free uint64) (Plan, string) {
	if free == 0 {
		return p, ""
	}
	fit := int(free / octetsOfASession)
	if fit >= p.Sessions {
		return p, ""
	}
	said := fmt.Sprintf("%d sessions instead of %d: there are %.1f GB of memory free", fit, p.Sessions, float64(free)/1e9)
	p.Sessions = fit
	return p, said
}

// Setting is what the collector is told.
type Setting struct {
	Percent int     // GOGC; -1: off
	Limit   float64 // GOMEMLIMIT, as a multiple of what Go holds right after a collection; 0: none
}

// Settings are those that are measured.
func Settings() []Setting {
	return []Setting{{50, 0}, {100, 0}, {200, 0}, {400, 0}, {-1, 1.5}}
}

// String is how a setting is written in the environment, but for the limit's
// multiple.
func (s Setting) String() string {
	percent := strconv.Itoa(s.Percent)
	if s.Percent < 0 {
		percent = "off"
	}
	if s.Limit == 0 {
		return "GOGC=" + percent
	}
	return fmt.Sprintf("GOGC=%s GOMEMLIMIT=%gx", percent, s.Limit)
}

// Row is what a setting has shown.
type Row struct {
	Setting  Setting
	Messages float64 // a second
	Cycles   float64 // of the collector
	Share    float64 // of the CPU that was used, by the collector
	Pauses   uint64  // the world stood still
	Pause50  float64 // the median of them, in microseconds
	PauseMax float64
	Wait99   float64 // of goroutines for a processor, in microseconds
	Memory   float64 // octets from the system, for each session
}

// Report is all of it.
type Report struct {
	Sessions int
	Held     float64 // octets of heap and stack that a session holds while it rests
	Rows     []Row
}

// Measure connects the sessions and lets some send under each setting, which it
// takes back at the end. told, where it is not nil, hears what comes next.
func Measure(ctx context.Context, p Plan, told func(string)) (r Report, err error) {
	if told == nil {
		told = func(string) {}
	}
	told(fmt.Sprintf("%d sessions in memory", p.Sessions))
	letter := peer.NewLetter(octetsOfAMessage, peer.Way{Chunked: true})
	client := peer.Ehlo{Config: session.Config{Dialer: inmemory.Dialer{}}}
	senders := make([]peer.Sender, 0, p.Sessions)
	defer func() {
		for _, s := range senders {
			err = errors.Join(err, s.Close())
		}
	}()
	before := measure.InUse()
	for range p.Sessions {
		s, err := client.Ready(ctx, peer.Target{Address: "192.0.2.25:25"}, letter)
		if err != nil {
			return r, err
		}
		senders = append(senders, s)
	}
	r.Sessions, r.Held = p.Sessions, (measure.InUse()-before)/float64(p.Sessions)
	for _, setting := range Settings() {
		told(setting.String())
		row, err := p.under(ctx, setting, senders, letter.Content)
		if err != nil {
			return r, fmt.Errorf("%v: %w", setting, err)
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

// under measures one setting.
func (p Plan) under(ctx context.Context, s Setting, senders []peer.Sender, content []byte) (Row, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(s.Percent))
	debug.FreeOSMemory() // what the setting before has left
	if s.Limit > 0 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(int64(s.Limit * read().held())))
	}
	limited, stop := context.WithTimeout(ctx, p.Limit)
	defer stop()
	before, begun := read(), time.Now()
	messages, err := p.send(limited, senders, content, func() bool { return read().grown(before, gcCycles) >= p.Cycles })
	after, took := read(), time.Since(begun)
	if err = errors.Join(err, context.Cause(ctx)); err != nil {
		return Row{}, err
	}
	pauses := after.since(before, gcPauses)
	used := after.grown(before, totalCPU) - after.grown(before, idleCPU)
	return Row{
		Setting:  s,
		Messages: float64(messages) / took.Seconds(),
		Cycles:   after.grown(before, gcCycles),
		Share:    after.grown(before, gcCPU) / used,
		Pauses:   pauses.total(),
		Pause50:  pauses.quantile(0.5),
		PauseMax: pauses.quantile(1),
		Wait99:   after.since(before, latencies).quantile(0.99),
		Memory:   after.held() / float64(len(senders)),
	}, nil
}

// send lets the workers send, each through one session of its share after the
// other, until over says so or ctx ends. It returns how many messages went out.
func (p Plan) send(ctx context.Context, senders []peer.Sender, content []byte, over func() bool) (int, error) {
	const between = 1000 // messages, before over is asked again
	sent, errs := make([]int, p.Working), make([]error, p.Working)
	var all sync.WaitGroup
	for worker := range p.Working {
		all.Go(func() {
			for i := worker; ctx.Err() == nil; i = (i + p.Working) % len(senders) {
				composed := bytes.Clone(content)
				// Not under ctx: its end would cut the session that is sending.
				errs[worker] = senders[i].Send(context.WithoutCancel(ctx))
				runtime.KeepAlive(composed) // as a program that sends it would
				if errs[worker] != nil {
					return
				}
				if sent[worker]++; sent[worker]%between == 0 && over() {
					return
				}
			}
		})
	}
	all.Wait()
	total := 0
	for _, n := range sent {
		total += n
	}
	return total, errors.Join(errs...)
}
