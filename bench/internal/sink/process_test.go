package sink

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
)

// say writes octets to an address and returns all that comes back.
func say(t *testing.T, address, what string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, what); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestProcess_CountsWhatItHasTaken(t *testing.T) {
	p, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	const two = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3\r\nabcBDAT 4 LAST\r\nde\r\n" +
		"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 2 LAST\r\n\r\nRSET\r\nQUIT\r\n"
	answer := say(t, p.Addresses.Clear[0], two)
	if strings.Count(answer, "queued") != 2 || !strings.HasSuffix(answer, "221 2.0.0 Bye\r\n") {
		t.Errorf("%q", answer)
	}
	if answer := say(t, p.Addresses.Clear[0], "EHLO a\r\nVRFY b\r\n"); !strings.HasSuffix(answer, "502 5.5.1 not known\r\n") {
		t.Errorf("%q", answer)
	}
	got, err := p.Counts()
	if want := (Counts{Sessions: 1, Messages: 2, Octets: 9}); got != want || err != nil {
		t.Error(got, err)
	}
	c, err := tls.Dial("tcp", p.Addresses.Implicit[0], &tls.Config{RootCAs: p.Roots})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestProcess_EveryAddressListens(t *testing.T) {
	p, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	a := p.Addresses
	if len(a.Clear) == 0 || len(a.Clear) != len(a.Implicit) || len(a.Clear) != len(a.Distant) {
		t.Fatal(a)
	}
	for _, address := range append(a.Clear, a.Distant...) {
		if answer := say(t, address, "QUIT\r\n"); !strings.HasPrefix(answer, "220 ") || !strings.Contains(answer, "221 ") {
			t.Errorf("%s: %q", address, answer)
		}
	}
	got, err := p.Counts()
	if want := int64(len(a.Clear) + len(a.Distant)); got.Sessions != want || err != nil {
		t.Error(got, err)
	}
	if got.Turns < int64(len(a.Distant)) {
		t.Error(got.Turns, "turns")
	}
}
