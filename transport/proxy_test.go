package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

const (
	proxyUser   = "u"
	proxySecret = "p:ss wörd/@"
	greetingNow = "220 mx.example ESMTP at once\r\n"
)

// proxyServer is a small SOCKS5 or HTTP proxy on loopback. It answers and, in
// the same segment, brings the greeting of the target.
type proxyServer struct {
	auth  bool // wants proxyUser and proxySecret
	code  byte // SOCKS: the reply
	reply byte // SOCKS: the kind of the bound address in it; 0 is IPv4

	mu      sync.Mutex
	targets []string
}

func (p *proxyServer) asked(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.targets = append(p.targets, target)
}

// socks is the server's side of RFC 1928 and RFC 1929.
func (p *proxyServer) socks(c net.Conn) {
	r := bufio.NewReader(c)
	take := func(n int) []byte { b := make([]byte, n); io.ReadFull(r, b); return b }
	methods := take(int(take(2)[1]))
	method := byte(0)
	if p.auth {
		method = 2
	}
	if !bytes.Contains(methods, []byte{method}) {
		c.Write([]byte{5, 0xff})
		return
	}
	c.Write([]byte{5, method})
	if p.auth {
		take(1)
		user := take(int(take(1)[0]))
		password := take(int(take(1)[0]))
		if string(user) != proxyUser || string(password) != proxySecret {
			c.Write([]byte{1, 1})
			return
		}
		c.Write([]byte{1, 0})
	}
	var host string
	switch take(4)[3] {
	case 1:
		host = netip.AddrFrom4([4]byte(take(4))).String()
	case 4:
		host = netip.AddrFrom16([16]byte(take(16))).String()
	case 3:
		host = string(take(int(take(1)[0])))
	}
	p.asked(net.JoinHostPort(host, fmt.Sprint(binary.BigEndian.Uint16(take(2)))))
	answer := []byte{5, p.code, 0, 1, 192, 0, 2, 1, 0, 25}
	switch p.reply {
	case 3:
		answer = append([]byte{5, p.code, 0, 3, 9}, "a.example\x00\x19"...)
	case 4:
		answer = append(append([]byte{5, p.code, 0, 4}, netip.IPv6LinkLocalAllNodes().AsSlice()...), 0, 25)
	}
	if p.code == 0 {
		answer = append(answer, greetingNow...)
	}
	c.Write(answer)
	io.Copy(io.Discard, r)
}

