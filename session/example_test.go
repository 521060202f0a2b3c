package session_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/cenkalti/backoff/v4"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// memory returns a server without sockets and what a session needs to reach it.
func memory(c smtptest.Config) (*smtptest.Server, session.Config) {
	server := smtptest.NewMemoryServer(c)
	return server, session.Config{
		HostAddress: server.Host(), RemotePort: server.Port(), Dialer: server, // in a program no Dialer
		LocalName: "client.example", TLS: &tls.Config{RootCAs: server.Roots()},
	}
}

// A session from the name of a server to ready and back, here over loopback and
// with STARTTLS.
func Example() {
	server, err := smtptest.NewServer(smtptest.Config{Mode: smtptest.StartTLS})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	s, err := session.New(session.Config{
		HostAddress: server.Host(), // left out, DNS is asked for HostName
		HostName:    "localhost",   // the certificate is checked against it
		RemotePort:  server.Port(),
		Options:     session.Extended | session.SecureExplicit,
		TLS:         &tls.Config{RootCAs: server.Roots()}, // in a program the system's roots will do
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := s.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	facts, _ := s.TLS()
	fmt.Println(s.State(), tls.VersionName(facts.Version), s.Capabilities().Has("CHUNKING"))
	fmt.Println(s.Disconnect(ctx), s.State())
	// Output:
	// ready TLS 1.3 true
	// <nil> closed
}

// Events on a channel, in their order.
func Example_events() {
	server, config := memory(smtptest.Config{Mode: smtptest.Implicit})
	defer server.Close()
	config.Options = session.Extended | session.SecureImplicit

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ch, stop := s.Subscribe(events.Filter{})
	defer stop()
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	for e := range ch { // until the end of the life
		switch e := e.(type) { //nolint:gochecksumtype // a program names what it wants
		case events.OnGreeting:
			fmt.Println("greeted:", e.Reply)
		case events.OnSecure:
			fmt.Println(e.VersionName(), "for", e.ServerName)
		case events.OnConnect:
			fmt.Println("ready:", e.Host, e.Port)
			_ = s.Disconnect(context.Background()) // this goroutine is not the session's
		case events.OnDisconnect:
			fmt.Println("ended:", e.Reason)
		case events.OnError:
			fmt.Println("failed:", e.Err)
		default: // new kinds come in minor versions
		}
	}
	// Output:
	// TLS 1.3 for 192.0.2.25
	// greeted: 220 smtptest.test ESMTP smtptest
	// ready: 192.0.2.25 25
	// ended: local
}

// Events as callbacks, which run on the goroutine that calls Dispatch.
func Example_handlers() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	h := events.Handlers{
		OnHello:   func(e events.OnHello) { fmt.Println("hello:", e.Name) },
		OnConnect: func(events.OnConnect) { server.Say("421 4.3.2 going down") },
		OnDisconnect: func(e events.OnDisconnect) {
			fmt.Println("ended:", e.Reason, e.Reply)
		},
	}
	ch, stop := s.Subscribe(events.Filter{Kinds: h.Kinds()})
	defer stop()
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	if err := h.Dispatch(ch); err != nil {
		fmt.Println(err)
	}
	// Output:
	// hello: client.example
	// ended: remote 421 4.3.2 going down
}

func ExampleNew() {
	s, err := session.New(session.Config{HostName: "mx.example"}) // no I/O, no goroutine
	fmt.Println(s.State(), err)

	_, err = session.New(session.Config{Hooks: []events.Hook{"no hook"}})
	fmt.Println(errors.Is(err, smtp.ErrInvalid))
	// Output:
	// idle <nil>
	// true
}

func ExampleSession_Connect() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	fmt.Println(s.Connect(ctx, session.WithOptions(session.Extended)))
	fmt.Println(errors.Is(s.Connect(ctx), smtp.ErrConnected))
	fmt.Println(s.Disconnect(ctx))
	fmt.Println(s.Connect(ctx)) // another life
	// Output:
	// <nil>
	// true
	// <nil>
	// <nil>
}

// An error tells the phase, the command and what the server said.
func ExampleSession_Connect_failure() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("554 5.7.1 not you")}})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Connect(context.Background())
	fmt.Println(err)
	var e *smtp.Error
	if errors.As(err, &e) {
		fmt.Println(e.Phase, e.Reply.Code, e.Permanent)
	}

	err = s.Connect(context.Background(), session.WithRemoteHost("mx example"))
	fmt.Println(errors.Is(err, smtp.ErrInvalid), smtp.Code(err))
	// Output:
	// greeting: refused by the server: 554 5.7.1 not you
	// greeting 554 true
	// true 10022
}

