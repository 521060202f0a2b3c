package transport_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/transport"
)

// world is a Dialer for which one address is refused and any other answers.
type world struct{ dead string }

func (w world) DialContext(_ context.Context, network, address string) (net.Conn, error) {
	if address == w.dead {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, _ := smtptest.Pipe(0)
	return client, nil
}

func ExampleRace() {
	answers := transport.Literal(netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"))
	defer answers.Close()
	race := transport.Race{Dialer: world{dead: "192.0.2.1:25"}, Port: 25}
	won, err := race.Dial(context.Background(), answers)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer won.Conn.Close()
	fmt.Println(won.Addr, "after", won.Failed)
	// Output: 2001:db8::1 after [192.0.2.1]
}

// names is a Resolver with one host.
type names struct{}

func (names) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	switch {
	case host != "mx.example":
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case network == "ip6":
		return []netip.Addr{netip.MustParseAddr("2001:db8::25")}, nil
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2.25"), netip.MustParseAddr("192.0.2.26")}, nil
}

func ExampleResolve() {
	answers, err := transport.Resolve(context.Background(), names{}, "mx.example", true, time.Minute)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answers.Close()
	fmt.Println(answers.Addrs())

	_, err = transport.Resolve(context.Background(), names{}, "mx.invalid", true, time.Minute)
	fmt.Println(smtp.Code(err), err)
	// Output:
	// [2001:db8::25 192.0.2.25 192.0.2.26]
	// 11001 host not found: lookup mx.invalid: no such host
}

func ExampleParseProxy() {
	u, err := url.Parse("socks5://user:secret@proxy.example")
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy, err := transport.ParseProxy(u)
	fmt.Println(proxy, err)

	_, err = transport.ParseProxy(&url.URL{Scheme: "https", Host: "proxy.example"})
	fmt.Println(err)
	// Output:
	// socks5://proxy.example:1080 <nil>
	// invalid argument: Proxy has the scheme "https": want socks5, socks5h or http
}

func ExampleTLSPolicy() {
	strict := transport.TLSPolicy{ServerName: "mx.example"}.Config()
	fmt.Println(tls.VersionName(strict.MinVersion), "with", len(strict.CipherSuites), "suites before TLS 1.3")

	// What the caller sets wins.
	own := transport.TLSPolicy{Base: &tls.Config{MinVersion: tls.VersionTLS13}, ServerName: "mx.example", Fallback: true}.Config()
	fmt.Println(tls.VersionName(own.MinVersion), own.ServerName)
	// Output:
	// TLS 1.2 with 6 suites before TLS 1.3
	// TLS 1.3 mx.example
}

func ExampleConn() {
	client, server := smtptest.Pipe(0)
	defer server.Close()
	fmt.Fprint(server, "220 mx.example ESMTP\r\n250-mx.example\r\n250 SIZE 1000\r\n")

	var lock sync.Mutex
	conn := transport.NewConn(client, &lock, time.Minute)
	defer conn.Close()
	for _, limit := range []time.Duration{5 * time.Minute, time.Minute} {
		reply, err := conn.ReadReply(limit, false)
		fmt.Println(reply, err)
	}
	// Output:
	// 220 mx.example ESMTP <nil>
	// 250 mx.example / SIZE 1000 <nil>
}

// A parked connection is woken by whoever has work for its owner, or by the
// server.
func ExampleConn_Park() {
	client, server := smtptest.Pipe(0)
	defer server.Close()
	var lock sync.Mutex
	conn := transport.NewConn(client, &lock, time.Minute)
	defer conn.Close()

	var mailbox []string
	go func() {
		lock.Lock()
		defer lock.Unlock()
		mailbox = append(mailbox, "NOOP")
		conn.Wake()
	}()
	spoke := conn.Park(func() bool { return len(mailbox) == 0 })
	fmt.Println("the server spoke:", spoke, "- mail:", mailbox)

	fmt.Fprint(server, "421 4.3.2 shutting down\r\n")
	if conn.Park(func() bool { return true }) {
		fmt.Println(conn.ReadUnsolicited(time.Minute))
	}
	// Output:
	// the server spoke: false - mail: [NOOP]
	// refused by the server: 421 4.3.2 shutting down
}

func ExampleAnswers_Permit() {
	answers := transport.Literal(netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.1"))
	answers.Permit(func(addr netip.Addr) bool { return !addr.IsPrivate() })
	fmt.Println(answers.Addrs())
	// Output: [192.0.2.1]
}
