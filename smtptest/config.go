package smtptest

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

// TLSMode says when TLS begins.
type TLSMode uint8

const (
	Plain    TLSMode = iota // never
	StartTLS                // after STARTTLS, which is offered (RFC 3207)
	Implicit                // right after accept (RFC 8314)
)

// Fragment says how replies are cut into writes. On sockets the kernel may join
// what was cut; in memory each piece is read by itself; within TLS each is a
// record.
type Fragment uint8

const (
	Whole    Fragment = iota // the replies that are ready, in one write
	PerLine                  // each line by itself
	PerOctet                 // each octet by itself
)

const (
	defaultName       = "smtptest.test"
	defaultMaxMessage = 32 << 20
)

// Config says what a server is and does. The zero value is a correct server
// without TLS and AUTH. A Config is copied when the server is made; its maps and
// slices must not change afterwards.
type Config struct {
	// Name is the server's name in greeting and EHLO. Empty: "smtptest.test".
	Name string

	Mode TLSMode

	// LMTP makes it an LMTP server (RFC 2033): LHLO in place of EHLO and HELO, and
	// after the content one reply for each recipient, see the package comment.
	LMTP bool

	// TLS is what the server's side of TLS uses. When it is nil, or names no
	// certificate, the server makes one: of a new authority, see Server.Roots,
	// for Name, localhost, 127.0.0.1 and ::1 (a memory server's for its
	// address too), with RSA where CipherSuites allows nothing else.
	TLS *tls.Config

	// Keywords are the lines of EHLO's answer. Nil: PIPELINING, 8BITMIME,
	// SMTPUTF8, ENHANCEDSTATUSCODES, CHUNKING, DSN and SIZE with MaxMessage.
	// STARTTLS and AUTH are added where they apply. A line of one's own, such as
	// "AUTH" without a mechanism or "AUTH=LOGIN", stands instead of that AUTH and
	// changes only what is said: AUTH works as ever. Other commands and
	// parameters whose keyword is not offered are refused.
	Keywords []string

	// KeywordsTLS are the lines within TLS. Nil: the same as Keywords.
	KeywordsTLS []string

	// Auth makes the server's side of a mechanism, by its name in upper case.
	// Offered with and without TLS, and instead of a built-in one of that name.
	// An [AuthReply] is how it chooses the last reply.
	Auth map[string]func(*Conn) sasl.Server

	// Mechanisms are the built-in mechanisms that are offered, in any case.
	//
	//   - PLAIN, LOGIN, CRAM-MD5, SCRAM-SHA-1, SCRAM-SHA-256 and, with channel
	//     binding, SCRAM-SHA-1-PLUS, SCRAM-SHA-256-PLUS know Users.
	//   - OAUTHBEARER and XOAUTH2 know Tokens.
	//   - EXTERNAL takes the first e-mail address, else the common name, of the
	//     client's verified certificate; without one it believes the identity.
	//   - ANONYMOUS lets in everybody, as "anonymous".
	//
	// Nil: PLAIN and LOGIN where Users is set, OAUTHBEARER and XOAUTH2 where
	// Tokens is. These four are offered only within TLS, unless AuthInClear; a
	// -PLUS always is. With an unknown name NewServer and Serve fail, and so does
	// each dial to a memory server.
	Mechanisms []string

	Users       map[string]string // user to password
	Tokens      map[string]string // user to access token
	AuthInClear bool

	// Iterations is SCRAM's iteration count; 0: 4,096. Any is said, but with
	// one over 1,000,000, which clients refuse, nobody gets in.
	Iterations int

	// On says what to do instead of the usual: by verb in upper case, or by
	// moment, see the package comment.
	On map[string]Step

	// Script, when set, plays the whole conversation by hand, from right after
	// accept. The connection is closed when it returns.
	Script func(*Conn)

	Fragment Fragment

	// Latency is waited before replies are written, once for all that are
	// written together, so that round trips can be counted.
	Latency time.Duration

	// MaxMessage is the largest content accepted, in octets; 0: 33,554,432.
	// The 552 for more stands without MAIL's SIZE too.
	MaxMessage int64

	// NoRecord keeps neither transcript nor messages, for a server that runs for
	// long: Transcript, Commands and Messages are then empty. Counts counts and Logf
	// hears all the same.
	NoRecord bool

	// Logf, when set, gets each transcript entry. It is called from many
	// goroutines; testing.T's Logf will do when the test closes the server.
	Logf func(format string, args ...any)
}

// complete fills in what was left out. extra are more names for a certificate.
// With an error, that of a mechanism's name or of the certificate, it is complete
// but for the certificate.
func (cfg Config) complete(extra ...string) (Config, *x509.CertPool, error) {
	if cfg.Name == "" {
		cfg.Name = defaultName
	}
	if cfg.MaxMessage <= 0 {
		cfg.MaxMessage = defaultMaxMessage
	}
	if cfg.Iterations <= 0 {
		cfg.Iterations = defaultIterations
	}
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{}
	}
	cfg.TLS = cfg.TLS.Clone()
	if err := cfg.completeMechanisms(); err != nil {
		return cfg, x509.NewCertPool(), err
	}
	if len(cfg.TLS.Certificates) > 0 || cfg.TLS.GetCertificate != nil || cfg.TLS.GetConfigForClient != nil {
		return cfg, x509.NewCertPool(), nil
	}
	authority, err := NewAuthority()
	if err != nil {
		return cfg, x509.NewCertPool(), err
	}
	cert, err := authority.Certificate(CertOptions{
		Names: append([]string{cfg.Name, "localhost", "127.0.0.1", "::1"}, extra...),
		RSA:   onlyRSA(cfg.TLS.CipherSuites),
	})
	cfg.TLS.Certificates = []tls.Certificate{cert}
	return cfg, authority.Pool(), err
}

// onlyRSA reports whether the suites leave no use for an ECDSA key.
func onlyRSA(suites []uint16) bool {
	for _, id := range suites {
		if !strings.Contains(tls.CipherSuiteName(id), "_RSA_") {
			return false
		}
	}
	return len(suites) > 0
}