// Without STARTTLS a session that demands it goes no further.
func ExampleSession_Connect_secure() {
	server, config := memory(smtptest.Config{})
	defer server.Close()
	config.Options = session.Extended | session.SecureExplicit

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Connect(context.Background())
	fmt.Println(errors.Is(err, smtp.ErrNoTLS), s.State())
	// Output: true closed
}

func ExampleSession_Start() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	if err := s.Start(ctx); err != nil { // begun, no more
		log.Fatal(err)
	}
	err = s.Wait(ctx)
	cancel() // not before Wait has returned
	fmt.Println(err, s.State())
	// Output: <nil> ready
}

func ExampleSession_Wait() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.SayAndClose("421 4.3.2 busy")}})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Wait(context.Background()))
	// Output: greeting: refused by the server: 421 4.3.2 busy
}

// The first event is the state as it is, and the end of the life comes whatever
// the mask.
func ExampleSession_Subscribe() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ch, stop := s.Subscribe(events.Filter{Kinds: events.MaskOf(events.KindConnect)})
	defer stop()
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	_ = s.Close()
	for e := range ch {
		fmt.Println(e.Head().State, e.Kind())
	}
	// Output:
	// idle OnStateChange
	// ready OnConnect
	// closed OnDisconnect
}

func ExampleSession_Noop() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{
		"NOOP": smtptest.Sequence(smtptest.Usual(), smtptest.Say("450 4.2.0 not now")),
	}})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	ctx := context.Background()
	fmt.Println(errors.Is(s.Noop(ctx), smtp.ErrNotConnected))
	if err := s.Connect(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Noop(ctx))
	fmt.Println(s.Noop(ctx))
	fmt.Println(s.State()) // a refused command does not end the session
	// Output:
	// true
	// <nil>
	// ready: NOOP: refused by the server: 450 4.2.0 not now
	// ready
}

func ExampleSession_Disconnect() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // instead of 5 s
	defer cancel()
	fmt.Println(s.Disconnect(ctx))
	fmt.Println(s.State(), errors.Is(s.Err(), smtp.ErrClosed))
	fmt.Printf("%q\n", server.Commands())
	// Output:
	// <nil>
	// closed true
	// ["HELO client.example" "QUIT"]
}

func ExampleSession_Close() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Close()) // does not wait
	<-s.Done()
	fmt.Println(errors.Is(s.Err(), smtp.ErrClosed))
	fmt.Println(errors.Is(s.Connect(context.Background()), smtp.ErrClosed))
	// Output:
	// <nil>
	// true
	// true
}

// Done and Err tell the end of a life without events.
func ExampleSession_Done() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Err())
	server.CloseConns()
	<-s.Done()
	fmt.Println(errors.Is(s.Err(), smtp.ErrLost))
	// Output:
	// <nil>
	// true
}

func ExampleSession_Err() {
	s, err := session.New(session.Config{HostName: "mx.example"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Err())
	_ = s.Close()
	fmt.Println(s.Err())
	// Output:
	// <nil>
	// session closed
}

func ExampleSession_Snapshot() {
	server, config := memory(smtptest.Config{})
	defer server.Close()
	config.Extended = true

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	now := s.Snapshot()
	fmt.Println(now.ID == s.ID(), now.Life, now.State, now.Attempt)
	fmt.Println(now.Remote, now.Extended, now.Secure, now.Reply.Code)
	// Output:
	// true 1 ready 1
	// 192.0.2.25:25 true false 250
}

func ExampleSession_Capabilities() {
	server, config := memory(smtptest.Config{Keywords: []string{"PIPELINING", "SIZE 1000", "CHUNKING"}})
	defer server.Close()
	config.Options = session.Extended
	config.DiscardKeywords = []string{"chunking"}

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	size, ok := s.Capabilities().Params("SIZE")
	fmt.Println(size, ok, s.Capabilities())
	// Output: 1000 true PIPELINING, SIZE 1000
}

// A server that does not know EHLO gets HELO.
func ExampleSession_Extended() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}})
	defer server.Close()
	config.Options = session.Extended

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Connect(context.Background()), s.Extended())
	fmt.Printf("%q\n", server.Commands())
	// Output:
	// <nil> false
	// ["EHLO client.example" "HELO client.example"]
}

// The certificate is another name's, and the caller goes on all the same.
func ExampleSession_TLS() {
	server, config := memory(smtptest.Config{Mode: smtptest.StartTLS})
	defer server.Close()
	config.HostName = "other.example"
	config.Options = session.SecureExplicit

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Connect(context.Background())
	fmt.Println(errors.Is(err, smtp.ErrCertificate))

	err = s.Connect(context.Background(), session.WithOptions(session.SecureExplicit|session.TrustedSite))
	facts, secure := s.TLS()
	fmt.Println(err, secure, tls.VersionName(facts.Version), len(facts.VerifiedChains))
	// Output:
	// true
	// <nil> true TLS 1.3 0
}

