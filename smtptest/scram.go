package smtptest

import (
	"crypto/rand"
	"errors"
	"strings"
	"sync"

	"github.com/xdg-go/scram"
)

const (
	defaultIterations = 4096
	maxIterations     = 1_000_000
)

// scramOf takes a mechanism's name apart.
func scramOf(name string) (hash scram.HashGeneratorFcn, plus, ok bool) {
	base, plus := strings.CutSuffix(name, "-PLUS")
	switch base {
	case "SCRAM-SHA-1":
		return scram.SHA1, plus, true
	case "SCRAM-SHA-256":
		return scram.SHA256, plus, true
	}
	return nil, false, false
}

// isPlus reports whether a mechanism is a SCRAM with channel binding.
func isPlus(name string) bool {
	_, plus, _ := scramOf(name)
	return plus
}

// scramKeys is what a server keeps instead of passwords: made when first asked
// for, the same as long as the server lives. Safe for concurrent use.
type scramKeys struct {
	mu   sync.Mutex
	keys map[scramKey]scram.StoredCredentials
}

type scramKey struct{ mechanism, user string } // the mechanism without -PLUS

func (k *scramKeys) of(mechanism, user, password string, iterations int) (scram.StoredCredentials, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	base := strings.TrimSuffix(mechanism, "-PLUS")
	if keys, ok := k.keys[scramKey{base, user}]; ok {
		return keys, nil
	}
	hash, _, _ := scramOf(mechanism)
	client, err := hash.NewClient(user, password, "")
	if err != nil {
		return scram.StoredCredentials{}, err
	}
	factors := scram.KeyFactors{Salt: rand.Text(), Iters: iterations}
	keys := scram.StoredCredentials{KeyFactors: factors}
	if iterations <= maxIterations { // more would take minutes, and is there to be refused
		if keys, err = client.GetStoredCredentialsWithError(factors); err != nil {
			return scram.StoredCredentials{}, err
		}
	}
	if k.keys == nil {
		k.keys = make(map[scramKey]scram.StoredCredentials)
	}
	k.keys[scramKey{base, user}] = keys
	return keys, nil
}

// scramServer is the server's side of SCRAM (RFC 5802, RFC 7677). Its error
// values go out in a challenge, and 535 follows whatever the client answers;
// what does not parse gets 535 at once.
type scramServer struct {
	conn        *Conn
	name        string
	plusOffered bool
	server      *scram.Server
	talk        *scram.ServerConversation // nil before the client's first message
	refused     error
}

func newSCRAMServer(c *Conn, name string, plusOffered bool) *scramServer {
	cfg := &c.server.cfg
	hash, _, _ := scramOf(name)
	server, _ := hash.NewServer(func(user string) (scram.StoredCredentials, error) {
		password, ok := cfg.Users[user]
		if !ok {
			return scram.StoredCredentials{}, errCredentials
		}
		return c.server.scram.of(name, user, password, cfg.Iterations)
	}) // its error is always nil
	return &scramServer{conn: c, name: name, plusOffered: plusOffered, server: server}
}

func (s *scramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	switch {
	case s.refused != nil:
		return nil, true, s.refused
	case s.talk == nil && response == nil:
		return nil, false, nil // the client speaks first
	case s.talk == nil:
		if value := s.begin(string(response)); value != "" {
			return s.refuse(value)
		}
	}
	message, err := s.talk.Step(string(response))
	switch {
	case err != nil && message == "":
		return nil, false, err
	case err != nil:
		return s.refuse(message)
	case !s.talk.Valid():
		return []byte(message), false, nil
	}
	if as := s.talk.AuthzID(); as != "" && as != s.talk.Username() {
		return s.refuse(scram.ErrOtherError)
	}
	s.conn.SetUser(s.talk.Username())
	return []byte(message), true, nil
}

// begin begins the conversation that the client's first message asks for, by
// its channel binding flag (RFC 5802, section 6), or returns an error value.
func (s *scramServer) begin(first string) string {
	flag, _, _ := strings.Cut(first, ",")
	kind, binds := strings.CutPrefix(flag, "p=")
	switch plus := isPlus(s.name); {
	case plus && flag == "n", s.plusOffered && flag == "y": // a downgrade
		return scram.ErrServerDoesSupportChannelBinding
	case plus && binds:
		b, ok := s.conn.binding(scram.ChannelBindingType(kind))
		if !ok {
			return scram.ErrUnsupportedChannelBindingType
		}
		s.talk = s.server.NewConversationWithChannelBinding(b)
	default:
		s.talk = s.server.NewConversation()
	}
	return ""
}

func (s *scramServer) refuse(value string) ([]byte, bool, error) {
	s.refused = errors.New("smtptest: SCRAM: " + value)
	return []byte(value), false, nil
}
