package auth

import (
	"context"
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

// keyring holds the keys that SCRAM derives from one user's credentials, which
// are dear, by the mechanism without -PLUS. Its zero value has none yet. It is
// safe for concurrent use.
type keyring struct {
	mu   sync.Mutex
	keys map[string]*keys
}

// keys is a client of xdg's, which remembers the keys it has derived for each
// salt and never forgets one. factors counts them: a server that sends another
// salt each time must not grow it, so after some the next client takes over.
type keys struct {
	client  *scram.Client
	factors map[scram.KeyFactors]struct{}
}

// get returns the keys of a mechanism, without -PLUS, made at the first call.
func (r *keyring) get(name string, hash scram.HashGeneratorFcn, c Credentials) (*keys, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := r.keys[name]; k != nil {
		return k, nil
	}
	client, err := prepare(mechanism(name), hash, c)
	if err != nil {
		return nil, err
	}
	if r.keys == nil {
		r.keys = make(map[string]*keys)
	}
	k := &keys{client, make(map[scram.KeyFactors]struct{})}
	r.keys[name] = k
	return k, nil
}

// count makes sure that no client of xdg's learns many salts.
func (r *keyring) count(name string, k *keys, f scram.KeyFactors) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.factors[f] = struct{}{}
	if len(k.factors) >= maxKeyFactors && r.keys[name] == k {
		delete(r.keys, name)
	}
}

// prepare returns a client of xdg's for credentials that pass SASLprep (RFC
// 4013), which not every text can.
func prepare(name mechanism, hash scram.HashGeneratorFcn, c Credentials) (*scram.Client, error) {
	for _, text := range []struct{ what, value string }{{"UserName", c.UserName}, {"Password", c.Password}, {"Identity", c.Identity}} {
		client, err := hash.NewClient(text.value, "", "")
		if err != nil { // its text may quote the secret
			return nil, name.failed(smtp.KindMechanism, text.what+" holds what SASLprep forbids (RFC 4013)")
		}
		first, _ := client.NewConversation().Step("")
		if strings.HasPrefix(first, "n,,n=,") && text.value != "" {
			return nil, name.failed(smtp.KindMechanism, text.what+" is empty after SASLprep (RFC 4013)")
		}
	}
	return hash.NewClient(c.UserName, c.Password, c.Identity)
}

// buildSCRAM returns what makes the clients of a mechanism, whose name is without
// -PLUS, and of its form with channel binding (RFC 5802, 7677).
func buildSCRAM(name string, hash scram.HashGeneratorFcn) func(context.Context, *chooser, connection) (sasl.Client, error) {
	return func(_ context.Context, c *chooser, on connection) (sasl.Client, error) {
		k, err := c.scram.get(name, hash, c.Credentials)
		if err != nil {
			return nil, err
		}
		var talk *scram.ClientConversation
		switch {
		case isPlus(string(on.mechanism)):
			talk = k.client.NewConversationWithChannelBinding(on.binding)
		case on.binding.IsSupported() && !slices.ContainsFunc(on.offer, isPlus): // "y": a server that does offer it knows then of a man in the middle
			talk = k.client.NewConversationAdvertisingChannelBinding()
		default:
			talk = k.client.NewConversation()
		}
		count := func(f scram.KeyFactors) { c.scram.count(name, k, f) }
		return &scramClient{mechanism: on.mechanism, talk: talk.Step, proven: talk.Valid, count: count}, nil
	}
}

func isSCRAM(name string) bool { return strings.HasPrefix(name, "SCRAM-") }

func isPlus(name string) bool { return isSCRAM(name) && strings.HasSuffix(name, plus) }

// scramClient is one exchange. xdg's conversation does the cryptography; what
// the server says is checked here before, since it takes any work asked for.
type scramClient struct {
	mechanism
	talk   func(message string) (string, error)
	proven func() bool // by the server's signature
	count  func(scram.KeyFactors)
	nonce  string // ours
	step   int    // how many challenges came
	reason string // e=
}

func (c *scramClient) Start() (string, []byte, error) {
	first, err := c.talk("")
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
		c.reason = serverError(reason)
		return []byte{}, nil
	case c.step == 1:
		return c.prove(message)
	}
	if _, err := c.talk(message); err != nil {
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
	c.count(factors)
	final, err := c.talk(message)
	if err != nil {
		return nil, c.failed(smtp.KindMechanism, "cannot derive the keys")
	}
	return []byte(final), nil
}

// Done holds only after the server's proof.
func (c *scramClient) Done() bool { return c.step == 2 && c.proven() }

func (c *scramClient) Refused() error {
	if c.reason == "" {
		return nil
	}
	return fmt.Errorf("%s: server says e=%s", string(c.mechanism), c.reason)
}

// serverError returns the value of a server's e= if it is one of RFC 5802 7, else
// other-error: another might say anything, also what it heard.
func serverError(value string) string {
	value, _, _ = strings.Cut(value, ",") // extensions
	switch value {
	case "invalid-encoding", "extensions-not-supported", "invalid-proof", "channel-bindings-dont-match",
		"server-does-support-channel-binding", "channel-binding-not-supported", "unsupported-channel-binding-type",
		"unknown-user", "invalid-username-encoding", "no-resources":
		return value
	}
	return "other-error"
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
