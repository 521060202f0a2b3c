package peer

import (
	"bytes"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/ehlo-go/ehlo/smtptest"
)

// The octets of raw are what the protocol allows: smtptest refuses what is not, and
// its record tells what it has read.
func TestRaw_IsUnderstoodBySmtptest(t *testing.T) {
	for _, mode := range []smtptest.TLSMode{smtptest.Plain, smtptest.StartTLS, smtptest.Implicit} {
		for _, c := range []struct {
			way Way
			raw Raw
		}{
			{Way{}, Raw{}}, {Way{Chunked: true}, Raw{}}, {Way{Chunked: true, One: true}, Raw{}}, {Way{Form: Unknown}, Raw{Guarded: true}},
			{Way{Chunked: true, Form: Unknown}, Raw{Chunk: 3000}}, {Way{Chunked: true, Form: Unknown}, Raw{Chunk: 3000, Guarded: true}},
			{Way{Form: Unknown}, Raw{Chunk: 3000, Guarded: true}},
		} {
			way, raw := c.way, c.raw
			srv, err := smtptest.NewServer(smtptest.Config{Mode: mode})
			if err != nil {
				t.Fatal(err)
			}
			target := Target{Address: srv.Addr(), Roots: srv.Roots()}
			switch mode {
			case smtptest.Plain:
			case smtptest.StartTLS:
				target.Security = StartTLS
			case smtptest.Implicit:
				target.Security = Implicit
			}
			letter := NewLetter(10_000, way)
			sender, err := raw.Ready(t.Context(), target, letter)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := sender.Send(t.Context()); err != nil {
					t.Error(mode, way, err)
				}
			}
			if err := sender.Close(); err != nil {
				t.Error(mode, way, err)
			}
			messages := srv.Messages()
			if len(messages) != 2 {
				t.Fatal(mode, way, len(messages), "messages")
			}
			for _, m := range messages {
				if !bytes.Equal(m.Content, letter.Content) || m.From != From || !slices.Equal(m.To, []string{To}) {
					t.Error(mode, way, m.From, m.To, len(m.Content))
				}
			}
			if n, want := srv.Counts().Commands["BDAT"], map[bool]int{true: 8}[raw.Chunk > 0]; raw.Chunk > 0 && way.Chunked && n != want {
				t.Errorf("%d chunks, want %d", n, want)
			}
			_ = srv.Close()
		}
	}
}

// backend is go-smtp's side: a server of other people's.
type backend struct {
	mu    sync.Mutex
	taken [][]byte
}

func (b *backend) NewSession(*smtp.Conn) (smtp.Session, error) { return visit{b}, nil }

type visit struct{ *backend }

func (visit) Reset()                               {}
func (visit) Logout() error                        { return nil }
func (visit) Mail(string, *smtp.MailOptions) error { return nil }
func (visit) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (v visit) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	v.mu.Lock()
	defer v.mu.Unlock()
	v.taken = append(v.taken, content)
	return err
}

func TestRaw_IsUnderstoodByGoSMTP(t *testing.T) {
	for _, way := range []Way{{}, {Chunked: true}, {Chunked: true, One: true}} {
		b := &backend{}
		srv := smtp.NewServer(b)
		srv.Domain = "go-smtp.test"
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = srv.Serve(l)
		}()
		letter := NewLetter(10_000, way)
		sender, err := Raw{}.Ready(t.Context(), Target{Address: l.Addr().String()}, letter)
		if err != nil {
			t.Fatal(err)
		}
		if err := sender.Send(t.Context()); err != nil {
			t.Error(way, err)
		}
		if err := sender.Close(); err != nil {
			t.Error(way, err)
		}
		_ = srv.Close()
		<-over
		if len(b.taken) != 1 || !bytes.Equal(b.taken[0], letter.Content) {
			t.Error(way, len(b.taken), "messages")
		}
	}
}

// Replies may come cut anywhere, and several at once.
func TestRaw_CountsReplies(t *testing.T) {
	const two = "250-a\r\n250-b c\r\n250 d\r\n354 go\r\n"
	for cut := range len(two) {
		c := rawConn{in: make([]byte, 100)}
		got := 0
		for _, part := range []string{two[:cut], two[cut:]} {
			c.have += copy(c.in[c.have:], part)
			n, err := c.replies()
			if err != nil {
				t.Error(cut, err)
			}
			got += n
		}
		if got != 2 || c.have != 0 {
			t.Errorf("cut at %d: %d replies, %d octets left", cut, got, c.have)
		}
	}
	for _, bad := range []string{"550 no\r\n", "250 ok\r\n421 bye\r\n", "\r\n"} {
		c := rawConn{in: make([]byte, 100)}
		c.have = copy(c.in, bad)
		if n, err := c.replies(); err == nil {
			t.Errorf("%q: %d replies and no error", bad, n)
		}
	}
}

func TestNewLetter_TheContentIsTheSameMemory(t *testing.T) {
	for _, way := range []Way{{}, {Chunked: true}, {Chunked: true, One: true}} {
		l := NewLetter(10_000, way)
		if len(l.Content) != 10_000 {
			t.Error(way, len(l.Content), "octets")
		}
		last := l.Flights[len(l.Flights)-1].Octets
		at := bytes.Index(last, l.Content)
		if at < 0 || &last[at] != &l.Content[0] {
			t.Error(way, "the content is a copy")
		}
		replies := 0
		for _, f := range l.Flights {
			replies += f.Replies
		}
		if want := map[bool]int{true: 3, false: 4}[way.Chunked]; replies != want {
			t.Error(way, replies, "replies")
		}
		if way.One != (len(l.Flights) == 1) {
			t.Error(way, len(l.Flights), "flights")
		}
	}
	for line := range strings.Lines(string(Content(20_000_000))) {
		if !strings.HasSuffix(line, "\r\n") || len(line) > 78 || line[0] == '.' {
			t.Fatalf("%q", line)
		}
	}
}