// http is the server's side of CONNECT, read by net/http.
func (p *proxyServer) http(c net.Conn) {
	r := bufio.NewReader(c)
	req, err := http.ReadRequest(r)
	if err != nil || req.Method != http.MethodConnect {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		return
	}
	if p.auth {
		// net/http decodes Authorization only.
		req.Header.Set("Authorization", req.Header.Get("Proxy-Authorization"))
		if user, password, ok := req.BasicAuth(); !ok || user != proxyUser || password != proxySecret {
			io.WriteString(c, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 4\r\n\r\nno!\n")
			return
		}
	} else if req.Header.Get("Proxy-Authorization") != "" {
		io.WriteString(c, "HTTP/1.1 400 Unasked Secret\r\n\r\n")
		return
	}
	p.asked(req.RequestURI)
	io.WriteString(c, "HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\nContent-Length: 7\r\n\r\n"+greetingNow)
	io.Copy(io.Discard, r)
}

func mustProxy(t testing.TB, raw string, user *url.Userinfo) *Proxy {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = user
	p, err := ParseProxy(u)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantGreeting reads the greeting through a Conn that parks by peeking: the
// socket itself came back.
func wantGreeting(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	if _, ok := c.(*net.TCPConn); !ok || newPeeker(c) == nil {
		t.Fatalf("got a %T, want the socket", c)
	}
	var mu sync.Mutex
	conn := NewConn(c, &mu, 0)
	if r, err := conn.ReadReply(patience, false); err != nil || r.String() != strings.TrimSpace(greetingNow) {
		t.Fatalf("greeting %v, %v", r, err)
	}
	if conn.Buffered() != 0 {
		t.Error("more than the greeting")
	}
}

func TestProxy_TunnelsAndLosesNothing(t *testing.T) {
	secret := url.UserPassword(proxyUser, proxySecret)
	for _, scheme := range []string{"socks5", "socks5h", "http"} {
		for _, auth := range []bool{false, true} {
			for _, target := range []string{"mx.example:25", "192.0.2.25:587", "[2001:db8::25]:465"} {
				for _, reply := range []byte{1, 3, 4} {
					t.Run(fmt.Sprint(scheme, auth, target, reply), func(t *testing.T) {
						s := &proxyServer{auth: auth, reply: reply}
						serve := s.socks
						if scheme == "http" {
							serve = s.http
						}
						p := mustProxy(t, scheme+"://"+listen(t, serve), map[bool]*url.Userinfo{true: secret}[auth])
						c, err := p.Dial(t.Context(), DefaultDialer(), target)
						if err != nil {
							t.Fatal(err)
						}
						wantGreeting(t, c)
						if len(s.targets) != 1 || s.targets[0] != target {
							t.Errorf("the proxy was asked for %q", s.targets)
						}
					})
				}
			}
		}
	}
}

// wantNoSecret fails if an error, printed in any way, holds the password or
// what goes over the wire for it.
func wantNoSecret(t *testing.T, err error) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %q", err, err, err, err)
	for _, s := range []string{proxySecret, "ss w", url.UserPassword(proxyUser, proxySecret).String(), "dTpwOnNz"} {
		if strings.Contains(text, s) {
			t.Errorf("%q is in the error: %s", s, text)
		}
	}
}

func TestProxy_Refusals(t *testing.T) {
	secret := url.UserPassword(proxyUser, proxySecret)
	other := url.UserPassword(proxyUser, proxySecret+"!")
	say := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			b := make([]byte, 4096)
			c.Read(b)
			io.WriteString(c, answer)
			io.Copy(io.Discard, c)
		}
	}
	cases := []struct {
		name, scheme string
		serve        func(net.Conn)
		user         *url.Userinfo
		says         string
	}{
		{"no credentials", "socks5", (&proxyServer{auth: true}).socks, nil, "no acceptable authentication"},
		{"wrong credentials", "socks5", (&proxyServer{auth: true}).socks, other, "authentication failed"},
		{"long password", "socks5", (&proxyServer{auth: true}).socks, url.UserPassword(proxyUser, proxySecret+strings.Repeat("x", 300)), "invalid username/password"},
		{"general failure", "socks5", (&proxyServer{code: 1}).socks, secret, "general SOCKS server failure"},
		{"not allowed", "socks5", (&proxyServer{code: 2}).socks, nil, "not allowed"},
		{"host unreachable", "socks5", (&proxyServer{code: 4}).socks, nil, "host unreachable"},
		{"connection refused", "socks5", (&proxyServer{code: 5}).socks, nil, "connection refused"},
		{"unknown code", "socks5", (&proxyServer{code: 99}).socks, nil, "99"},
		{"HTTP where SOCKS was asked for", "socks5", say("HTTP/1.1 400 Bad\r\n\r\n"), nil, "version"},
		{"closed", "socks5", func(c net.Conn) { c.Read(make([]byte, 512)) }, nil, "EOF"},
		{"no credentials", "http", (&proxyServer{auth: true}).http, nil, "407"},
		{"wrong credentials", "http", (&proxyServer{auth: true}).http, other, "407 Proxy Authentication Required"},
		{"502", "http", say("HTTP/1.0 502 Bad Gateway\r\n\r\n"), secret, "502 Bad Gateway"},
		{"100", "http", say("HTTP/1.1 100 Continue\r\n\r\n"), nil, "100"},
		{"code alone", "http", say("HTTP/1.1 503\r\n\r\n"), nil, "503"},
		{"a greeting", "http", say("220 mx ESMTP\r\n\r\n"), secret, "no answer of an HTTP proxy"},
		{"garbage", "http", say("\x00\xff\x1b[31m\r\n\r\n"), nil, `no answer of an HTTP proxy`},
		{"bad code", "http", say("HTTP/1.1 2000 OK\r\n\r\n"), nil, "no answer of an HTTP proxy"},
		{"endless header", "http", say("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 1<<14)), nil, "over 16384 octets"},
		{"endless line", "http", say(strings.Repeat("x", 1<<18)), nil, "over 16384 octets"},
		{"closed inside", "http", func(c net.Conn) { c.Read(make([]byte, 4096)); io.WriteString(c, "HTTP/1.1 200 OK\r\n") }, nil, "EOF"},
		{"closed", "http", func(c net.Conn) { c.Read(make([]byte, 4096)) }, nil, "EOF"},
	}
	for _, c := range cases {
		t.Run(c.scheme+"/"+c.name, func(t *testing.T) {
			p := mustProxy(t, c.scheme+"://"+listen(t, c.serve), c.user)
			conn, err := p.Dial(t.Context(), DefaultDialer(), "mx.example:25")
			if conn != nil {
				t.Error("a connection beside an error")
			}
			e := wantKind(t, err, smtp.KindProxy)
			if !strings.Contains(e.Error(), c.says) || !strings.Contains(e.Error(), p.String()) {
				t.Errorf("%v; want %q and %q in it", e, c.says, p)
			}
			wantNoSecret(t, e)
		})
	}
}

func TestProxy_ThatCannotBeReached(t *testing.T) {
	p := mustProxy(t, "http://127.0.0.1:1", url.UserPassword(proxyUser, proxySecret))
	_, err := p.Dial(t.Context(), DefaultDialer(), "mx.example:25")
	e := wantKind(t, err, smtp.KindRefused)
	if !strings.Contains(e.Error(), "proxy http://127.0.0.1:1") {
		t.Error(e)
	}
	wantNoSecret(t, e)
}

// Silence, at each octet of the proxy's answers, ends with the context.
func TestProxy_SilenceEndsWithTheContext(t *testing.T) {
	stop := errors.New("enough")
	answers := map[string]string{
		"socks5": "\x05\x02\x01\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x19",
		"http":   "HTTP/1.1 200 OK\r\n\r\n",
	}
	for scheme, answer := range answers {
		p := mustProxy(t, scheme+"://proxy.example", url.UserPassword(proxyUser, proxySecret))
		for n := range answer {
			for _, byDeadline := range []bool{false, true} {
				synctest.Test(t, func(t *testing.T) {
					client, server := smtptest.Pipe(0)
					defer server.Close()
					io.WriteString(server, answer[:n])
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					want := smtp.KindCanceled
					if byDeadline {
						want = smtp.KindTimeout
						var stop context.CancelFunc
						ctx, stop = context.WithTimeout(ctx, time.Minute)
						defer stop()
					} else {
						time.AfterFunc(time.Minute, func() { cancel(stop) })
					}
					begun := time.Now()
					d := dialerFunc(func(context.Context, string, string) (net.Conn, error) { return client, nil })
					_, err := p.Dial(ctx, d, "mx.example:25")
					if d := time.Since(begun); d != time.Minute {
						t.Errorf("after %v, want 1m0s", d)
					}
					e := wantKind(t, err, want)
					if !byDeadline && !errors.Is(e, stop) {
						t.Error(e)
					}
					wantNoSecret(t, e)
					if _, err := client.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
						t.Errorf("the connection is open: %v", err)
					}
				})
			}
		}
	}
}

