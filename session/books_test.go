package session

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/tracing"
)

// books are the sums over many lives and over their servers, each made without a
// look at the other.
type books struct {
	mu       sync.Mutex
	lives    int
	connects int // that got as far as an attempt
	attempts int
	dials    int
	begun    map[string]int    // commands, by hooks
	servers  map[string]int    // what they counted: commands by verb, and the rest by words
	near     map[string]bounds // what the lives allow that to be
	connections
	fates
}

func newBooks() *books {
	return &books{begun: map[string]int{}, servers: map[string]int{}, near: map[string]bounds{}}
}

func (b *books) add(l *reckoning, n smtptest.Counts, c connections, f fates, dials int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lives++
	b.attempts += l.attempts
	b.dials += dials
	if l.attempts > 0 {
		b.connects++
	}
	for what, count := range map[string]int{"connections": n.Connections, "ends": n.Closed, "greetings": n.Greetings, "handshakes": n.Handshakes,
		"contents": n.Contents, "messages": n.Messages} {
		b.servers[what] += count
	}
	for what, near := range l.connectionBounds(c) {
		b.near[what] = b.near[what].plus(near)
	}
	b.near["contents"] = b.near["contents"].plus(l.contentBounds(n))
	by := heard(n)
	for verb := range mergeKeys(by, l.begun) {
		b.begun[verb] += l.begun[verb]
		b.servers[verb] += by[verb]
		b.near[verb] = b.near[verb].plus(l.commandBounds(verb))
	}
	b.connections.dialed += c.dialed
	b.connections.greeted += c.greeted
	b.connections.disconnected += c.disconnected
	b.fates.doubtful += f.doubtful
	b.fates.unknown += f.unknown
}

// balance compares the servers' counts with what was told, measured and traced.
func (b *books) balance(t *testing.T, got map[string]int64, connects int) {
	t.Helper()
	t.Logf("%d lives, %d connects", b.lives, b.connects)
	if b.connects < connects {
		t.Errorf("%d connects, want %d", b.connects, connects)
	}
	equal := func(what string, one int, other int64) {
		t.Helper()
		t.Logf("%-52s %5d = %d", what, one, other)
		if int64(one) != other {
			t.Errorf("%s: %d and %d", what, one, other)
		}
	}
	equal("servers: connections; returned by the Dialer", b.servers["connections"], int64(b.dials))
	equal("servers: connections; ends", b.servers["connections"], int64(b.servers["ends"]))
	equal("servers: messages without doubtful ones; accepted", b.servers["messages"]-b.doubtful, sumOf(got, tracing.MetricMessages, " "+smtp.Accepted.String()))
	equal("OnMessage: unknown; by the metric", b.unknown, sumOf(got, tracing.MetricMessages, " "+smtp.Unknown.String()))
	equal("OnDial; OnDisconnect", b.dialed, int64(b.disconnected))
	equal("OnDial; spans of dials that succeeded", b.dialed, got["span smtp.dial "])
	equal("OnGreeting; spans of greetings that pleased", b.greeted, got["span smtp.greeting "])
	equal("hooks: attempts; spans", b.attempts, sumOf(got, "span smtp.connect.attempt", ""))
	for _, verb := range slices.Sorted(maps.Keys(b.begun)) {
		equal("hooks: "+verb+"; by the metric", b.begun[verb], sumOf(got, tracing.MetricCommandDuration, " "+verb))
	}
	slack, sure := 0, 0
	for _, what := range slices.Sorted(maps.Keys(b.near)) {
		near := b.near[what]
		t.Logf("servers: %-43s %5d, want %d to %d", what, b.servers[what], near.least, near.most)
		if err := near.err("servers: "+what, b.servers[what]); err != nil {
			t.Error(err)
		}
		slack, sure = slack+near.most-near.least, sure+near.least
	}
	t.Logf("in doubt are %d of %d messages, and %d counts beside %d that are sure", b.doubtful, b.unknown, slack, sure)
	if slack*10 > sure {
		t.Errorf("%d counts are in doubt beside %d that are sure: too little is compared", slack, sure)
	}
}
