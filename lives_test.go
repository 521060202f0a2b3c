package ehlo_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// record subscribes to everything. The function it returns waits for the end of
// the life, or of the next one if there is none, and returns all its events.
func record(t testing.TB, s *session.Session) func() []events.Event {
	t.Helper()
	ch, stop := s.Subscribe(events.Filter{})
	t.Cleanup(stop)
	return func() (all []events.Event) {
		t.Helper()
		for ctx := patience(t); ; {
			select {
			case e, ok := <-ch:
				if !ok {
					return all
				}
				all = append(all, e)
			case <-ctx.Done():
				t.Errorf("the channel is still open after %s", story(all)) // perhaps not on the test's goroutine
				return all
			}
		}
	}
}

// story tells events in a line: of a change the new state's name, of any other
// event its kind's.
func story(evs []events.Event) string {
	var words []string
	for _, e := range evs {
		if change, ok := e.(events.OnStateChange); ok {
			words = append(words, change.To.String())
		} else {
			words = append(words, e.Kind().String())
		}
	}
	return strings.Join(words, " ")
}

// checkLife compares a whole life with its story, and its headers with each
// other: no event is missing and none is another session's.
func checkLife(t *testing.T, s *session.Session, all []events.Event, want string) {
	t.Helper()
	if got := story(all); got != want {
		t.Fatalf("events\n%s\nwant\n%s", got, want)
	}
	first, ok := all[0].(events.OnStateChange)
	if !ok || first.From != first.To {
		t.Errorf("the first event is %+v", all[0])
	}
	state, life := first.To, all[1].Head().Life
	for i, e := range all[1:] {
		h := e.Head()
		if change, ok := e.(events.OnStateChange); ok {
			if change.From != state {
				t.Errorf("%v follows %v", change.From, state)
			}
			state = change.To
		}
		if h.Session != s.ID() || h.Life != life || h.Seq != first.Seq+uint64(i)+1 || h.State != state || h.Time.Before(all[i].Head().Time) {
			t.Errorf("event %d, %v in %v, has header %+v", i+1, e.Kind(), state, h)
		}
	}
}

func testNoop(t *testing.T, v server) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			s := newSession(t, v.config(m.options))
			evs := record(t, s)
			if err := s.Connect(patience(t)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				for range 3 {
					if err := s.Noop(patience(t)); err != nil {
						t.Fatal(err)
					}
				}
				rests(t, s)
			}
			if err := s.Disconnect(patience(t)); err != nil {
				t.Error(err)
			}
			all := evs()
			checkLife(t, s, all, "idle "+m.life+strings.Repeat(" OnCommand", 9)+disconnect)
			for _, e := range all {
				if c, ok := e.(events.OnCommand); ok && (c.Verb != "NOOP" || c.Reply.Code != 250 || c.Err != nil || c.Elapsed <= 0) {
					t.Errorf("%+v", c)
				}
			}
			if err := s.Noop(patience(t)); !errors.Is(err, smtp.ErrNotConnected) {
				t.Errorf("NOOP without a life: %v", err)
			}
		})
	}
}

// rests leaves a session to itself for long enough to park. It stays ready.
func rests(t *testing.T, s *session.Session) {
	t.Helper()
	select {
	case <-s.Done():
		t.Fatalf("the session did not stay: %v", s.Err())
	case <-time.After(20 * time.Millisecond):
	}
	if s.State() != fsm.Ready {
		t.Fatalf("in %v", s.State())
	}
}

func testReconnect(t *testing.T, v server) {
	s := newSession(t, v.config(session.None))
	seq := uint64(0)
	for i, m := range []mode{modes()[3], modes()[5], modes()[0]} {
		evs, done := record(t, s), s.Done()
		port := v.plain
		if m.options.Has(session.SecureImplicit) {
			port = v.implicit
		}
		if err := s.Connect(patience(t), session.WithOptions(m.options), session.WithRemotePort(port)); err != nil {
			t.Fatalf("life %d: %v", i+1, err)
		}
		if i > 0 {
			select {
			case <-done: // between lives: that of the last
			default:
				t.Error("Done was open between lives")
			}
		}
		if n := s.Snapshot().Life; n != uint64(i+1) {
			t.Errorf("life %d is the %d.", i+1, n)
		}
		checkReady(t, v, s, m)
		if err := s.Disconnect(patience(t)); err != nil {
			t.Errorf("life %d: %v", i+1, err)
		}
		first := "closed "
		if i == 0 {
			first = "idle "
		}
		all := evs()
		checkLife(t, s, all, first+m.life+disconnect)
		if h := all[1].Head(); h.Life != uint64(i+1) || h.Seq != seq+1 {
			t.Errorf("life %d begins with %+v", i+1, h)
		}
		seq = all[len(all)-1].Head().Seq
	}
}

