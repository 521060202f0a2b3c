package live

import (
	"crypto/rand"
	"crypto/subtle"
	"sync"
)

// token is what a form has to hold that may abort: random, and the Registry's
// own. A page of another origin cannot read it.
type token struct {
	once sync.Once
	text string
}

func (t *token) String() string {
	t.once.Do(func() { t.text = rand.Text() }) // 128 bits and more
	return t.text
}

// matches compares in a time that tells nothing of the token.
func (t *token) matches(given string) bool {
	return subtle.ConstantTimeCompare([]byte(given), []byte(t.String())) == 1
}
