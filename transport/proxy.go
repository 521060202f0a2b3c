package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/proxy"

	"github.com/ehlo-go/ehlo/smtp"
)

// maxProxyHeader bounds what an HTTP proxy may answer, in octets.
const maxProxyHeader = 16 << 10

// Proxy is a checked proxy URL: socks5:// (or socks5h://, the same) or
// http:// with CONNECT (RFC 9110 9.3.6). The proxy resolves the target's name.
type Proxy struct {
	scheme  string
	address string
	user    *url.Userinfo
}

// ParseProxy checks a proxy URL. A missing port is 1080 for SOCKS and 80 for
// HTTP.
func ParseProxy(u *url.URL) (*Proxy, error) {
	if u == nil {
		return nil, nil
	}
	port := u.Port()
	switch u.Scheme {
	case "socks5", "socks5h":
		if port == "" {
			port = "1080"
		}
	case "http":
		if port == "" {
			port = "80"
		}
	default:
		return nil, smtp.Invalid(fmt.Sprintf("Proxy has the scheme %q: want socks5, socks5h or http", u.Scheme))
	}
	host, err := smtp.ParseHost("Proxy's host", u.Hostname())
	if err != nil {
		return nil, err
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return nil, smtp.Invalid("Proxy has a path, a query or a fragment: want scheme://[user:password@]host[:port]")
	}
	return &Proxy{u.Scheme, net.JoinHostPort(host.String(), port), u.User}, nil
}

// String returns the proxy without its credentials.
func (p *Proxy) String() string { return p.scheme + "://" + p.address }

// Dial connects to target (host:port) through the proxy. ctx bounds the dial
// and the proxy's answers. The connection returned is the one to the proxy
// itself, so that everything that the socket can do stays possible.
func (p *Proxy) Dial(ctx context.Context, d Dialer, target string) (net.Conn, error) {
	conn, err := d.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, dialError(ctx, []error{fmt.Errorf("proxy %v: %w", p, err)})
	}
	shake := p.connect
	if p.scheme != "http" {
		shake = p.socks
	}
	// A context that ends interrupts whatever the handshake waits for. Its
	// function has run when stop says so, so it cannot hit a later deadline.
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline)
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	err = shake(ctx, conn, target)
	if !stop() {
		<-interrupted
		err = errors.Join(err, ctx.Err())
	}
	if err != nil {
		_ = conn.Close()
		e := &smtp.Error{Kind: smtp.KindProxy, Err: fmt.Errorf("proxy %v: %w", p, err)}
		var ne net.Error
		if errors.As(err, &ne) && ne.Timeout() {
			e.Kind = smtp.KindTimeout
		}
		return nil, e
	}
	return conn, conn.SetDeadline(time.Time{})
}

// socks speaks SOCKS5 (RFC 1928, 1929) on a connection that is already there:
// x/net's own dial would hide the socket.
func (p *Proxy) socks(ctx context.Context, conn net.Conn, target string) error {
	var auth *proxy.Auth
	if p.user != nil {
		password, _ := p.user.Password()
		auth = &proxy.Auth{User: p.user.Username(), Password: password}
	}
	d, err := proxy.SOCKS5("tcp", p.address, auth, nil)
	if err != nil {
		return err
	}
	with, ok := d.(interface {
		DialWithConn(ctx context.Context, c net.Conn, network, address string) (net.Addr, error)
	})
	if !ok {
		return errors.New("x/net's SOCKS5 dialer has no DialWithConn")
	}
	_, err = with.DialWithConn(ctx, conn, "tcp", target)
	return err
}

// connect asks an HTTP proxy for a tunnel.
func (p *Proxy) connect(_ context.Context, conn net.Conn, target string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target)
	if p.user != nil {
		password, _ := p.user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(p.user.Username() + ":" + password))
		fmt.Fprintf(&b, "Proxy-Authorization: Basic %s\r\n", credentials)
	}
	b.WriteString("\r\n")
	if _, err := conn.Write(b.Bytes()); err != nil {
		return err
	}
	header, err := readHeader(conn)
	if err != nil {
		return err
	}
	reply, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(header)), &http.Request{Method: http.MethodConnect})
	if err != nil {
		return err
	}
	_ = reply.Body.Close()
	if reply.StatusCode/100 != 2 {
		return fmt.Errorf("CONNECT answered %s", reply.Status)
	}
	return nil
}

// readHeader reads up to the empty line and not one octet further: what
// follows is the server's greeting. The end is four octets, so as many as are
// missing of them may be read at once.
func readHeader(conn net.Conn) ([]byte, error) {
	const end = "\r\n\r\n"
	header := make([]byte, 0, 512)
	for len(header) < maxProxyHeader {
		missing := len(end)
		for i := len(end); i > 0; i-- {
			if bytes.HasSuffix(header, []byte(end[:i])) {
				missing = len(end) - i
				break
			}
		}
		if missing == 0 {
			return header, nil
		}
		n, err := conn.Read(header[len(header) : len(header)+missing : cap(header)])
		header = header[:len(header)+n]
		if err != nil {
			return nil, err
		}
		if cap(header)-len(header) < len(end) {
			header = append(header, make([]byte, len(header))...)[:len(header)]
		}
	}
	return nil, fmt.Errorf("answer of over %d octets", maxProxyHeader)
}