func testConnectedAlready(t *testing.T, v server) {
	s := newSession(t, v.config(session.Extended))
	evs := record(t, s)
	if err := s.Connect(patience(t)); err != nil {
		t.Fatal(err)
	}
	for name, connect := range map[string]func(context.Context, ...session.ConnectOption) error{"Connect": s.Connect, "Start": s.Start} {
		if err := connect(patience(t), session.WithOptions(session.None)); !errors.Is(err, smtp.ErrConnected) {
			t.Errorf("%s while connected: %v", name, err)
		}
	}
	if err := s.Noop(patience(t)); err != nil || !s.Extended() {
		t.Errorf("the session was hurt: %v", err)
	}
	_ = s.Disconnect(patience(t))
	checkLife(t, s, evs(), "idle "+plainLife+" OnCommand"+disconnect) // nothing is told of the two
}

func testCloseReady(t *testing.T, v server) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			before := v.quits("")
			s := newSession(t, v.config(m.options))
			evs := record(t, s)
			if err := s.Connect(patience(t)); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			all := evs()
			checkLife(t, s, all, "idle "+m.life+" closed OnDisconnect")
			if e := all[len(all)-1].(events.OnDisconnect); e.Reason != events.Local || e.Err != nil {
				t.Errorf("disconnected by %v: %v", e.Reason, e.Err)
			}
			ended(t, s)
			if n := v.quits(""); n != before {
				t.Error("Close said QUIT")
			}
			for name, err := range map[string]error{
				"Err": s.Err(), "Wait": s.Wait(patience(t)), "Noop": s.Noop(patience(t)),
				"Connect": s.Connect(patience(t)), "Start": s.Start(patience(t)),
			} {
				if !errors.Is(err, smtp.ErrClosed) {
					t.Errorf("%s after Close: %v", name, err)
				}
			}
			if got := story(record(t, s)()); got != "closed" {
				t.Errorf("events after Close: %s", got)
			}
		})
	}
}

// silent starts a connect that will be waiting for a greeting: the server waits
// for a handshake.
func silent(t *testing.T, v server) (s *session.Session, evs func() []events.Event) {
	t.Helper()
	c := v.config(session.Extended)
	c.RemotePort = v.implicit
	s = newSession(t, c)
	evs = record(t, s)
	ch, stop := s.Subscribe(events.Filter{})
	defer stop()
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	for ctx := patience(t); s.State() != fsm.Greeting; {
		select {
		case <-ch:
		case <-ctx.Done():
			t.Fatalf("in %v", s.State())
		}
	}
	return s, evs
}

const cutLife = "idle resolve OnResolve dial OnDial greeting OnCancel closed OnDisconnect OnError"

func testCloseConnecting(t *testing.T, v server) {
	s, evs := silent(t, v)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	checkLife(t, s, evs(), cutLife)
	ended(t, s)
	if err := s.Err(); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("Err: %v", err)
	}
	if err := s.Connect(patience(t)); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("Connect after Close: %v", err)
	}
}

func testDisconnectConnecting(t *testing.T, v server) {
	s, evs := silent(t, v)
	if err := s.Disconnect(patience(t)); err != nil {
		t.Error(err)
	}
	checkLife(t, s, evs(), cutLife)
	if err := s.Err(); !errors.Is(err, smtp.ErrClosed) {
		t.Errorf("Err: %v", err)
	}
	if err := s.Connect(patience(t), session.WithRemotePort(v.plain)); err != nil { // unlike after Close
		t.Errorf("Connect after Disconnect: %v", err)
	}
}

