package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/smtp"
)

// NetSMTP is net/smtp of the standard library.
type NetSMTP struct {
	// Guarded adds to a whole session what it owes its caller: see [guardedSession].
	Guarded bool
}

// Name returns "net/smtp" or "net/smtp/guarded".
func (n NetSMTP) Name() string {
	if n.Guarded {
		return "net/smtp/guarded"
	}
	return "net/smtp"
}

// Session is Dial, Hello, StartTLS and Quit.
func (n NetSMTP) Session(ctx context.Context, t Target) error {
	if n.Guarded {
		return guardedSession(ctx, t, func(conn net.Conn, g *guard) (func() error, error) { return guardedNetSMTP(t, conn, g) })
	}
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

// guardedNetSMTP is the way to ready, on a connection in clear.
func guardedNetSMTP(t Target, conn net.Conn, g *guard) (leave func() error, err error) {
	if err := g.exchange(conn, false); err != nil { // the greeting
		return nil, err
	}
	c, err := smtp.NewClient(conn, t.host())
	if err == nil {
		err = g.exchange(conn, true)
	}
	if err == nil {
		err = c.Hello(LocalName)
	}
	if err == nil && t.Security == StartTLS {
		if err = g.exchange(conn, true); err == nil {
			err = c.StartTLS(t.config())
		}
	}
	return func() error { return errors.Join(g.exchange(conn, false), c.Quit()) }, err
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