func TestProxy_LeavesNoDeadlineBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := mustProxy(t, "http://proxy.example", nil)
		client, server := smtptest.Pipe(0)
		defer server.Close()
		defer client.Close()
		io.WriteString(server, "HTTP/1.1 200 OK\r\n\r\n")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		d := dialerFunc(func(_ context.Context, network, address string) (net.Conn, error) {
			if network != "tcp" || address != "proxy.example:80" {
				t.Errorf("dialled %s %s", network, address)
			}
			return client, nil
		})
		c, err := p.Dial(ctx, d, "mx.example:25")
		if err != nil {
			t.Fatal(err)
		}
		wait(time.Hour)
		cancel()
		io.WriteString(server, "220 hi\r\n")
		if b := make([]byte, 8); err == nil {
			if _, err := io.ReadFull(c, b); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestParseProxy(t *testing.T) {
	good := map[string]string{
		"socks5://proxy.example":           "socks5://proxy.example:1080",
		"socks5h://proxy.example:9050":     "socks5h://proxy.example:9050",
		"http://proxy.example":             "http://proxy.example:80",
		"http://proxy.example/":            "http://proxy.example:80",
		"http://u:secret@192.0.2.1:8080":   "http://192.0.2.1:8080",
		"http://[2001:db8::1]:8080":        "http://[2001:db8::1]:8080",
		"socks5://u@[2001:db8::1]":         "socks5://[2001:db8::1]:1080",
		"http://b%C3%BCcher.example:65535": "http://xn--bcher-kva.example:65535",
		"HTTP://proxy.example":             "http://proxy.example:80",
	}
	for in, want := range good {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParseProxy(u)
		if err != nil || p.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, p, err, want)
		}
	}
	bad := []string{"", "proxy.example:80", "https://proxy.example", "socks4://proxy.example", "http://", "http:///x", "http:proxy.example",
		"http://proxy.example/path", "http://proxy.example?q=1", "http://proxy.example#f", "http://proxy.example:0", "http://proxy.example:65536",
		"http://u:secret@a%20b"}
	for _, in := range bad {
		u, err := url.Parse(in)
		if err != nil {
			u = &url.URL{Scheme: "http", Host: strings.TrimPrefix(in, "http://u:secret@"), User: url.UserPassword("u", "secret")}
		}
		p, err := ParseProxy(u)
		if p != nil {
			t.Errorf("%s: %v", in, p)
		}
		if e := wantKind(t, err, smtp.KindInvalid); strings.Contains(e.Error(), "secret") {
			t.Errorf("%s: %v", in, e)
		}
	}
	if p, err := ParseProxy(nil); p != nil || err != nil {
		t.Errorf("nil: %v, %v", p, err)
	}
}

// FuzzProxyHeader: the header ends at the first empty line, nothing behind it is
// read, it is bounded, and only HTTP/1 is taken.
func FuzzProxyHeader(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n\r\n220 hi\r\n", "HTTP/1.0 200\n\n220", "HTTP/1.1 407 no\r\nX: y\r\n\r\n", "\r\n\r\n", "\r\r\n\n\r\n", "x", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := bytes.NewReader(in)
		header, err := readHeader(iotest.OneByteReader(r))
		read := in[:len(in)-r.Len()]
		if len(read) > maxProxyHeader {
			t.Fatalf("%d octets read", len(read))
		}
		if err != nil {
			return
		}
		if !bytes.Equal(header, read) {
			t.Fatalf("header %q of %q", header, read)
		}
		for i := range len(header) - 1 {
			if s := header[:i+1]; bytes.HasSuffix(s, []byte("\n\n")) || bytes.HasSuffix(s, []byte("\n\r\n")) {
				t.Fatalf("read on behind the empty line: %q", header)
			}
		}
		if tunnelled(header) == nil && !bytes.HasPrefix(header, []byte("HTTP/1.")) {
			t.Fatalf("taken: %q", header)
		}
	})
}
