package smtptest_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"
)

// A client that is to be tested, here net/smtp's, against a server with
// STARTTLS and AUTH.
func Example() {
	server, err := smtptest.NewServer(smtptest.Config{
		Mode:  smtptest.StartTLS,
		Users: map[string]string{"user": "secret"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := smtp.Dial(server.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.StartTLS(&tls.Config{RootCAs: server.Roots(), ServerName: "localhost"}); err != nil {
		log.Fatal(err)
	}
	if err := client.Auth(smtp.PlainAuth("", "user", "secret", "127.0.0.1")); err != nil {
		log.Fatal(err)
	}
	client.Mail("from@example.org")
	client.Rcpt("to@example.net")
	w, err := client.Data()
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(w, "Subject: hello\r\n\r\nhello\r\n")
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}

	m := server.Messages()[0]
	fmt.Println(m.From, m.To, m.TLS, m.Auth)
	fmt.Printf("%q\n", m.Content)
	fmt.Println(server.Commands()[2])
	// Output:
	// from@example.org [to@example.net] true user
	// "Subject: hello\r\n\r\nhello\r\n"
	// EHLO localhost
}

// The second recipient is refused for now, and the connection is lost after the
// content.
func ExampleConfig() {
	server, err := smtptest.NewServer(smtptest.Config{
		On: map[string]smtptest.Step{
			"RCPT":    smtptest.Sequence(smtptest.Usual(), smtptest.Say("452 4.5.3 too many recipients")),
			"CONTENT": smtptest.Close(),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := smtp.Dial(server.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	client.Mail("from@example.org")
	fmt.Println(client.Rcpt("one@example.net"))
	var refused *textproto.Error
	if errors.As(client.Rcpt("two@example.net"), &refused) {
		fmt.Println(refused.Code, refused.Msg)
	}
	w, err := client.Data()
	if err != nil {
		log.Fatal(err)
	}
	io.WriteString(w, "hello\r\n")
	fmt.Println(w.Close())
	fmt.Println(len(server.Messages()), "messages")
	// Output:
	// <nil>
	// 452 4.5.3 too many recipients
	// EOF
	// 0 messages
}

// SCRAM-SHA-256 (RFC 7677) and a user. The client is xdg-go/scram's.
func ExampleConfig_mechanisms() {
	server := smtptest.NewMemoryServer(smtptest.Config{
		Mechanisms: []string{"SCRAM-SHA-256"},
		Users:      map[string]string{"user": "secret"},
	})
	defer server.Close()

	conn, err := server.DialContext(context.Background(), "tcp", "mail.example:25")
	if err != nil {
		log.Fatal(err)
	}
	client, err := smtp.NewClient(conn, "mail.example")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Extension("AUTH"))
	user, err := scram.SHA256.NewClient("user", "secret", "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Auth(scramAuth{user.NewConversation()}))
	for _, entry := range server.Transcript() {
		if entry.Kind == smtptest.FromServer && strings.HasPrefix(entry.Text, "235") {
			fmt.Println(entry)
		}
	}
	// Output:
	// true SCRAM-SHA-256
	// <nil>
	// 1 S: "235 2.7.0 authenticated"
}

// scramAuth is a conversation as an smtp.Auth.
type scramAuth struct{ *scram.ClientConversation }

func (a scramAuth) Start(*smtp.ServerInfo) (string, []byte, error) {
	first, err := a.Step("")
	return "SCRAM-SHA-256", []byte(first), err
}

func (a scramAuth) Next(challenge []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	response, err := a.Step(string(challenge))
	return []byte(response), err
}

// A server that has no time for a user now, whatever the password.
func ExampleAuthReply() {
	server := smtptest.NewMemoryServer(smtptest.Config{
		Auth: map[string]func(*smtptest.Conn) sasl.Server{
			"PLAIN": func(*smtptest.Conn) sasl.Server {
				return sasl.NewPlainServer(func(identity, user, password string) error {
					return smtptest.AuthReply("454 4.7.0 try later")
				})
			},
		},
	})
	defer server.Close()

	conn, err := server.DialContext(context.Background(), "tcp", "mail.example:25")
	if err != nil {
		log.Fatal(err)
	}
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	var refused *textproto.Error
	if errors.As(client.Auth(smtp.PlainAuth("", "user", "secret", "localhost")), &refused) {
		fmt.Println(refused.Code, refused.Msg)
	}
	// Output:
	// 454 4.7.0 try later
}

// A conversation played by hand.
func ExampleConn_Serve() {
	server := smtptest.NewMemoryServer(smtptest.Config{
		Script: func(c *smtptest.Conn) {
			c.Write("220-a greeting in\r\n220 two lines\r\n")
			line, err := c.ReadLine()
			if err != nil {
				return
			}
			c.Reply(502, "no "+line+" here")
			c.Serve() // the rest as usual
		},
	})
	defer server.Close()

	conn, err := server.DialContext(context.Background(), "tcp", "mail.example:25")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	client, err := smtp.NewClient(conn, "localhost")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(client.Hello("client.example")) // falls back to HELO
	fmt.Printf("%q\n", server.Commands())
	// Output:
	// <nil>
	// ["EHLO client.example" "HELO client.example"]
}

func ExamplePipe() {
	client, server := smtptest.Pipe(0)
	defer client.Close()

	// Buffered: neither write waits for a read.
	io.WriteString(client, "QUIT\r\n")
	io.WriteString(server, "221 bye\r\n")
	server.Reset()

	client.SetReadDeadline(time.Now().Add(time.Second))
	_, err := bufio.NewReader(client).ReadString('\n')
	fmt.Println(err)
	// Output:
	// read tcp 192.0.2.1:40000->192.0.2.25:25: read: connection reset by peer
}

// A server whose certificate has expired.
func ExampleAuthority_Certificate() {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		log.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{
		Names:    []string{"mx.example.org"},
		NotAfter: time.Now().Add(-time.Hour),
	})
	if err != nil {
		log.Fatal(err)
	}
	server := smtptest.NewMemoryServer(smtptest.Config{
		Mode: smtptest.Implicit,
		TLS:  &tls.Config{Certificates: []tls.Certificate{cert}},
	})
	defer server.Close()

	conn, err := server.DialContext(context.Background(), "tcp", "mx.example.org:465")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	err = tls.Client(conn, &tls.Config{RootCAs: authority.Pool(), ServerName: "mx.example.org"}).Handshake()
	_, refused := err.(*tls.CertificateVerificationError)
	fmt.Println(refused)
	// Output:
	// true
}

// 421 and the end of the connection, while the client is idle.
func ExampleServer_Say() {
	server := smtptest.NewMemoryServer(smtptest.Config{})
	defer server.Close()
	conn, err := server.DialContext(context.Background(), "tcp", "mail.example:25")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	lines.Scan() // the greeting

	server.Say("421 4.3.2 going down")
	server.CloseConns()
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	// Output:
	// 421 4.3.2 going down
}
