package tracing

import (
	"context"
	"crypto/tls"
	"strings"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/ehlo-go/ehlo/events"
)

// state is where smtp.client.session.count counts a session.
type state uint8

const (
	unborn     state = iota // and nowhere
	connecting              // an attempt is under way
	idle                    // ready, or leaving
	used                    // does what a caller asked for
	backoff                 // waits before the next attempt
	over                    // and nowhere again
	states
)

func (s state) String() string {
	return [states]string{connecting: "connecting", idle: "idle", used: "used", backoff: "backoff"}[s]
}

// counted reports a state that counts.
func (s state) counted() bool { return s != unborn && s != over }

// version is that of a connection's TLS.
type version uint8

const (
	noTLS version = iota
	tls10
	tls11
	tls12
	tls13
	otherTLS
	versions
)

// versionOf returns the version of a handshake.
func versionOf(v uint16) version {
	if v < tls.VersionTLS10 || v > tls.VersionTLS13 {
		return otherTLS
	}
	return tls10 + version(v-tls.VersionTLS10)
}

// String returns "1.3".
func (v version) String() string {
	switch v {
	case noTLS:
		return ""
	case otherTLS:
		return other
	default:
		return strings.TrimPrefix(tls.VersionName(tls.VersionTLS10+uint16(v-tls10)), "TLS ")
	}
}

// life is what is counted of a session from ConnectStart to LifeOver, with the
// instruments that it began with: so what was added to a state is taken from it
// again. It travels in the context; one goroutine at a time has it. A nil life is
// not counted.
type life struct {
	in      *instruments
	state   state
	version version
	host    string
	ready   time.Time
}

// turn counts the session in another state. From the last one nothing leads on.
func (l *life) turn(ctx context.Context, to state) {
	if l == nil || l.state == over || l.state == to {
		return
	}
	from := l.state
	l.state = to
	if !l.in.sessions.Enabled(ctx) {
		return
	}
	if from.counted() {
		l.in.sessions.Add(ctx, -1, l.in.labelOf(from, l.host)...)
	}
	if to.counted() {
		l.in.sessions.Add(ctx, 1, l.in.labelOf(to, l.host)...)
	}
}

// labelOf returns the attributes of a state.
func (i *instruments) labelOf(s state, host string) []metric.AddOption {
	if host == "" {
		return i.states[s]
	}
	return []metric.AddOption{metric.WithAttributes(KeySessionState.String(s.String()), KeyServerAddress.String(host))}
}

// lifeOf returns the life that a request is made of, nil if it is not counted.
func (h *Hook) lifeOf(r *events.Request) *life {
	if r.Connect == nil {
		return nil
	}
	if s := h.find(r.Connect); s != nil {
		return s.life
	}
	return nil
}

// LifeOver takes the session out of smtp.client.session.count.
func (h *Hook) LifeOver(ctx context.Context, e events.LifeOver) {
	s := h.find(ctx)
	if s == nil || s.life == nil || s.life.state == over {
		return
	}
	if l := s.life; !l.ready.IsZero() {
		l.in.lives.record(ctx, time.Since(l.ready), "", l.version, l.host, e.Err)
	}
	s.life.turn(ctx, over)
}
