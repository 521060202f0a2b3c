package peer

import (
	"context"
	"crypto/tls"
	"net/smtp"
)

// NetSMTP is net/smtp of the standard library.
type NetSMTP struct{}

// Name returns its column.
func (NetSMTP) Name() string { return "net/smtp" }

// Session is Dial, Hello, StartTLS and Quit.
func (n NetSMTP) Session(ctx context.Context, t Target) error {
	s, err := n.Ready(ctx, t, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

// Ready is the same without Quit.
func (NetSMTP) Ready(_ context.Context, t Target, l *Letter) (Sender, error) {
	c, err := dialNetSMTP(t)
	if err != nil {
		return nil, err
	}
	err = c.Hello(LocalName)
	if err == nil && t.Security == StartTLS {
		err = c.StartTLS(t.config())
	}
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &netSMTPSender{c, l}, nil
}

func dialNetSMTP(t Target) (*smtp.Client, error) {
	if t.Security != Implicit {
		return smtp.Dial(t.Address)
	}
	conn, err := tls.Dial("tcp", t.Address, t.config())
	if err != nil {
		return nil, err
	}
	return smtp.NewClient(conn, t.host())
}

type netSMTPSender struct {
	client *smtp.Client
	letter *Letter
}

func (s *netSMTPSender) Send(context.Context) error {
	if err := s.client.Mail(From); err != nil {
		return err
	}
	if err := s.client.Rcpt(To); err != nil {
		return err
	}
	w, err := s.client.Data()
	if err != nil {
		return err
	}
	if _, err := s.letter.pour(w, s.letter.Content); err != nil {
		return err
	}
	return w.Close()
}

func (s *netSMTPSender) Close() error { return s.client.Quit() }
