package smtptest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
)

// cramServer is the server's side of CRAM-MD5 (RFC 2195). The server speaks
// first, so an initial response is refused.
type cramServer struct {
	conn      *Conn
	challenge string
	asked     bool
}

// newCRAMChallenge makes a challenge in the form of a message-id that never
// comes twice.
func newCRAMChallenge(host string) string {
	return fmt.Sprintf("<%s.%d@%s>", rand.Text(), time.Now().Unix(), host)
}

func (s *cramServer) Next(response []byte) (challenge []byte, done bool, err error) {
	if !s.asked {
		if response != nil {
			return nil, false, sasl.ErrUnexpectedClientResponse
		}
		s.asked = true
		return []byte(s.challenge), false, nil
	}
	text := string(response)
	i := strings.LastIndexByte(text, ' ') // a user's name may hold blanks, a digest does not
	if i < 0 {
		return nil, false, errCredentials
	}
	user, digest := text[:i], text[i+1:]
	password, ok := s.conn.server.cfg.Users[user]
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(s.challenge))
	if !hmac.Equal([]byte(digest), []byte(hex.EncodeToString(mac.Sum(nil)))) || !ok {
		return nil, false, errCredentials
	}
	s.conn.SetUser(user)
	return nil, true, nil
}
