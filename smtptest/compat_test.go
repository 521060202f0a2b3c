package smtptest

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	netsmtp "net/smtp"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

const mailText = "Subject: hello\r\n\r\n.\r\n..two\r\nlast\r\n"

func checkMail(t *testing.T, s *Server, user string) {
	t.Helper()
	m := s.Messages()
	if len(m) != 1 || m[0].From != "from@example.org" || len(m[0].To) != 2 ||
		string(m[0].Content) != mailText || !m[0].TLS || m[0].Auth != user {
		t.Errorf("messages: %+v", m)
	}
}

func TestCompat_NetSMTP(t *testing.T) {
	for kind, start := range kinds {
		for _, mode := range []TLSMode{StartTLS, Implicit} {
			for _, cut := range []Fragment{Whole, PerLine, PerOctet} {
				t.Run(fmt.Sprint(kind, mode, cut), func(t *testing.T) {
					s := start(t, Config{Mode: mode, Fragment: cut, Users: map[string]string{"user": "secret"}})
					p := dial(t, s)
					if mode == Implicit {
						if err := p.secure(s); err != nil {
							t.Fatal(err)
						}
					}
					client, err := netsmtp.NewClient(p.Conn, "localhost")
					if err != nil {
						t.Fatal(err)
					}
					if mode == StartTLS {
						if err := client.StartTLS(&tls.Config{RootCAs: s.Roots(), ServerName: "localhost"}); err != nil {
							t.Fatal(err)
						}
					}
					if err := client.Auth(netsmtp.PlainAuth("", "user", "secret", "localhost")); err != nil {
						t.Fatal(err)
					}
					if err := client.Mail("from@example.org"); err != nil {
						t.Fatal(err)
					}
					for _, to := range []string{"a@example.net", "b@example.net"} {
						if err := client.Rcpt(to); err != nil {
							t.Fatal(err)
						}
					}
					w, err := client.Data()
					if err != nil {
						t.Fatal(err)
					}
					io.WriteString(w, mailText)
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					if err := client.Quit(); err != nil {
						t.Error(err)
					}
					checkMail(t, s, "user")
				})
			}
		}
	}
}

func TestCompat_GoSMTP(t *testing.T) {
	for kind, start := range kinds {
		for name, auth := range map[string]sasl.Client{
			"PLAIN": sasl.NewPlainClient("", "user", "secret"),
			"LOGIN": sasl.NewLoginClient("user", "secret"),
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				s := start(t, Config{Mode: StartTLS, Users: map[string]string{"user": "secret"}})
				client, err := smtp.NewClientStartTLS(dial(t, s).Conn, &tls.Config{RootCAs: s.Roots(), ServerName: "localhost"})
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				if err := client.Auth(auth); err != nil {
					t.Fatal(err)
				}
				if size, ok := client.MaxMessageSize(); !ok || size != 32<<20 {
					t.Errorf("SIZE %d, %v", size, ok)
				}
				err = client.SendMail("from@example.org", []string{"a@example.net", "b@example.net"}, strings.NewReader(mailText))
				if err != nil {
					t.Fatal(err)
				}
				if err := client.Noop(); err != nil {
					t.Error(err)
				}
				if err := client.Quit(); err != nil {
					t.Error(err)
				}
				checkMail(t, s, "user")
			})
		}
	}
}

func TestCompat_GoSMTPReadsEnhancedCodes(t *testing.T) {
	s := memory(t, Config{On: map[string]Step{"RCPT": Say("550 5.1.1 no such user")}})
	client := smtp.NewClient(dial(t, s).Conn)
	defer client.Close()
	if err := client.Mail("from@example.org", nil); err != nil {
		t.Fatal(err)
	}
	err := client.Rcpt("to@example.net", nil)
	refused, ok := err.(*smtp.SMTPError)
	if !ok || refused.Code != 550 || refused.EnhancedCode != (smtp.EnhancedCode{5, 1, 1}) {
		t.Errorf("refused with %v", err)
	}
}

func TestCompat_LargeMessage(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789 .abcdefghijklmnopqrstuvwxyz\r\n.dot\r\n"), 50_000)
	for kind, start := range kinds {
		s := start(t, Config{})
		client := smtp.NewClient(dial(t, s).Conn)
		if err := client.SendMail("from@example.org", []string{"a@example.net"}, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		client.Close()
		if m := s.Messages(); len(m) != 1 || !bytes.Equal(m[0].Content, content) {
			t.Errorf("%s: the content of %d octets did not arrive as it was", kind, len(content))
		}
	}
}
