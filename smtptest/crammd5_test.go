package smtptest

import (
	"crypto/hmac"
	"crypto/md5"
	"fmt"
	"strings"
	"testing"
)

type cramClient struct{ user, password string }

func (c *cramClient) Start() (string, []byte, error) { return "CRAM-MD5", nil, nil }

func (c *cramClient) Next(challenge []byte) ([]byte, error) {
	mac := hmac.New(md5.New, []byte(c.password))
	mac.Write(challenge)
	return fmt.Appendf(nil, "%s %x", c.user, mac.Sum(nil)), nil
}

func TestCRAMMD5_RFC2195(t *testing.T) {
	for response, ok := range map[string]bool{
		"tim b913a602c7eda7a495b4e6e7334d3890": true,
		"tim b913a602c7eda7a495b4e6e7334d3891": false,
		"tim B913A602C7EDA7A495B4E6E7334D3890": false, // the digits are in lower case
		"tom b913a602c7eda7a495b4e6e7334d3890": false,
		"b913a602c7eda7a495b4e6e7334d3890":     false,
		"tim ":                                 false,
		"tim":                                  false,
		"":                                     false,
	} {
		c := &Conn{server: memory(t, Config{Users: map[string]string{"tim": "tanstaaftanstaaf"}})}
		s := &cramServer{conn: c, challenge: "<1896.697170952@postoffice.reston.mci.net>"}
		if challenge, done, err := s.Next(nil); string(challenge) != s.challenge || done || err != nil {
			t.Fatalf("challenge %q, %v, %v", challenge, done, err)
		}
		_, done, err := s.Next([]byte(response))
		if done != ok || (err == nil) != ok || (c.session.user == "tim") != ok {
			t.Errorf("%q: done %v, %v, user %q", response, done, err, c.session.user)
		}
	}
}

func TestCRAMMD5_UserMayHoldBlanks(t *testing.T) {
	s := memory(t, Config{Mechanisms: []string{"CRAM-MD5"}, Users: map[string]string{"a user": "secret"}})
	p := greet(t, s)
	p.ask("EHLO client.example", "250")
	if reply, _ := p.authenticate(&cramClient{"a user", "secret"}); reply[:3] != "235" {
		t.Errorf("server said %q", reply)
	}
}

func TestCRAMMD5_ChallengeIsNew(t *testing.T) {
	a, b := newCRAMChallenge("mail.example"), newCRAMChallenge("mail.example")
	if a == b || !strings.HasPrefix(a, "<") || !strings.HasSuffix(a, "@mail.example>") {
		t.Errorf("challenges %q and %q", a, b)
	}
}
