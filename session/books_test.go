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

// books are the sums over many lives and their servers.
type books struct {
	mu       sync.Mutex
	lives    int
	connects int // that got as far as an attempt
	attempts int
	servers  smtptest.Counts
	heard    map[string]int // commands, by the servers' counts
	lost     map[string]int // begun and not heard, by the lives' own bounds
	parted   int            // QUITs that nobody waited for, heard
	connections
	fates
}

func newBooks() *books {
	return &books{heard: map[string]int{}, lost: map[string]int{}}
}

func (b *books) add(l *reckoning, n smtptest.Counts, c connections, f fates) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lives++
	b.attempts += l.attempts
	if l.attempts > 0 {
		b.connects++
	}
	by := heard(n)
	for verb := range mergeKeys(by, l.begun) {
		b.heard[verb] += by[verb]
		lost := l.begun[verb] - by[verb]
		if verb == "QUIT" && lost < 0 { // said as an attempt failed
			b.parted -= lost
			lost = 0
		}
		b.lost[verb] += lost
	}
	b.servers.Connections += n.Connections
	b.servers.Closed += n.Closed
	b.servers.Greetings += n.Greetings
	b.servers.Handshakes += n.Handshakes
	b.servers.Contents += n.Contents
	b.servers.Messages += n.Messages
	b.connections.dialed += c.dialed
	b.connections.greeted += c.greeted
	b.connections.secured += c.secured
	b.connections.disconnected += c.disconnected
	b.fates.accepted += f.accepted
	b.fates.kept += f.kept
	b.fates.doubtful += f.doubtful
	b.fates.unknown += f.unknown
}

// balance compares the servers' counts with what was measured and traced.
func (b *books) balance(t *testing.T, got map[string]int64, connects int) {
	t.Helper()
	if b.connects < connects {
		t.Errorf("%d connects, want %d", b.connects, connects)
	}
	equal := func(what string, server int, counted int64) {
		t.Helper()
		t.Logf("%-38s %5d = %d", what, server, counted)
		if int64(server) != counted {
			t.Errorf("%s: the servers have %d, counted are %d", what, server, counted)
		}
	}
	unseen := b.servers.Connections - b.dialed // cut between the dial and OnDial, by each life's own bound
	equal("accepted, and OnDial", b.servers.Connections-unseen, int64(b.dialed))
	equal("accepted, and spans of dials", b.servers.Connections-unseen, got["span smtp.dial "])
	unread := b.servers.Greetings - b.greeted // said to one that had gone, or was not pleased: by each life's own bound
	equal("greetings, and their spans", b.servers.Greetings-unread, got["span smtp.greeting "])
	equal("closed, and OnDisconnect", b.servers.Closed-unseen, int64(b.disconnected))
	equal("attempts, and their spans", b.attempts, sumOf(got, "span smtp.connect.attempt", ""))
	equal("kept, and messages accepted", b.servers.Messages-b.doubtful, sumOf(got, tracing.MetricMessages, " "+smtp.Accepted.String()))
	equal("unknown by receipt, and by the metric", b.unknown, sumOf(got, tracing.MetricMessages, " "+smtp.Unknown.String()))
	for _, verb := range slices.Sorted(maps.Keys(b.heard)) {
		parted := 0
		if verb == "QUIT" {
			parted = b.parted
		}
		equal(verb, b.heard[verb]+b.lost[verb]-parted, sumOf(got, tracing.MetricCommandDuration, " "+verb))
	}
	t.Logf("%d lives, %d connects; %d handshakes, %d contents", b.lives, b.connects, b.servers.Handshakes, b.servers.Contents)
	t.Logf("%d connections cut before OnDial; %d greetings not taken; %d QUITs said in parting; never heard %v; kept in doubt %d of %d", unseen, unread, b.parted, b.lost, b.doubtful, b.unknown)
	for verb, n := range b.lost {
		if verb != "QUIT" && n*5 > b.heard[verb] {
			t.Errorf("%s: %d were lost and only %d heard: too little is compared", verb, n, b.heard[verb])
		}
	}
}
