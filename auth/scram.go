package auth

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"github.com/ehlo-go/ehlo/smtp"
)

const (
	scramSHA1   = "SCRAM-SHA-1"
	scramSHA256 = "SCRAM-SHA-256"
	plus        = "-PLUS"

	// What a server may ask for. Fewer make a stolen exchange cheap to guess at
	// (RFC 5802 5.1); more would be a way to keep our processor busy.
	minIterations = 4096
	maxIterations = 1_000_000

	maxScramMessage = 4096 // octets; real ones have about 100
	maxKeyFactors   = 16
)

// SCRAM holds a user's credentials for SCRAM-SHA-1 or SCRAM-SHA-256 (RFC 5802,
// 7677) and the keys derived from them, which are dear: share one among all
// connections. It is safe for concurrent use and prints without its secrets.
type SCRAM struct {
	mechanism // without -PLUS
	fresh     func() *keys

	mu   sync.Mutex
	keys *keys
}

// keys is a client of xdg's, which remembers the keys it has derived for each
// salt and never forgets one. factors counts them: a server that sends another
// salt each time must not grow it, so after some the next client takes over.
type keys struct {
	client  *scram.Client
	factors map[scram.KeyFactors]struct{}
}

// NewSCRAM checks credentials and prepares them by SASLprep (RFC 4013), which
// not every text can pass. name is SCRAM-SHA-1 or SCRAM-SHA-256, in any case;
// whether it becomes -PLUS shows with each connection. identity is whom to act
// as, "" for the user.
func NewSCRAM(name, user, password, identity string) (*SCRAM, error) {
	c := Credentials{Mechanism: name, UserName: user, Password: password, Identity: identity}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var hash scram.HashGeneratorFcn
	name = strings.ToUpper(name)
	switch name {
	case scramSHA1:
		hash = scram.SHA1
	case scramSHA256:
		hash = scram.SHA256
	default:
		return nil, smtp.Invalid(fmt.Sprintf("%q is no mechanism of NewSCRAM: want %s or %s", name, scramSHA1, scramSHA256))
	}
	for _, text := range []struct{ what, value string }{{"UserName", user}, {"Password", password}, {"Identity", identity}} {
		client, err := hash.NewClient(text.value, "", "")
		if err != nil { // its text may quote the secret
			return nil, mechanism(name).failed(smtp.KindMechanism, text.what+" holds what SASLprep forbids (RFC 4013)")
		}
		first, _ := client.NewConversation().Step("")
		if strings.HasPrefix(first, "n,,n=,") && text.value != "" {
			return nil, mechanism(name).failed(smtp.KindMechanism, text.what+" is empty after SASLprep (RFC 4013)")
		}
	}
	s := &SCRAM{mechanism: mechanism(name)}
	s.fresh = func() *keys {
		client, _ := hash.NewClient(user, password, identity) // it has just worked
		return &keys{client, make(map[scram.KeyFactors]struct{})}
	}
	s.keys = s.fresh()
	return s, nil
}

// Client returns a client for one connection: with channel binding if the
// server offers it and TLS can give it, else without. mechanisms is what the
// server offers, in upper case; tls is nil without TLS.
func (s *SCRAM) Client(mechanisms []string, tls *tls.ConnectionState) (sasl.Client, error) {
	b := channelBinding(tls)
	name := string(s.mechanism)
	switch {
	case b.IsSupported() && slices.Contains(mechanisms, name+plus):
		name += plus
	case !slices.Contains(mechanisms, name):
		return nil, &smtp.Error{Kind: smtp.KindNoAuth, Err: fmt.Errorf("server offers %s and not %s", list(mechanisms), name)}
	}
	return s.client(name, b, mechanisms), nil
}

// client returns a client of the mechanism with that very name. b is what the
// connection has, offer all that the server offers.
func (s *SCRAM) client(name string, b scram.ChannelBinding, offer []string) sasl.Client {
	s.mu.Lock()
	k := s.keys
	s.mu.Unlock()
	c := &scramClient{mechanism: mechanism(name), shared: s, keys: k}
	switch {
	case strings.HasSuffix(name, plus):
		c.talk = k.client.NewConversationWithChannelBinding(b)
	case b.IsSupported() && !slices.ContainsFunc(offer, isPlus): // "y": a server that does offer it knows then of a man in the middle
		c.talk = k.client.NewConversationAdvertisingChannelBinding()
	default:
		c.talk = k.client.NewConversation()
	}
	return c
}

func isPlus(name string) bool {
	return strings.HasPrefix(name, "SCRAM-") && strings.HasSuffix(name, plus)
}