func testContextAfterReady(t *testing.T, v server) {
	for name, connect := range map[string]func(*session.Session, context.Context) error{
		"Connect": func(s *session.Session, ctx context.Context) error { return s.Connect(ctx) },
		"Start": func(s *session.Session, ctx context.Context) error {
			return errors.Join(s.Start(ctx), s.Wait(patience(t)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSession(t, v.config(session.Extended|session.SecureExplicit))
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if err := connect(s, ctx); err != nil {
				t.Fatal(err)
			}
			cancel()
			rests(t, s)
			if err := s.Noop(patience(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// testMany has 50 sessions, of every mode, ready at the same time.
func testMany(t *testing.T, v server) {
	const n = 50
	var connecting, leaving sync.WaitGroup
	errs := make([]error, n)
	all := make([]*session.Session, n)
	for i := range all {
		m := modes()[i%len(modes())]
		all[i] = newSession(t, v.config(m.options))
		connecting.Go(func() { errs[i] = errors.Join(all[i].Connect(patience(t)), all[i].Noop(patience(t))) })
	}
	connecting.Wait()
	for i, s := range all {
		if errs[i] != nil || s.State() != fsm.Ready {
			t.Fatalf("session %d, %s: %v, %v", i, modes()[i%len(modes())].name, s.State(), errs[i])
		}
		leaving.Go(func() { errs[i] = errors.Join(s.Noop(patience(t)), s.Disconnect(patience(t))) })
	}
	leaving.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	ids := make(map[uint64]bool)
	for _, s := range all {
		ids[s.ID()] = true
	}
	if len(ids) != n {
		t.Errorf("%d sessions share %d ids", n, len(ids))
	}
}

func testSpans(t *testing.T, v server) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	ctx, caller := provider.Tracer("test").Start(patience(t), "caller")
	c := v.config(session.Extended | session.SecureExplicit)
	c.TracerProvider = provider
	s := newSession(t, c)
	if err := s.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	if started, ended := len(spans.Started()), len(spans.Ended()); started != ended+1 {
		t.Errorf("at ready %d of %d spans have ended: no span lives as long as a session", ended, started)
	}
	caller.End()
	names := make(map[string]string) // by span id
	for _, span := range spans.Started() {
		names[span.SpanContext().SpanID().String()] = span.Name()
	}
	var tree []string
	for _, span := range spans.Started() {
		tree = append(tree, names[span.Parent().SpanID().String()]+" > "+span.Name())
	}
	want := []string{
		" > caller",
		"caller > smtp.connect",
		"smtp.connect > smtp.connect.attempt",
		"smtp.connect.attempt > smtp.dial",
		"smtp.connect.attempt > smtp.greeting",
		"smtp.connect.attempt > smtp.ehlo",
		"smtp.connect.attempt > smtp.starttls",
		"smtp.connect.attempt > smtp.ehlo",
	}
	if !slices.Equal(tree, want) {
		t.Errorf("spans\n%s\nwant\n%s", strings.Join(tree, "\n"), strings.Join(want, "\n"))
	}
}

func testStart(t *testing.T, v server) {
	s := newSession(t, v.config(session.Extended|session.SecureExplicit))
	ch, stop := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindSecure, events.KindConnect)})
	defer stop()
	if err := s.Start(patience(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Wait(patience(t)); err != nil {
		t.Fatal(err)
	}
	late := record(t, s) // hears nothing of what was before
	if err := s.Disconnect(patience(t)); err != nil {
		t.Error(err)
	}
	var got []events.Event
	for e := range ch {
		got = append(got, e)
	}
	if story(got) != "idle OnSecure OnConnect OnDisconnect" { // the last comes whatever the mask
		t.Errorf("heard %s", story(got))
	}
	if got := story(late()); got != "ready"+disconnect {
		t.Errorf("heard later %s", got)
	}
	if err := s.Start(patience(t), session.WithRemotePort(-1)); !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("Start at port -1: %v", err)
	}
}

func testSnapshot(t *testing.T, v server) {
	s := newSession(t, v.config(session.Extended|session.SecureImplicit))
	if got := s.Snapshot(); got.ID != s.ID() || got.State != fsm.Idle || got.Life != 0 || got.Seq != 0 || !got.Since.IsZero() || got.Err != nil {
		t.Errorf("new: %+v", got)
	}
	if err := s.Connect(patience(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Noop(patience(t)); err != nil {
		t.Fatal(err)
	}
	got := s.Snapshot()
	if got.State != fsm.Ready || got.Life != 1 || got.Attempt != 1 || got.Seq == 0 || got.Since.IsZero() || got.Host != "127.0.0.1" ||
		got.Port != v.implicit || portOf(got.Remote) == "" || !got.Extended || !got.Secure || got.Waiting != 0 || got.Reply.Code != 250 || got.Err != nil {
		t.Errorf("ready: %+v", got)
	}
	if err := s.Disconnect(patience(t)); err != nil {
		t.Error(err)
	}
	if got := s.Snapshot(); got.State != fsm.Closed || got.Remote != "" || got.Secure || got.Extended || !errors.Is(got.Err, smtp.ErrClosed) || got.Seq < 12 {
		t.Errorf("closed: %+v", got)
	}
}

// dialedFrom returns this end of the life's connection.
func dialedFrom(evs []events.Event) string {
	for _, e := range evs {
		if dial, ok := e.(events.OnDial); ok {
			return dial.Local
		}
	}
	return ""
}
