package smtp_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

func ExampleParser() {
	var p smtp.Parser
	in := []byte("250-mx.example\r\n250 SIZE 10485760\r\n354 go ahead\r\n")
	for len(in) > 0 {
		n, done, err := p.Feed(in)
		if err != nil {
			fmt.Println(err)
			return
		}
		in = in[n:]
		if done {
			fmt.Println(p.Reply(true))
			p.Reset()
		}
	}
	// Output:
	// 250 mx.example / SIZE 10485760
	// 354 go ahead
}

func ExampleParser_Feed() {
	var p smtp.Parser
	_, _, err := p.Feed([]byte("HTTP/1.1 400 Bad Request"))
	fmt.Println(err)
	fmt.Println(errors.Is(err, smtp.ErrProtocol))
	// Output:
	// protocol error: reply line "HTTP/1.1 400 Bad Request" has no three-digit reply code (RFC 5321 4.2)
	// true
}

func ExampleReply_String() {
	r := smtp.Reply{Code: 550, Text: "5.7.1 \x1b[31mnot here\nsee https://mx.example"}
	fmt.Println(r)
	// Output: 550 5.7.1 \x1b[31mnot here / see https://mx.example
}

func ExampleReply_Lines() {
	r := smtp.Reply{Code: 250, Text: "mx.example\nPIPELINING\nDSN"}
	for line := range r.Lines() {
		fmt.Println(smtp.Escape(line))
	}
	// Output:
	// mx.example
	// PIPELINING
	// DSN
}

func ExampleEnhancedCode() {
	var p smtp.Parser
	_, _, _ = p.Feed([]byte("452 4.2.2 mailbox full\r\n"))
	fmt.Println(p.Reply(true).Enhanced)
	// Output: 4.2.2
}

func ExampleCapabilities() {
	r := smtp.Reply{Code: 250, Text: "mx.example\nPIPELINING\nSIZE 10485760\nAUTH PLAIN\nAUTH=LOGIN\nCHUNKING"}
	c := smtp.ParseCapabilities(r, "CHUNKING")
	size, ok := c.Params("size")
	fmt.Println(c.Domain(), size, ok)
	fmt.Println(c.Mechanisms())
	fmt.Println(c.Has("PIPELINING"), c.Has("CHUNKING"))
	// Output:
	// mx.example 10485760 true
	// [PLAIN LOGIN]
	// true false
}

func ExampleParseHost() {
	for _, s := range []string{"bücher.example", "[IPv6:2001:db8::1]", "mx.example\r\nQUIT"} {
		h, err := smtp.ParseHost("HostName", s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(h, h.Addr.IsValid())
	}
	// Output:
	// xn--bcher-kva.example false
	// 2001:db8::1 true
	// invalid argument: HostName "mx.example\r\nQUIT" holds a blank or a control character: want a DNS name or an IP address
}

func ExampleParseLocalName() {
	for _, s := range []string{"client.example", "192.0.2.1"} {
		name, err := smtp.ParseLocalName(s)
		fmt.Println(name, err)
	}
	// Output:
	// client.example <nil>
	// [192.0.2.1] <nil>
}

func ExampleAddressLiteral() {
	fmt.Println(smtp.AddressLiteral(netip.MustParseAddr("fe80::1%eth0")))
	// Output: [IPv6:fe80::1]
}

func ExampleCheckText() {
	fmt.Println(smtp.CheckText("Password", "secret\r\n"))
	// Output: invalid argument: Password holds a control character at octet 6
}

func ExampleError() {
	var err error = &smtp.Error{
		Kind: smtp.KindReply, Phase: "ehlo", Command: "EHLO", Permanent: true,
		Reply: smtp.Reply{Code: 554, Text: "go away"},
	}
	fmt.Println(err)
	var e *smtp.Error
	if errors.As(err, &e) && e.Permanent {
		fmt.Println(e.ErrorType(), e.Reply.Text)
	}
	fmt.Println(errors.Is(err, smtp.ErrReply))
	// Output:
	// ehlo: EHLO: refused by the server: 554 go away
	// 554 go away
	// true
}

func ExampleCode() {
	fmt.Println(smtp.Code(nil))
	fmt.Println(smtp.Code(&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 421}}))
	fmt.Println(smtp.Code(&smtp.Error{Kind: smtp.KindTimeout}))
	fmt.Println(smtp.Code(context.Canceled))
	// Output:
	// 0
	// 421
	// 10060
	// 1
}

func ExampleKind_Row() {
	row := smtp.KindRefused.Row()
	fmt.Println(row.Type, row.Code, row.Err)
	// Output: connection_refused 10061 connection refused
}

func ExampleEscape() {
	fmt.Println(smtp.Escape("grüße\x1b[2J\r\n\u202e\xff"))
	// Output: grüße\x1b[2J\r\n\u202e\xff
}

func ExampleTimeouts_Effective() {
	t := smtp.Timeouts{Greeting: time.Minute}.Effective(20*time.Second, true)
	fmt.Println(t.Greeting, t.Mail, t.End, t.Quit)
	// Output: 1m0s 20s 10m0s 5s
}

func ExampleTimeoutTable() {
	for _, row := range smtp.TimeoutTable()[:2] {
		fmt.Printf("%s %v: %s\n", row.Name, row.Usual, row.Covers)
	}
	// Output:
	// Resolve 30s: the look-ups of A and AAAA together
	// Dial 30s: TCP, all addresses together, and a proxy's answer
}
