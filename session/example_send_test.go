package session_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// One message to two, of whom one is refused: the receipt tells each one's fate.
func ExampleSession_Send() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{
		"RCPT": smtptest.Sequence(smtptest.Usual(), smtptest.Say("550 5.1.1 no such user")),
	}})
	defer end()
	receipt, err := s.Send(context.Background(), &smtp.Message{
		Mail:       smtp.Mail{From: "ann@example.org"},
		Recipients: smtp.To("bob@example.net", "nobody@example.net"),
		Content:    strings.NewReader("Subject: hello\r\n\r\nHello, Bob\r\n"),
	})
	fmt.Println(receipt.Outcome, err != nil, smtp.SafeToRetry(err))
	for _, to := range receipt.Recipients {
		fmt.Println(to)
	}
	// Output:
	// accepted true false
	// bob@example.net: accepted: 250 2.0.0 accepted
	// nobody@example.net: rejected: 550 5.1.1 no such user
}

// The connection is lost after the final dot: nobody can know whether the server
// has the message, so it is not sent again by itself.
func ExampleSession_Send_unknown() {
	s, end := ready(smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Close()}})
	defer end()
	receipt, err := s.Send(context.Background(), &smtp.Message{
		Mail: smtp.Mail{From: "ann@example.org"}, Recipients: smtp.To("bob@example.net"), Content: strings.NewReader("Subject: hello\r\n\r\n"),
	})
	fmt.Println(receipt.Outcome, smtp.SafeToRetry(err))
	// Output: unknown false
}

// A transaction by steps, its content written as it comes.
func ExampleSession_Begin() {
	s, end := ready(smtptest.Config{})
	defer end()
	ctx := context.Background()
	t, err := s.Begin(ctx, smtp.Mail{From: "ann@example.org"})
	if err != nil {
		log.Fatal(err)
	}
	defer t.Abort() // does nothing after Commit
	if err := t.AddRecipient(ctx, smtp.Recipient{Address: "bob@example.net"}); err != nil {
		log.Fatal(err)
	}
	_, _ = io.WriteString(t, "Subject: hello\r\n\r\n")
	for i := range 3 {
		fmt.Fprintf(t, "line %d\r\n", i)
	}
	receipt, err := t.Commit(ctx)
	fmt.Println(receipt.Outcome, err)
	// Output: accepted <nil>
}

// Nothing is delivered without Commit.
func ExampleTransaction_Abort() {
	s, end := ready(smtptest.Config{})
	defer end()
	t, err := s.Begin(context.Background(), smtp.Mail{From: "ann@example.org"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(s.Noop(context.Background())) // the session is the transaction's
	fmt.Println(t.Abort(), s.Noop(context.Background()))
	// Output:
	// NOOP: a transaction is open: Commit or Abort the Transaction first
	// <nil> <nil>
}

// One round trip for a message, with a server whose software is known.
func ExampleFlight() {
	s, end := ready(smtptest.Config{}, func(c *session.Config) { c.Flight = session.Full })
	defer end()
	receipt, err := s.Send(context.Background(), &smtp.Message{
		Mail: smtp.Mail{From: "ann@example.org"}, Recipients: smtp.To("bob@example.net"), Content: strings.NewReader("Subject: hello\r\n\r\n"),
	})
	fmt.Println(receipt.Flights, receipt.Chunked, err)
	// Output: 1 true <nil>
}

// What became of each message, as events.
func ExampleSession_Send_events() {
	s, end := ready(smtptest.Config{})
	defer end()
	h := events.Handlers{
		OnRecipient: func(e events.OnRecipient) { fmt.Println(e.Address, e.Reply.Code) },
		OnMessage:   func(e events.OnMessage) { fmt.Println(e.Receipt.Outcome, e.Err) },
	}
	ch, stop := s.Subscribe(events.Filter{Kinds: h.Kinds()})
	_, err := s.Send(context.Background(), &smtp.Message{
		Mail: smtp.Mail{From: "ann@example.org"}, Recipients: smtp.To("bob@example.net"), Content: strings.NewReader("Subject: hello\r\n\r\n"),
	})
	stop()
	if err := h.Dispatch(ch); err != nil {
		fmt.Println(err)
	}
	fmt.Println(err)
	// Output:
	// bob@example.net 250
	// accepted <nil>
	// <nil>
}
