package transport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

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
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return nil, smtp.Invalid(fmt.Sprintf("Proxy has the port %q: want 1 to 65535", port))
	}
	if strings.Contains(u.Host, "@") { // not quoted: a password may be in it
		return nil, smtp.Invalid("Proxy's host holds an @: put the credentials into URL.User")
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
	conn, err := dial(ctx, d, "tcp", p.address)
	if err != nil {
		return nil, dialError(ctx, fmt.Errorf("proxy %v: %w", p, err))
	}
	shake := p.connect
	if p.scheme != "http" {
		shake = p.socks
	}
	// A context that ends interrupts whatever the handshake waits for. After
	// stop its function runs no more, so it cannot hit a later deadline.
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = conn.SetDeadline(aLongTimeAgo())
	})
	err = shake(conn, target)
	ended := !stop()
	if ended {
		<-interrupted
	}
	switch {
	case ended:
		err = dialError(ctx, fmt.Errorf("proxy %v: %w", p, cmp.Or(err, ctx.Err())))
	case err != nil:
		err = &smtp.Error{Kind: smtp.KindProxy, Err: fmt.Errorf("proxy %v: %w", p, err)}
	default:
		return conn, nil
	}
	_ = conn.Close()
	return nil, err
}

// socks speaks SOCKS5 (RFC 1928, 1929) on a connection that is already there:
// x/net's own dial would hide the socket.
func (p *Proxy) socks(conn net.Conn, target string) error {
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
	_, err = with.DialWithConn(context.Background(), conn, "tcp", target) // Dial sees to the context
	return err
}

// connect asks an HTTP proxy for a tunnel.
func (p *Proxy) connect(conn net.Conn, target string) error {
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
	return tunnelled(header)
}

// tunnelled judges the status line of an answer to CONNECT. A 2xx has no
// content, whatever its fields say (RFC 9110 9.3.6).
func tunnelled(header []byte) error {
	line, _, _ := bytes.Cut(header, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	version, status, _ := bytes.Cut(line, []byte(" "))
	switch {
	case !bytes.HasPrefix(version, []byte("HTTP/1.")) || len(status) < 3 || len(status) > 3 && status[3] != ' ':
		return fmt.Errorf("%.80q is no answer of an HTTP proxy", line)
	case status[0] != '2':
		return fmt.Errorf("CONNECT answered %.80q", status)
	}
	return nil
}

// readHeader reads up to the empty line and not one octet further, so octet by
// octet: what follows is the server's greeting.
func readHeader(conn io.Reader) ([]byte, error) {
	var header []byte
	octet := make([]byte, 1)
	for len(header) < maxProxyHeader {
		if _, err := io.ReadFull(conn, octet); err != nil {
			return nil, err
		}
		header = append(header, octet[0])
		if bytes.HasSuffix(header, []byte("\n\r\n")) || bytes.HasSuffix(header, []byte("\n\n")) {
			return header, nil
		}
	}
	return nil, fmt.Errorf("answer of over %d octets", maxProxyHeader)
}
