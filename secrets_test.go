package ehlo_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

const (
	thePassword = "pa ssw=ört,\\x" // a space, what SASL escapes, no ASCII, what %q escapes
	theToken    = "ya29.to-ken_~+/=="
)

// shown collects everything that a program may get to see.
type shown struct {
	mu  sync.Mutex
	out bytes.Buffer
	log *slog.Logger
}

func newShown() *shown {
	s := &shown{}
	s.log = slog.New(slog.NewJSONHandler(&s.out, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
	return s
}

// see prints v in every way there is.
func (s *shown) see(what string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&s.out, "%s "+verb+"\n", what, v)
	}
	s.log.Debug(what, "value", v)
	if err, ok := v.(error); ok {
		fmt.Fprintln(&s.out, err.Error())
	}
}

// Every kind of hook.
func (s *shown) ConnectStart(ctx context.Context, v events.ConnectStart) context.Context {
	s.see("ConnectStart", v)
	return ctx
}
func (s *shown) ConnectEnd(_ context.Context, v events.ConnectEnd) { s.see("ConnectEnd", v) }
func (s *shown) AttemptStart(ctx context.Context, v events.AttemptStart) context.Context {
	s.see("AttemptStart", v)
	return ctx
}
func (s *shown) AttemptEnd(_ context.Context, v events.AttemptEnd) { s.see("AttemptEnd", v) }
func (s *shown) PhaseStart(ctx context.Context, v events.PhaseStart) context.Context {
	s.see("PhaseStart", v)
	if v.Request != nil {
		s.see("Request", *v.Request)
	}
	return ctx
}
func (s *shown) PhaseEnd(_ context.Context, v events.PhaseEnd) {
	s.see("PhaseEnd", v)
	s.see("PhaseEnd.Err", v.Err)
}
func (s *shown) CommandStart(ctx context.Context, v events.CommandStart) context.Context {
	s.see("CommandStart", v)
	return ctx
}
func (s *shown) CommandEnd(_ context.Context, v events.CommandEnd) {
	s.see("CommandEnd", v)
	s.see("CommandEnd.Err", v.Err)
}
func (s *shown) Kinds() events.Mask                      { return events.All }
func (s *shown) Event(_ context.Context, v events.Event) { s.see("hook", v) }

// overheard is a client whose exchange is known to the test.
type overheard struct {
	sasl.Client
	payload *[]string
}

func (o overheard) Start() (string, []byte, error) {
	name, initial, err := o.Client.Start()
	*o.payload = append(*o.payload, string(initial))
	return name, initial, err
}

func (o overheard) Next(challenge []byte) ([]byte, error) {
	response, err := o.Client.Next(challenge)
	*o.payload = append(*o.payload, string(challenge), string(response))
	return response, err
}

func (o overheard) Done() bool     { return auth.Done(o.Client) }
func (o overheard) Refused() error { return auth.Refused(o.Client) }

// Every mechanism, let in and refused, by a server that keeps to itself and by
// one that repeats what it heard, with every kind of listener: no secret shows.
func TestInvariant_8_SecretsShowNowhere(t *testing.T) {
	for _, mechanism := range []string{
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN", "CRAM-MD5", "EXTERNAL", "ANONYMOUS",
	} {
		for _, secret := range []string{"right", "wrong"} {
			t.Run(mechanism+"/"+secret, func(t *testing.T) { hideAndSeek(t, mechanism, secret == "right") })
		}
	}
}