func ExampleSession_State() {
	server, config := memory(smtptest.Config{})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.State(), s.State().Connecting())
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.State())
	// Output:
	// idle false
	// ready
}

func ExampleSession_ID() {
	a, _ := session.New(session.Config{})
	b, _ := session.New(session.Config{})
	fmt.Println(a.ID() < b.ID())
	// Output: true
}

func ExampleParseOptions() {
	for _, text := range []string{"extended|SecureExplicit", "0x1001", "None", "STARTTLS", "0x2"} {
		o, err := session.ParseOptions(text)
		fmt.Println(o == session.Extended|session.SecureExplicit, errors.Is(err, smtp.ErrInvalid))
	}
	// Output:
	// true false
	// true false
	// false false
	// false true
	// false true
}

func ExampleOptions_String() {
	fmt.Println(session.Extended | session.SecureImplicit | session.PreferIPv6)
	fmt.Println(session.None)
	fmt.Println(session.Options(0x3))
	// Output:
	// Extended|SecureImplicit|PreferIPv6
	// None
	// Extended|0x2
}

func ExampleOptions_Has() {
	o := session.Extended | session.SecureExplicit
	fmt.Println(o.Has(session.Extended), o.Has(session.Extended|session.TrustedSite))
	// Output: true false
}

func ExampleOptions_Validate() {
	fmt.Println(session.Options(0x3001).Validate(), session.Options(0x3002).Validate() != nil)
	// Output: <nil> true
}

func ExampleWithRemoteHost() {
	server, config := memory(smtptest.Config{})
	defer server.Close()
	config.HostAddress = ""

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Connect(context.Background(), session.WithRemoteHost("[IPv6:2001:db8::25]")))
	fmt.Println(s.Snapshot().Remote)
	// Output:
	// <nil>
	// [2001:db8::25]:25
}

// 0 is the port that goes with the options; omitted, Config.RemotePort is.
func ExampleWithRemotePort() {
	server, config := memory(smtptest.Config{Mode: smtptest.Implicit})
	defer server.Close()
	config.RemotePort = 2525

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Connect(context.Background(), session.WithOptions(session.SecureImplicit), session.WithRemotePort(0)))
	fmt.Println(s.Snapshot().Port)
	// Output:
	// <nil>
	// 465
}

func ExampleWithTimeout() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Silence()}})
	defer server.Close()

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Connect(context.Background(), session.WithTimeout(10*time.Millisecond)) // for each reply
	var e *smtp.Error
	fmt.Println(errors.As(err, &e) && e.Timeout(), smtp.Code(err))
	// Output: true 10060
}

func ExampleWithOptions() {
	server, config := memory(smtptest.Config{})
	defer server.Close()
	config.Options = session.Extended

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	fmt.Println(s.Connect(context.Background(), session.WithOptions(session.None))) // given, so it wins
	fmt.Println(s.Extended())
	// Output:
	// <nil>
	// false
}

func ExampleWithUserName() {
	o := session.WithUserName("user@example.org")
	fmt.Println(o) // for Connect; nothing about a person is printed
	// Output: user name [redacted]
}

func ExampleWithPassword() {
	o := session.WithPassword("secret")
	fmt.Printf("%v, %#v, %s\n", o, o, o)
	fmt.Println(session.WithPassword(""))
	// Output:
	// password [redacted], password [redacted], password [redacted]
	// password unset
}

// A Config may be printed.
func ExampleConfig() {
	c := session.Config{HostName: "mx.example", RemotePort: 587, UserName: "user", Password: "secret", Options: session.SecureExplicit}
	fmt.Println(c)
	// Output: session.Config{host "" "mx.example", port 587, options SecureExplicit, user [redacted], password [redacted]}
}

func ExampleRetry() {
	server, config := memory(smtptest.Config{On: map[string]smtptest.Step{
		"GREETING": smtptest.Sequence(smtptest.Close(), smtptest.Close(), smtptest.Usual()),
	}})
	defer server.Close()
	config.Retry = session.Retry{
		MaxAttempts: 3,
		Policy:      func() backoff.BackOff { return backoff.NewConstantBackOff(time.Millisecond) },
	}

	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	h := events.Handlers{OnRetry: func(e events.OnRetry) { fmt.Println("attempt", e.Attempt, "failed, again after", e.Delay) }}
	ch, stop := s.Subscribe(events.Filter{Kinds: h.Kinds()})
	defer stop()
	fmt.Println(s.Connect(context.Background()), s.Snapshot().Attempt)
	_ = s.Disconnect(context.Background())
	if err := h.Dispatch(ch); err != nil {
		fmt.Println(err)
	}
	// Output:
	// <nil> 3
	// attempt 1 failed, again after 1ms
	// attempt 2 failed, again after 1ms
}
