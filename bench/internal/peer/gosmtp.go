package peer

import (
	"context"
	"errors"

	"github.com/emersion/go-smtp"
)

// GoSMTP is emersion/go-smtp.
type GoSMTP struct{}

// Name returns its column.
func (GoSMTP) Name() string { return "go-smtp" }

// Session is Dial or DialStartTLS, EHLO and Quit.
func (g GoSMTP) Session(ctx context.Context, t Target) error {
	s, err := g.Ready(ctx, t, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

// Ready is the same without Quit. With STARTTLS it cannot be told what to say in
// EHLO, and says localhost.
func (GoSMTP) Ready(_ context.Context, t Target, l *Letter) (Sender, error) {
	c, err := dialGoSMTP(t)
	if err != nil {
		return nil, err
	}
	if t.Security != StartTLS {
		err = c.Hello(LocalName)
	} else if ok, _ := c.Extension("8BITMIME"); !ok { // asks for the EHLO behind the handshake
		err = errors.New("go-smtp: no EHLO within TLS")
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &goSMTPSender{c, l, []string{To}}, nil
}

func dialGoSMTP(t Target) (*smtp.Client, error) {
	switch t.Security {
	case StartTLS:
		return smtp.DialStartTLS(t.Address, t.config())
	case Implicit:
		return smtp.DialTLS(t.Address, t.config())
	case Clear:
	}
	return smtp.Dial(t.Address)
}

type goSMTPSender struct {
	client *smtp.Client
	letter *Letter
	to     []string
}

func (s *goSMTPSender) Send(context.Context) error {
	content, _ := s.letter.reader()
	return s.client.SendMail(From, s.to, content)
}

func (s *goSMTPSender) Close() error { return s.client.Quit() }
