package session_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// ready returns a session that is ready, over TLS, and what ends it.
func ready(server smtptest.Config, change ...func(*session.Config)) (*session.Session, func()) {
	server.Mode = smtptest.Implicit
	srv, config := memory(server)
	config.Options = session.Extended | session.SecureImplicit
	for _, f := range change {
		f(&config)
	}
	s, err := session.New(config)
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	return s, func() {
		_ = s.Disconnect(context.Background())
		_ = srv.Close()
	}
}

// The strongest mechanism that both have. A refusal leaves the session ready for
// another try.
func ExampleSession_Authenticate() {
	s, end := ready(smtptest.Config{Users: map[string]string{"ann": "secret"}, Mechanisms: []string{"PLAIN", "SCRAM-SHA-256"}})
	defer end()
	ctx := context.Background()
	h := events.Handlers{OnAuthenticate: func(e events.OnAuthenticate) { fmt.Println(e.Mechanism, e.Reply.Code) }}
	ch, stop := s.Subscribe(events.Filter{Kinds: h.Kinds()})

	err := s.Authenticate(ctx, session.WithUserName("ann"), session.WithPassword("a guess"))
	fmt.Println(smtp.Code(err), s.State())
	err = s.Authenticate(ctx, session.WithUserName("ann"), session.WithPassword("secret"))
	fmt.Println(err, s.Snapshot().Authenticated)

	stop()
	if err := h.Dispatch(ch); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 535 ready
	// <nil> true
	// SCRAM-SHA-256 535
	// SCRAM-SHA-256 235
}

func ExampleWithMechanism() {
	s, end := ready(smtptest.Config{Users: map[string]string{"ann": "secret"}, Mechanisms: []string{"PLAIN", "CRAM-MD5"}})
	defer end()
	err := s.Authenticate(context.Background(), session.WithUserName("ann"), session.WithPassword("secret"), session.WithMechanism("CRAM-MD5"))
	fmt.Println(err)
	// Output: <nil>
}

// The token's source is asked when a mechanism needs it.
func ExampleWithToken() {
	s, end := ready(smtptest.Config{Tokens: map[string]string{"ann": "ya29.abc"}})
	defer end()
	source := func(context.Context) (auth.Token, error) {
		return auth.Token{Value: "ya29.abc"}, nil // in a program from the provider
	}
	fmt.Println(s.Authenticate(context.Background(), session.WithUserName("ann"), session.WithToken(source)))
	// Output: <nil>
}

// One Authenticator for all sessions: SCRAM's key is derived once.
func ExampleWithAuthenticator() {
	shared := auth.Credentials{UserName: "ann", Password: "secret"}.Authenticator()
	for range 2 {
		s, end := ready(smtptest.Config{Users: map[string]string{"ann": "secret"}, Mechanisms: []string{"SCRAM-SHA-256"}})
		fmt.Println(s.Authenticate(context.Background(), session.WithAuthenticator(shared)))
		end()
	}
	// Output:
	// <nil>
	// <nil>
}

// What leaves the session's state alone may be said as a line.
func ExampleSession_Command() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{"ETRN": smtptest.Say("252 2.0.0 pending messages started")}})
	defer end()
	reply, err := s.Command(context.Background(), "ETRN example.org")
	fmt.Println(reply.Code, err)
	_, err = s.Command(context.Background(), "MAIL FROM:<ann@example.org>")
	fmt.Println(errors.Is(err, smtp.ErrInvalid))
	// Output:
	// 252 <nil>
	// true
}

func ExampleSession_Reset() {
	s, end := ready(smtptest.Config{})
	defer end()
	fmt.Println(s.Reset(context.Background()))
	// Output: <nil>
}

// 252 is the usual answer: the server does not tell, and would take mail.
func ExampleSession_Verify() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{"VRFY": smtptest.Say("252 2.1.5 send some mail, I'll try my best")}})
	defer end()
	reply, err := s.Verify(context.Background(), "ann")
	fmt.Println(reply.Code, err)
	// Output: 252 <nil>
}

func ExampleSession_Expand() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{"EXPN": smtptest.Say("250-<ann@example.org>\r\n250 <bob@example.org>")}})
	defer end()
	reply, err := s.Expand(context.Background(), "team")
	fmt.Println(reply.Text, err)
	// Output:
	// <ann@example.org>
	// <bob@example.org> <nil>
}

func ExampleSession_Help() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{"HELP": smtptest.Say("214 see RFC 5321")}})
	defer end()
	reply, err := s.Help(context.Background(), "")
	fmt.Println(smtp.Escape(reply.Text), err)
	// Output: see RFC 5321 <nil>
}

// Each event is a record; at debug level a transcript is beside them.
func ExampleConfig_logger() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key { // the others are not the same each time
		case "msg", "level", "smtp.auth.mechanism", "smtp.reply.code", "smtp.disconnect.reason", "tls.protocol.version":
			return a
		}
		return slog.Attr{}
	}}))
	s, end := ready(smtptest.Config{Users: map[string]string{"ann": "secret"}}, func(c *session.Config) { c.Logger = logger })
	_ = s.Authenticate(context.Background(), session.WithUserName("ann"), session.WithPassword("a guess"))
	end()
	// Output:
	// level=INFO msg="smtp secure" tls.protocol.version=1.3
	// level=INFO msg="smtp connect"
	// level=WARN msg="smtp authenticate" smtp.auth.mechanism=PLAIN smtp.reply.code=535
	// level=INFO msg="smtp disconnect" smtp.disconnect.reason=local
}