// count makes sure that no client of xdg's learns many salts.
func (s *SCRAM) count(k *keys, f scram.KeyFactors) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.factors[f] = struct{}{}
	if len(k.factors) >= maxKeyFactors && s.keys == k {
		s.keys = s.fresh()
	}
}

// scramClient is one exchange. xdg's conversation does the cryptography; what
// the server says is checked here before, since it takes any work asked for.
type scramClient struct {
	mechanism
	shared *SCRAM
	keys   *keys
	talk   *scram.ClientConversation
	nonce  string // ours
	step   int    // how many challenges came
	reason string // e=
}

func (c *scramClient) Start() (string, []byte, error) {
	first, err := c.talk.Step("")
	if err != nil {
		return "", nil, c.failed(smtp.KindMechanism, "started twice")
	}
	_, c.nonce, _ = strings.Cut(first[strings.LastIndexByte(first, ','):], "r=")
	return string(c.mechanism), []byte(first), nil
}

func (c *scramClient) Next(challenge []byte) ([]byte, error) {
	c.step++
	response, err := c.answer(string(challenge))
	if err != nil {
		c.step = 3 // nothing counts any more
	}
	return response, err
}

func (c *scramClient) answer(message string) ([]byte, error) {
	reason, refused := strings.CutPrefix(message, "e=")
	switch {
	case c.step > 2 || c.nonce == "" || c.reason != "":
		return nil, c.unexpected()
	case len(message) > maxScramMessage:
		return nil, c.failed(smtp.KindProtocol, "server's message is too long")
	case refused:
		// SASL has a failed exchange end in a final reply, not in a challenge; of a
		// server that sends both we take both (RFC 5802 5.1, RFC 4954 4).
		c.reason = "e=" + reason[:min(len(reason), 64)]
		return []byte{}, nil
	case c.step == 1:
		return c.prove(message)
	}
	if _, err := c.talk.Step(message); err != nil {
		return nil, c.failed(smtp.KindProtocol, "server did not prove that it knows the password (RFC 5802 3)")
	}
	return []byte{}, nil
}

// prove answers the server-first-message.
func (c *scramClient) prove(message string) ([]byte, error) {
	factors, err := parseServerFirst(message, c.nonce)
	if err != nil {
		return nil, c.failed(smtp.KindProtocol, err.Error())
	}
	if factors.Iters < minIterations || factors.Iters > maxIterations {
		return nil, c.failed(smtp.KindMechanism, fmt.Sprintf("server asks for %d iterations: want %d to %d", factors.Iters, minIterations, maxIterations))
	}
	c.shared.count(c.keys, factors)
	final, err := c.talk.Step(message)
	if err != nil {
		return nil, c.failed(smtp.KindMechanism, "cannot derive the keys")
	}
	return []byte(final), nil
}

// Done holds only after the server's proof.
func (c *scramClient) Done() bool { return c.step == 2 && c.talk.Valid() }

func (c *scramClient) Refused() error {
	if c.reason == "" {
		return nil
	}
	return fmt.Errorf("%s: server says %s", string(c.mechanism), smtp.Escape(c.reason))
}

// parseServerFirst reads "r=nonce,s=salt,i=count" and what may follow (RFC 5802
// 7). nonce is ours. A mandatory extension, "m=" in front, is refused like
// anything else that is not the nonce.
func parseServerFirst(message, nonce string) (scram.KeyFactors, error) {
	var f scram.KeyFactors
	fields := strings.Split(message, ",")
	if len(fields) < 3 {
		return f, errors.New("server's message has not nonce, salt and iteration count (RFC 5802 7)")
	}
	whole, ok := strings.CutPrefix(fields[0], "r=")
	if !ok || len(whole) <= len(nonce) || !strings.HasPrefix(whole, nonce) || strings.ContainsFunc(whole, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return f, errors.New("server's message does not begin with a nonce that extends ours (RFC 5802 5.1)")
	}
	salt, ok := strings.CutPrefix(fields[1], "s=")
	octets, err := base64.StdEncoding.DecodeString(salt)
	if !ok || err != nil || len(octets) == 0 {
		return f, errors.New("server's salt is empty or no base64")
	}
	count, ok := strings.CutPrefix(fields[2], "i=")
	n, err := strconv.ParseUint(count, 10, 64)
	if !ok || err != nil || count[0] < '1' || count[0] > '9' {
		return f, errors.New("server's iteration count is no number")
	}
	for _, ext := range fields[3:] {
		if len(ext) < 3 || ext[1] != '=' || ext[0]|0x20 < 'a' || ext[0]|0x20 > 'z' || ext[0] == 'm' {
			return f, errors.New("server's message has an odd extension (RFC 5802 7)")
		}
	}
	return scram.KeyFactors{Salt: string(octets), Iters: int(min(n, math.MaxInt32))}, nil
}
