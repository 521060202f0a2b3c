package ehlo_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// TestSession is the library from outside, the same against every server.
func TestSession(t *testing.T) {
	scenarios := []struct {
		name string
		run  func(*testing.T, server)
	}{
		{"to ready and back", testModes},
		{"connects that fail", testFailures},
		{"TrustedSite", testTrustedSite},
		{"NOOP before and after parking", testNoop},
		{"three lives", testReconnect},
		{"connected already", testConnectedAlready},
		{"Close when ready", testCloseReady},
		{"Close while connecting", testCloseConnecting},
		{"Disconnect while connecting", testDisconnectConnecting},
		{"context ends after ready", testContextAfterReady},
		{"50 at once", testMany},
		{"spans", testSpans},
		{"Start, Wait and Subscribe", testStart},
		{"Snapshot", testSnapshot},
	}
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			v := start(t)
			for _, c := range scenarios {
				t.Run(c.name, func(t *testing.T) { c.run(t, v) })
			}
		})
	}
}

// newSession makes a session that ends with the test.
func newSession(t testing.TB, c session.Config) *session.Session {
	t.Helper()
	s, err := session.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.Close()
		<-s.Done()
	})
	return s
}

// patience is a context for what a loaded machine may be slow to do.
func patience(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ended waits for the end of the life.
func ended(t testing.TB, s *session.Session) {
	t.Helper()
	select {
	case <-s.Done():
	case <-patience(t).Done():
		t.Fatalf("the life has no end: %v", s.Snapshot())
	}
}

// A mode is a way to ready. life is what is told of it, see story.
type mode struct {
	name           string
	options        session.Options
	extended, ehlo bool // Extended reads; the server was asked for its capabilities
	life           string
}

const (
	plainLife    = "resolve OnResolve dial OnDial greeting OnGreeting ehlo OnHello ready OnConnect"
	explicitLife = "resolve OnResolve dial OnDial greeting OnGreeting ehlo OnHello starttls OnSecure ehlo OnHello ready OnConnect"
	implicitLife = "resolve OnResolve dial OnDial tls OnSecure greeting OnGreeting ehlo OnHello ready OnConnect"
	disconnect   = " quit closed OnDisconnect"
)

func modes() []mode {
	return []mode{
		{"HELO", session.None, false, false, plainLife},
		{"EHLO", session.Extended, true, true, plainLife},
		{"SecureExplicit alone", session.SecureExplicit, false, true, explicitLife},
		{"SecureExplicit", session.Extended | session.SecureExplicit, true, true, explicitLife},
		{"SecureImplicit alone", session.SecureImplicit, false, false, implicitLife},
		{"SecureImplicit", session.Extended | session.SecureImplicit, true, true, implicitLife},
		{"both bits", session.Extended | session.SecureExplicit | session.SecureImplicit, true, true, implicitLife},
	}
}

func testModes(t *testing.T, v server) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			before := v.quits("")
			s := newSession(t, v.config(m.options))
			evs := record(t, s)
			if err := s.Connect(patience(t)); err != nil {
				t.Fatal(err)
			}
			checkReady(t, v, s, m)

			if err := s.Disconnect(patience(t)); err != nil {
				t.Errorf("Disconnect: %v", err)
			}
			ended(t, s)
			all := evs()
			checkLife(t, s, all, "idle "+m.life+disconnect)
			checkHellos(t, v, all, m)
			h := events.Handlers{
				OnSecure: func(e events.OnSecure) {
					if e.Verdict != nil || e.ServerName != v.name || e.Certificate.VerifyHostname(v.name) != nil {
						t.Errorf("secured for %q, %v", e.ServerName, e.Verdict)
					}
				},
				OnDisconnect: func(e events.OnDisconnect) {
					if e.Reason != events.Local || e.Err != nil {
						t.Errorf("disconnected by %v: %v", e.Reason, e.Err)
					}
				},
			}
			for _, e := range all {
				_ = h.Handle(e)
			}
			heardQuit(t, v, dialedFrom(all), before)
			if err := s.Err(); !errors.Is(err, smtp.ErrClosed) || s.State() != fsm.Closed {
				t.Errorf("%v afterwards, %v", s.State(), err)
			}
			if _, secure := s.TLS(); secure || s.Extended() || s.Capabilities().String() != "" {
				t.Error("facts of the connection outlive it")
			}
			if err := s.Disconnect(patience(t)); err != nil {
				t.Errorf("Disconnect without a life: %v", err)
			}
		})
	}
}

