package smtptest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var kinds = map[string]func(*testing.T, Config) *Server{"memory": memory, "sockets": sockets}

func TestServer_TLS(t *testing.T) {
	for kind, start := range kinds {
		for mode, begin := range map[TLSMode]func(*peer, *Server) error{
			StartTLS: func(p *peer, s *Server) error {
				p.reply("220")
				p.ask("EHLO client.example", "250")
				p.ask("STARTTLS", "220")
				return p.secure(s)
			},
			Implicit: func(p *peer, s *Server) error {
				if err := p.secure(s); err != nil {
					return err
				}
				p.reply("220")
				return nil
			},
		} {
			for _, cut := range []Fragment{Whole, PerLine, PerOctet} {
				t.Run(kind, func(t *testing.T) {
					s := start(t, Config{Mode: mode, Fragment: cut})
					p := dial(t, s)
					if err := begin(p, s); err != nil {
						t.Fatal(err)
					}
					p.transaction()
					p.ask("DATA", "354")
					p.ask("hello\r\n.", "250")
					p.ask("QUIT", "221")
					if err := p.end(); err != io.EOF {
						t.Errorf("ended with %v", err)
					}
					if m := s.Messages(); len(m) != 1 || !m[0].TLS {
						t.Errorf("messages: %+v", m)
					}
				})
			}
		}
	}
}

func TestServer_OldTLSOnly(t *testing.T) {
	for name, c := range map[string]*tls.Config{
		"TLS 1.0": {MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10},
		"RC4": {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA}},
		"RC4 with ECDSA": {MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA}},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory(t, Config{Mode: Implicit, TLS: c})
			p := dial(t, s)
			if err := p.secure(s); err == nil {
				t.Fatal("a client of today got through")
			}
			conn, err := s.DialContext(t.Context(), "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			old := c.Clone()
			old.RootCAs, old.ServerName = s.Roots(), "localhost"
			secured := tls.Client(conn, old)
			if err := secured.HandshakeContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			if v := secured.ConnectionState().Version; v != c.MaxVersion {
				t.Errorf("version %x", v)
			}
		})
	}
}

func TestServer_PlainTextOnTheTLSPort(t *testing.T) {
	s := memory(t, Config{Mode: Implicit, On: map[string]Step{"TLS": func(*Conn) {}}})
	err := dial(t, s).secure(s)
	var header tls.RecordHeaderError
	if !errors.As(err, &header) {
		t.Errorf("handshake: %v", err)
	}
}

func TestServer_CertificateNames(t *testing.T) {
	s := memory(t, Config{Name: "mx.example.org"})
	leaf := s.cfg.TLS.Certificates[0].Leaf
	for _, name := range []string{"mx.example.org", "localhost", "127.0.0.1", "::1", s.Host()} {
		if err := verify(leaf, s.Roots(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServer_OwnCertificate(t *testing.T) {
	authority, err := NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(CertOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := memory(t, Config{Mode: Implicit, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err := dial(t, s).secure(s); err == nil {
		t.Error("Roots trusts a certificate that the server did not make")
	}
}

func TestServer_SayReachesBlockedConnections(t *testing.T) {
	for kind, start := range kinds {
		for name, mode := range map[string]TLSMode{"clear": Plain, "tls": Implicit} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s := start(t, Config{Mode: mode})
				var peers []*peer
				for range 2 {
					p := dial(t, s)
					if mode == Implicit {
						if err := p.secure(s); err != nil {
							t.Fatal(err)
						}
					}
					p.reply("220")
					peers = append(peers, p)
				}
				s.Say("421 4.3.2 going down")
				for _, p := range peers {
					p.want("421 4.3.2 going down")
					p.ask("NOOP", "250")
				}
				s.CloseConns()
				for _, p := range peers {
					if err := p.end(); err != io.EOF {
						t.Errorf("ended with %v", err)
					}
				}
				allClosed(t, s)
				greetAgain(t, s, mode)
			})
		}
	}
}

// greetAgain shows that a server still takes connections.
func greetAgain(t *testing.T, s *Server, mode TLSMode) {
	t.Helper()
	p := dial(t, s)
	if mode == Implicit {
		if err := p.secure(s); err != nil {
			t.Fatal(err)
		}
	}
	p.reply("220")
}

func TestServer_ResetConns(t *testing.T) {
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := start(t, Config{})
			p := greet(t, s)
			s.ResetConns()
			if err := p.end(); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("ended with %v", err)
			}
			allClosed(t, s)
		})
	}
}

