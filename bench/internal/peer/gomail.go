package peer

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/wneessen/go-mail"
)

// GoMail is wneessen/go-mail.
type GoMail struct{}

// Name returns its column.
func (GoMail) Name() string { return "go-mail" }

// Session is NewClient, DialWithContext and Close.
func (g GoMail) Session(ctx context.Context, t Target) error {
	s, err := g.Ready(ctx, t, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

// Ready is the same without Close.
func (GoMail) Ready(ctx context.Context, t Target, l *Letter) (Sender, error) {
	policy := mail.NoTLS
	if t.Security == StartTLS {
		policy = mail.TLSMandatory
	}
	options := []mail.Option{mail.WithPort(t.port()), mail.WithHELO(LocalName), mail.WithTLSPolicy(policy), mail.WithoutNoop()}
	if t.Security == Implicit {
		options = append(options, mail.WithSSL())
	}
	if t.Security != Clear {
		options = append(options, mail.WithTLSConfig(t.config()))
	}
	c, err := mail.NewClient(t.host(), options...)
	if err != nil {
		return nil, err
	}
	if err := c.DialWithContext(ctx); err != nil {
		return nil, err
	}
	s := &goMailSender{client: c}
	if l != nil {
		err = s.compose(l)
	}
	return s, err
}

type goMailSender struct {
	client  *mail.Client
	message *mail.Msg
}

// compose makes a message with a header of go-mail's own and the letter's body,
// whose lines it is to leave as they are.
func (s *goMailSender) compose(l *Letter) error {
	_, body, ok := bytes.Cut(l.Content, []byte("\r\n\r\n"))
	if !ok {
		return errors.New("go-mail: the letter has no body")
	}
	s.message = mail.NewMsg(mail.WithEncoding(mail.NoEncoding))
	if err := s.message.From(From); err != nil {
		return err
	}
	if err := s.message.To(To); err != nil {
		return err
	}
	s.message.Subject("a measurement")
	s.message.SetBodyWriter(mail.TypeTextPlain, func(w io.Writer) (int64, error) { return l.pour(w, body) })
	return nil
}

func (s *goMailSender) Send(context.Context) error { return s.client.Send(s.message) }

func (s *goMailSender) Close() error { return s.client.Close() }
