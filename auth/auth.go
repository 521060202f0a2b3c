package auth

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/smtp"
)

// Authenticator chooses a mechanism for a connection and returns its client, a
// new one each time. mechanisms is what the server offers and has not yet
// refused, in upper case; tls is nil without TLS.
//
// It must return when ctx ends, and be safe for concurrent use.
//
// One that hands the call on to another must pass ctx (see [WithOffer]). If it
// wraps the client that it got, the wrapper must have the methods Done() bool and
// Refused() error, which return [Done] and [Refused] of the client inside: an
// embedded sasl.Client hides both. [Permit] refuses a client of SCRAM that has no
// Done.
type Authenticator func(ctx context.Context, mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error)

// Done reports whether success (235) may come now: whether a client has said all
// it has to say, and has had the proof it waits for. A client tells by a method
// Done() bool; one without it is always done, and [Permit] lets none such through
// for SCRAM.
func Done(c sasl.Client) bool {
	d, ok := c.(interface{ Done() bool })
	return !ok || d.Done()
}

// Refused tells a client that the server refused it, so that a cached token is
// dropped, and returns what the client knows about why, such as a [*TokenError]:
// nil if nothing. It is for a final 5yz but 504 and 534, which refuse the
// mechanism, and for a 454, which go-smtp says to a wrong token; after another
// 4yz a token is as good as before. A client has a method Refused() error, or
// does not care.
func Refused(c sasl.Client) error {
	if r, ok := c.(interface{ Refused() error }); ok {
		return r.Refused()
	}
	return nil
}

type offerKey struct{}

// WithOffer returns a context that tells an [Authenticator] all that the server
// offers, also what it refused meanwhile. SCRAM needs it: the "y" flag says that
// the server offered no channel binding (RFC 5802 6).
func WithOffer(ctx context.Context, mechanisms []string) context.Context {
	return context.WithValue(ctx, offerKey{}, mechanisms)
}

// offer returns what WithOffer was given, else mechanisms.
func offer(ctx context.Context, mechanisms []string) []string {
	if all, ok := ctx.Value(offerKey{}).([]string); ok {
		return all
	}
	return mechanisms
}

// mechanism is the name of a client's mechanism, and all that is ever printed of
// the client. Behind an unexported field fmt asks no Formatter but looks into the
// client: what is secret in one is held by a func, of which fmt prints an address.
type mechanism string

// Format prints the mechanism's name, for every verb.
func (m mechanism) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "auth."+string(m)) }

// LogValue returns the same.
func (m mechanism) LogValue() slog.Value { return slog.StringValue("auth." + string(m)) }

// unexpected is the error of a challenge that the mechanism has no answer to.
func (m mechanism) unexpected() error {
	return m.failed(smtp.KindProtocol, "challenge where the final reply was due")
}

func (m mechanism) failed(kind smtp.Kind, text string) error {
	return &smtp.Error{Kind: kind, Err: fmt.Errorf("%s: %s", string(m), text)}
}

// said is a client that says everything in its initial response.
type said struct {
	mechanism
	start func() (string, []byte, error) // of a client of go-sasl's, whose fields are secrets
}

func (s *said) Start() (string, []byte, error) { return s.start() }
func (s *said) Next([]byte) ([]byte, error)    { return nil, s.unexpected() }