func TestServer_CloseEndsLiveConnections(t *testing.T) {
	for kind, start := range kinds {
		t.Run(kind, func(t *testing.T) {
			s := start(t, Config{Mode: StartTLS, On: map[string]Step{
				"NOOP": func(c *Conn) { <-c.Context().Done() },
				"RSET": Silence(),
				"HELP": Flood("214-help\r\n"),
			}})
			var peers []*peer
			for _, command := range []string{"", "NOOP\r\n", "RSET\r\n", "STARTTLS\r\n", "HEL"} {
				p := greet(t, s)
				p.say(command)
				peers = append(peers, p)
			}
			flooded := greet(t, s)
			flooded.say("HELP\r\n")
			flooded.want("214-help")
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("second Close: %v", err)
			}
			if n := s.Open(); n != 0 {
				t.Errorf("%d open after Close", n)
			}
			if n := s.Connections(); n != 6 {
				t.Errorf("%d accepted, want 6", n)
			}
			for _, p := range peers {
				if _, err := io.Copy(io.Discard, p.r); err != nil && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("ended with %v", err)
				}
			}
			_, err := s.DialContext(t.Context(), "tcp", s.Addr())
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dial after Close: %v", err)
			}
		})
	}
}

func TestServer_ServesAGivenListener(t *testing.T) {
	ln, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6:", err)
	}
	s, err := Serve(ln, Config{Mode: Implicit})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Host() != "::1" || s.Port() != ln.Addr().(*net.TCPAddr).Port || s.Addr() != ln.Addr().String() {
		t.Errorf("Addr %s, Host %s, Port %d", s.Addr(), s.Host(), s.Port())
	}
	p := dial(t, s)
	if err := p.secure(s); err != nil {
		t.Fatal(err)
	}
	p.reply("220")
	s.Close()
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

func TestServer_MemoryAddresses(t *testing.T) {
	s := memory(t, Config{})
	if s.Addr() != "192.0.2.25:25" || s.Host() != "192.0.2.25" || s.Port() != 25 {
		t.Errorf("Addr %s, Host %s, Port %d", s.Addr(), s.Host(), s.Port())
	}
	for address, want := range map[string]string{
		"mail.example:25":     "192.0.2.25:25",
		"198.51.100.7:587":    "198.51.100.7:587",
		"[2001:db8::25]:2525": "[2001:db8::25]:2525",
	} {
		conn, err := s.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if got := conn.RemoteAddr().String(); got != want {
			t.Errorf("dialled %s, remote address %s", address, got)
		}
		conn.Close()
	}
}

func TestServer_DialWithAnEndedContext(t *testing.T) {
	for kind, start := range kinds {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s := start(t, Config{})
		if _, err := s.DialContext(ctx, "tcp", s.Addr()); err == nil {
			t.Errorf("%s: connected", kind)
		}
		if kind == "memory" && s.Connections() != 0 {
			t.Error("the server saw it")
		}
	}
}

func TestServer_ABrokenMemoryServerSaysSoAtDial(t *testing.T) {
	s := memory(t, Config{Name: "not a name\x00\xff"})
	if s.broken == nil {
		s.broken = errors.New("broken") // this x509 takes any name
	}
	_, err := s.DialContext(t.Context(), "tcp", s.Addr())
	if !errors.Is(err, s.broken) {
		t.Errorf("dial: %v", err)
	}
}

func TestServer_WaitClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{})
		defer s.Close()
		if err := s.WaitClosed(t.Context()); err != nil {
			t.Error(err)
		}
		p := greet(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := s.WaitClosed(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with one open: %v", err)
		}
		go p.Close()
		if err := s.WaitClosed(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestServer_TLSInsideABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{Mode: StartTLS, Latency: time.Minute})
		defer s.Close()
		start := time.Now()
		p := dial(t, s)
		defer p.Close()
		p.SetDeadline(time.Time{})
		p.reply("220")
		p.ask("EHLO client.example", "250")
		p.ask("STARTTLS", "220")
		conn := tls.Client(p.Conn, &tls.Config{RootCAs: s.Roots(), ServerName: s.Host(), Time: time.Now})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 3*time.Minute {
			t.Errorf("three replies took %v", took)
		}
		if year := conn.ConnectionState().PeerCertificates[0].NotAfter.Year(); year > 2010 {
			t.Errorf("the certificate ends in %d", year)
		}
	})
}

func TestServer_SayLeavesAHandshakeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewMemoryServer(Config{Mode: Implicit})
		defer s.Close()
		p := dial(t, s)
		synctest.Wait() // the server waits for a ClientHello
		s.Say("421 too early")
		if err := p.secure(s); err != nil {
			t.Fatal(err)
		}
		p.reply("220")
	})
}

func TestServer_Logf(t *testing.T) {
	lines := make(chan string, 100)
	s := memory(t, Config{Logf: func(format string, args ...any) {
		lines <- args[0].(Entry).Text
	}})
	greet(t, s).ask("QUIT", "221")
	s.Close()
	close(lines)
	var got []string
	for line := range lines {
		got = append(got, line)
	}
	if !slices.Contains(got, "QUIT") || !strings.HasPrefix(got[0], "220") {
		t.Errorf("logged %q", got)
	}
}