func checkReady(t *testing.T, v server, s *session.Session, m mode) {
	t.Helper()
	if s.State() != fsm.Ready || s.Err() != nil || s.Wait(patience(t)) != nil {
		t.Errorf("in %v, %v", s.State(), s.Err())
	}
	caps := s.Capabilities()
	if s.Extended() != m.extended || caps.Has("PIPELINING") != m.ehlo || (caps.String() != "") != m.ehlo {
		t.Errorf("extended %v, capabilities %v", s.Extended(), caps)
	}
	state, secure := s.TLS()
	if wants := m.options&(session.SecureExplicit|session.SecureImplicit) != 0; secure != wants || caps.Has("STARTTLS") != (m.ehlo && !wants) {
		t.Errorf("TLS %v, capabilities %v", secure, caps)
	}
	if secure && (!state.HandshakeComplete || state.Version < tls.VersionTLS13 || len(state.VerifiedChains) == 0 || state.ServerName != v.name) {
		t.Errorf("TLS state %s for %q, %d chains", tls.VersionName(state.Version), state.ServerName, len(state.VerifiedChains))
	}
}

// checkHellos looks at each answer to EHLO or HELO, and that the newest EHLO's
// counts: STARTTLS is offered in clear only.
func checkHellos(t *testing.T, v server, all []events.Event, m mode) {
	t.Helper()
	var secure bool
	h := events.Handlers{
		OnSecure: func(events.OnSecure) { secure = true },
		OnHello: func(e events.OnHello) {
			if e.Name != "client.example" || e.Extended != m.extended || e.Reply.Code != 250 || e.Capabilities.Has("STARTTLS") != (m.ehlo && !secure) {
				t.Errorf("hello of %q: extended %v, %v", e.Name, e.Extended, e.Reply)
			}
		},
		OnGreeting: func(e events.OnGreeting) {
			if e.Reply.Code != 220 || !strings.HasPrefix(e.Reply.Text, v.name) {
				t.Errorf("greeted with %v", e.Reply)
			}
		},
		OnConnect: func(e events.OnConnect) {
			if e.Host != "127.0.0.1" || strconv.Itoa(e.Port) != portOf(e.Remote) || e.Extended != m.extended || e.Secure != secure || e.Elapsed <= 0 {
				t.Errorf("%+v", e)
			}
		},
	}
	for _, e := range all {
		_ = h.Handle(e)
	}
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// heardQuit waits until the server has heard one QUIT of the client; before is
// what it had heard of all, if it cannot tell them apart.
func heardQuit(t *testing.T, v server, client string, before int) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(10 * time.Second)
	defer late.Stop()
	for v.quits(client) != before+1 {
		select {
		case <-again.C:
		case <-late.C:
			t.Fatalf("the server has heard QUIT %d times, %d times before", v.quits(client), before)
		}
	}
}

