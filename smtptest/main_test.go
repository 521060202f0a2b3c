package smtptest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test on sockets waits for what must come.
const patience = 10 * time.Second

// peer is a client that says lines and wants lines.
type peer struct {
	t      *testing.T
	server *Server
	net.Conn
	r *bufio.Reader
}

// memory starts a memory server that ends with the test, or with a bubble.
func memory(t *testing.T, cfg Config) *Server {
	t.Helper()
	s := NewMemoryServer(cfg)
	t.Cleanup(func() { s.Close() })
	return s
}

// sockets starts a server on loopback that ends with the test.
func sockets(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// dial connects a peer that reads nothing yet.
func dial(t *testing.T, s *Server) *peer {
	t.Helper()
	conn, err := s.DialContext(t.Context(), "tcp", "mail.example:25")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return &peer{t: t, server: s, Conn: conn, r: bufio.NewReader(conn)}
}

// greet connects a peer that has read the greeting.
func greet(t *testing.T, s *Server) *peer {
	t.Helper()
	p := dial(t, s)
	p.want("220 " + s.cfg.Name + " ESMTP smtptest")
	return p
}

func (p *peer) say(octets string) {
	p.t.Helper()
	if _, err := p.Write([]byte(octets)); err != nil {
		p.t.Fatalf("say %.60q: %v", octets, err)
	}
}

func (p *peer) line() string {
	p.t.Helper()
	line, err := p.r.ReadString('\n')
	if err != nil {
		p.t.Fatalf("after %q: %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

func (p *peer) want(lines ...string) {
	p.t.Helper()
	for _, want := range lines {
		if got := p.line(); got != want {
			p.t.Fatalf("server said %q, want %q", got, want)
		}
	}
}

// ask says a command and wants a last reply line that begins so.
func (p *peer) ask(command, want string) (lines []string) {
	p.t.Helper()
	p.say(command + "\r\n")
	return p.reply(want)
}

func (p *peer) reply(want string) (lines []string) {
	p.t.Helper()
	for {
		line := p.line()
		lines = append(lines, line)
		if len(line) < 4 || line[3] != '-' {
			if !strings.HasPrefix(line, want) {
				p.t.Fatalf("server said %q, want %q…", line, want)
			}
			return lines
		}
	}
}

// end wants the end of the connection and returns how it came.
func (p *peer) end() error {
	p.t.Helper()
	b, err := p.r.ReadByte()
	if err == nil {
		rest, _ := p.r.Peek(p.r.Buffered())
		p.t.Fatalf("server said %q, want the end", string(b)+string(rest))
	}
	return err
}

// secure does the client's side of a handshake.
func (p *peer) secure(s *Server) error {
	if p.r.Buffered() > 0 {
		p.t.Fatal("octets in clear before the handshake")
	}
	conn := tls.Client(p.Conn, &tls.Config{RootCAs: s.Roots(), ServerName: "localhost"})
	if err := conn.HandshakeContext(p.t.Context()); err != nil {
		return err
	}
	p.Conn, p.r = conn, bufio.NewReader(conn)
	return nil
}

// transaction goes as far as one accepted recipient.
func (p *peer) transaction() { p.t.Helper(); p.transaction2("250", "250") }

// allClosed waits until the server has no connection left.
func allClosed(t *testing.T, s *Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.WaitClosed(ctx); err != nil {
		t.Fatalf("%d connections are open: %v", s.Open(), err)
	}
	if n := s.Open(); n != 0 {
		t.Fatalf("Open is %d with no connection open", n)
	}
}

func wantCommands(t *testing.T, s *Server, want ...string) {
	t.Helper()
	if got := s.Commands(); !slices.Equal(got, want) {
		t.Errorf("commands:\n got %q\nwant %q", got, want)
	}
}

func notes(s *Server) (list []string) {
	for _, e := range s.Transcript() {
		if e.Kind == Note {
			list = append(list, e.Text)
		}
	}
	return list
}

func verify(leaf *x509.Certificate, roots *x509.CertPool, name string) error {
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name})
	return err
}
