package smtp_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
)

// offered is what a server says to EHLO.
func offered(lines string) smtp.Terms {
	return smtp.Terms{Capabilities: smtp.ParseCapabilities(smtp.Reply{Code: 250, Text: "mx.example\n" + lines}), Extended: true}
}

func ExampleParseMailbox() {
	for _, s := range []string{"user@example.org", `"a b"@bücher.example`, "user@ｅxample.org"} {
		m, err := smtp.ParseMailbox(s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(m.Local, "at", m.Domain)
	}
	// Output:
	// user at example.org
	// a b at bücher.example
	// invalid argument: mailbox "user@ｅxample.org": domain: "ｅxample" is not how IDNA writes it, want "example.org"
}

func ExampleMailbox_String() {
	fmt.Println(smtp.Mailbox{Local: "a b", Domain: "example.org"})
	// Output: "a b"@example.org
}

func ExampleMailbox_AppendPath() {
	m := smtp.Mailbox{Local: "grüße", Domain: "bücher.example"}
	path, err := m.AppendPath(nil, true)
	fmt.Printf("%s %v\n", path, err)
	_, err = m.AppendPath(nil, false)
	fmt.Println(errors.Is(err, smtp.ErrNotOffered), m.NeedsUTF8())
	// Output:
	// <grüße@xn--bcher-kva.example> <nil>
	// true true
}

func ExampleMail_AppendCommand() {
	m := smtp.Mail{From: "sender@example.org", Return: smtp.ReturnHeaders, EnvelopeID: "QQ314159"}
	content := smtp.ContentFacts{Size: 2048, EightBit: true}
	line, err := m.AppendCommand(nil, offered("SIZE 10485760\n8BITMIME\nDSN"), content)
	fmt.Printf("%s %v\n", line, err)
	_, err = m.AppendCommand(nil, offered("SIZE 1024\n8BITMIME"), content)
	fmt.Println(err)
	_, err = m.AppendCommand(nil, offered("8BITMIME"), content)
	fmt.Println(err)
	// Output:
	// MAIL FROM:<sender@example.org> SIZE=2048 BODY=8BITMIME RET=HDRS ENVID=QQ314159 <nil>
	// message too large for the server: 5.3.4: SIZE: the message has 2048 octets, the server takes 1024
	// extension not offered: DSN: Return or EnvelopeID is set, want a server that reports (RFC 3461)
}

func ExampleMail_AsksUTF8() {
	m := smtp.Mail{From: "grüße@example.org"}
	fmt.Println(m.AsksUTF8(offered("SMTPUTF8"), smtp.ContentFacts{Size: -1}))
	// Output: true
}

func ExampleMail_Validate() {
	m := smtp.Mail{From: "sender@example.org", Priority: new(3), HoldFor: time.Hour, HoldUntil: time.Unix(1e9, 0)}
	fmt.Println(m.Validate())
	// Output: invalid argument: HoldFor and HoldUntil are both set: want one (RFC 4865)
}

func ExampleRecipient_AppendCommand() {
	r := smtp.Recipient{Address: "user@example.org", Notify: smtp.NotifyFailure | smtp.NotifyDelay, Original: smtp.Original{Address: "old+user@example.org"}}
	line, err := r.AppendCommand(nil, offered("DSN"), false)
	fmt.Printf("%s %v\n", line, err)
	// Output: RCPT TO:<user@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;old+2Buser@example.org <nil>
}

func ExampleTo() {
	m := smtp.Message{
		Mail:       smtp.Mail{From: "sender@example.org"},
		Recipients: smtp.To("one@example.org", "two@example.org"),
		Content:    strings.NewReader("Subject: hello\r\n\r\nworld\r\n"),
	}
	fmt.Println(len(m.Recipients), m.Validate())
	// Output: 2 <nil>
}

func ExampleRecipientRefusal() {
	full := smtp.EnhancedCode{Class: 5, Subject: 2, Detail: 2}
	fmt.Println(smtp.RecipientRefusal(smtp.Reply{Code: 552}), smtp.RecipientRefusal(smtp.Reply{Code: 552, Enhanced: full}))
	// Output: true false
}

func ExampleParseLimits() {
	l, err := smtp.ParseLimits(offered("LIMITS RCPTMAX=100 MAILMAX=20").Capabilities)
	fmt.Println(l.RcptMax, l.MailMax, l.RcptDomainMax, err)
	// Output: 100 20 0 <nil>
}

func ExampleQueueID() {
	fmt.Println(smtp.QueueID(smtp.Reply{Code: 250, Text: "2.0.0 Ok: queued as 4Zx1Yb2QPzz9rV"}))
	// Output: 4Zx1Yb2QPzz9rV
}

func ExampleReceipt() {
	no := smtp.Reply{Code: 550, Text: "5.1.1 nobody here"}
	r := smtp.Receipt{
		Outcome: smtp.Accepted, Reply: smtp.Reply{Code: 250, Text: "2.0.0 Ok: queued as ABC"}, QueueID: "ABC",
		Recipients: []smtp.RecipientReceipt{
			{Address: "one@example.org", Outcome: smtp.Accepted},
			{Address: "two@example.org", Outcome: smtp.Rejected, Reply: no, Err: &smtp.Error{Kind: smtp.KindReply, Reply: no, Permanent: true}},
		},
	}
	fmt.Println(r)
	fmt.Println(r.Err())
	fmt.Println(errors.Is(r.Err(), smtp.ErrSomeRefused), smtp.SafeToRetry(r.Err()))
	// Output:
	// accepted for 1 of 2: 250 2.0.0 Ok: queued as ABC
	// some recipients did not get the message: 1 of 2: refused by the server: 550 5.1.1 nobody here
	// true false
}

func ExampleSafeToRetry() {
	r := smtp.Receipt{Outcome: smtp.Unknown, Cause: &smtp.Error{Kind: smtp.KindLost}}
	fmt.Println(smtp.SafeToRetry(r.Err()))
	r.Outcome = smtp.NotSent
	fmt.Println(smtp.SafeToRetry(r.Err()))
	// Output:
	// false
	// true
}