func testFailures(t *testing.T, v server) {
	short := 500 * time.Millisecond
	deadline := func(t *testing.T) context.Context {
		ctx, cancel := context.WithTimeout(context.Background(), short)
		t.Cleanup(cancel)
		return ctx
	}
	wrongName := func(c *session.Config) { c.HostName = "other.example" }
	unknownCA := func(c *session.Config) { c.TLS.RootCAs = x509.NewCertPool() }
	silence := func(c *session.Config) { c.RemotePort = v.implicit } // the server waits for a handshake
	const untilDial, untilStartTLS = "idle resolve OnResolve dial OnDial ", "idle resolve OnResolve dial OnDial greeting OnGreeting ehlo OnHello starttls "
	const lost = "closed OnDisconnect OnError"
	for _, c := range []struct {
		name    string
		options session.Options
		change  func(*session.Config)
		ctx     func(*testing.T) context.Context
		want    smtp.Error // Kind and Phase
		code    int
		says    string
		reason  events.Reason
		life    string
	}{
		{"wrong name, STARTTLS", session.SecureExplicit, wrongName, nil,
			smtp.Error{Kind: smtp.KindCertificate, Phase: "starttls"}, 20004, "other.example", events.Local, untilStartTLS + lost},
		{"wrong name, implicit", session.SecureImplicit, wrongName, nil,
			smtp.Error{Kind: smtp.KindCertificate, Phase: "tls"}, 20004, "other.example", events.Local, untilDial + "tls " + lost},
		{"unknown authority, STARTTLS", session.SecureExplicit, unknownCA, nil,
			smtp.Error{Kind: smtp.KindCertificate, Phase: "starttls"}, 20004, "unknown authority", events.Local, untilStartTLS + lost},
		{"unknown authority, implicit", session.SecureImplicit, unknownCA, nil,
			smtp.Error{Kind: smtp.KindCertificate, Phase: "tls"}, 20004, "unknown authority", events.Local, untilDial + "tls " + lost},
		{"implicit at the plain port", session.SecureImplicit, func(c *session.Config) { c.RemotePort = v.plain }, nil,
			smtp.Error{Kind: smtp.KindTLS, Phase: "tls"}, 20003, "STARTTLS", events.Failure, untilDial + "tls " + lost},
		{"plain at the implicit port", session.Extended, func(c *session.Config) { silence(c); c.Timeout = short }, nil,
			smtp.Error{Kind: smtp.KindTimeout, Phase: "greeting"}, 10060, "", events.Failure, untilDial + "greeting OnTimeout " + lost},
		{"the context's deadline", session.Extended, silence, deadline,
			smtp.Error{Kind: smtp.KindCanceled, Phase: "greeting"}, 10004, "deadline exceeded", events.Local, untilDial + "greeting OnCancel " + lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := v.config(c.options)
			c.change(&config)
			s := newSession(t, config)
			evs := record(t, s)
			ctx := patience(t)
			if c.ctx != nil {
				ctx = c.ctx(t)
			}
			err := s.Connect(ctx)
			var e *smtp.Error
			if !errors.As(err, &e) || e.Kind != c.want.Kind || e.Phase != c.want.Phase || smtp.Code(err) != c.code || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v, code %d", err, smtp.Code(err))
			}
			if c.ctx != nil && (!errors.Is(err, context.DeadlineExceeded) || !e.Timeout()) {
				t.Errorf("%v is no deadline", err)
			}
			all := evs()
			checkLife(t, s, all, c.life)
			if last := all[len(all)-1].(events.OnError); !last.Final || last.Err != err {
				t.Errorf("final %v: %v", last.Final, last.Err)
			}
			if gone := all[len(all)-2].(events.OnDisconnect); gone.Reason != c.reason || gone.Err != err {
				t.Errorf("disconnected by %v: %v", gone.Reason, gone.Err)
			}
			ended(t, s)
			if s.State() != fsm.Closed || s.Err() != err || s.Wait(patience(t)) != err {
				t.Errorf("%v afterwards, %v", s.State(), s.Err())
			}
		})
	}
}

func testTrustedSite(t *testing.T, v server) {
	for _, m := range modes()[2:] {
		t.Run(m.name, func(t *testing.T) {
			c := v.config(m.options | session.TrustedSite)
			c.TLS = &tls.Config{RootCAs: x509.NewCertPool()}
			s := newSession(t, c)
			ch, stop := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindSecure)})
			defer stop()
			if err := s.Connect(patience(t)); err != nil {
				t.Fatal(err)
			}
			<-ch // the first state
			e := (<-ch).(events.OnSecure)
			var unknown x509.UnknownAuthorityError
			if !errors.As(e.Verdict, &unknown) || e.VersionName() != "TLS 1.3" || e.ServerName != v.name {
				t.Errorf("%s for %q, verdict %v", e.VersionName(), e.ServerName, e.Verdict)
			}
			if state, ok := s.TLS(); !ok || len(state.VerifiedChains) != 0 {
				t.Errorf("TLS %v, %d chains", ok, len(state.VerifiedChains))
			}
		})
	}
}