func hideAndSeek(t *testing.T, mechanism string, right bool) {
	srv, err := smtptest.NewServer(smtptest.Config{Mode: smtptest.StartTLS, Mechanisms: []string{mechanism},
		Users: map[string]string{"user": thePassword}, Tokens: map[string]string{"user": theToken}})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()

	all := newShown()
	spans := tracetest.NewSpanRecorder()
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(meters)
	defer otel.SetMeterProvider(before)

	password, token := thePassword, theToken
	if !right {
		password, token = "Wrong-Pass,word", "wrong.to-ken"
	}
	credentials := auth.Credentials{UserName: "user", Password: password, Token: auth.StaticToken(token), Mechanism: mechanism}
	if mechanism == "EXTERNAL" {
		credentials.Identity = "user"
	}
	var written bytes.Buffer
	var payload []string
	base := credentials.Authenticator()
	config := session.Config{
		HostAddress: srv.Host(), HostName: "localhost", RemotePort: srv.Port(), Options: session.Extended | session.SecureExplicit,
		TLS: &tls.Config{RootCAs: srv.Roots()}, UserName: "user", Password: password, Hooks: []events.Hook{all},
		Logger:         slog.New(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true})),
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		Authenticator: func(ctx context.Context, offered []string, state *tls.ConnectionState) (sasl.Client, error) {
			c, err := base(ctx, offered, state)
			if err != nil {
				return nil, err
			}
			return overheard{c, &payload}, nil
		},
	}
	s := newSession(t, config)
	evs := record(t, s)
	options := []session.ConnectOption{session.WithUserName("user"), session.WithPassword(password)}
	if err := s.Connect(patience(t), options...); err != nil {
		t.Fatal(err)
	}
	failed := s.Authenticate(patience(t))
	if (failed == nil) != (right || mechanism == "ANONYMOUS" || mechanism == "EXTERNAL") {
		t.Errorf("%v", failed)
	}
	all.see("session", s)
	all.see("snapshot", s.Snapshot())
	again := s.Authenticate(patience(t), session.WithUserName("user\x00"), session.WithPassword(password))
	odd := s.Authenticate(patience(t), session.WithUserName("user"), session.WithToken(auth.StaticToken(token+"\n")), session.WithMechanism("XOAUTH2"))
	_ = s.Disconnect(patience(t))
	for _, v := range []any{failed, again, odd, s.Err(), config, &config, options, options[1], credentials, &credentials, auth.Token{Value: token}, s} {
		all.see("value", v)
	}
	for _, e := range evs() {
		all.see("event", e)
		if e, ok := e.(events.OnAuthenticate); ok {
			all.see("OnAuthenticate.Err", e.Err)
		}
	}
	for _, e := range srv.Transcript() {
		all.see("transcript", e)
	}
	for _, span := range spans.Ended() {
		all.see("span", fmt.Sprint(span.Name(), span.Attributes(), span.Status(), span.Events(), span.Links()))
	}
	var metrics metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &metrics); err != nil {
		t.Error(err)
	}
	all.see("metrics", metrics)

	secrets := map[string]string{"the password": password, "the token": token}
	for i, p := range payload {
		if len(p) > len("user") && p != "e=invalid-proof" { // which is SCRAM's word for why, and a fixed one
			secrets[fmt.Sprintf("part %d of the payload", i)] = p
		}
	}
	if len(payload) < 1 || len(spans.Ended()) < 8 || !strings.Contains(all.out.String(), "OnAuthenticate") {
		t.Fatalf("%d parts, %d spans: not enough was listened to", len(payload), len(spans.Ended()))
	}
	if log := written.String(); strings.Count(log, "smtp.command=AUTH") < 1 || !strings.Contains(log, "smtp authenticate") {
		t.Fatalf("the logger heard of no login: %s", log)
	}
	printed := all.out.String() + written.String()
	for what, secret := range secrets {
		for _, form := range forms(secret) {
			if i := strings.Index(printed, form); i >= 0 {
				t.Errorf("%s shows: %q", what, printed[max(0, i-200):min(len(printed), i+len(form)+50)])
			}
		}
	}
}

// forms are the ways a secret may be written.
func forms(secret string) []string {
	quoted := fmt.Sprintf("%q", secret)
	return []string{
		secret, quoted[1 : len(quoted)-1], smtp.Escape(secret), fmt.Sprintf("%x", secret), fmt.Sprint([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}
