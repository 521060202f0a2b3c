package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// Ehlo is this library.
type Ehlo struct {
	// Column is its name, "" for "ehlo".
	Column string
	// Config is where its sessions begin: hooks, providers, keywords to discard. The
	// target and the letter fill in the rest.
	Config session.Config
	// Subscribed gives each ready session one subscriber of every event, which reads
	// them on a goroutine of its own.
	Subscribed bool
}

// Name returns its column.
func (e Ehlo) Name() string {
	if e.Column != "" {
		return e.Column
	}
	return "ehlo"
}

func (e Ehlo) config(t Target) session.Config {
	c := e.Config
	c.HostAddress, c.RemotePort, c.LocalName = t.host(), t.port(), LocalName
	c.Options |= session.Extended
	c.Retry.MaxAttempts = 1 // a connect that fails has to be seen
	switch t.Security {
	case StartTLS:
		c.Options |= session.SecureExplicit
	case Implicit:
		c.Options |= session.SecureImplicit
	case Clear:
		return c
	}
	c.TLS = &tls.Config{RootCAs: t.Roots}
	return c
}

// Session is New, Connect and Disconnect.
func (e Ehlo) Session(ctx context.Context, t Target) error {
	s, err := session.New(e.config(t))
	if err != nil {
		return err
	}
	if err := s.Connect(ctx); err != nil {
		return err
	}
	return s.Disconnect(ctx)
}

// Ready is New and Connect; l may be nil for a session that only rests.
func (e Ehlo) Ready(ctx context.Context, t Target, l *Letter) (Sender, error) {
	c := e.config(t)
	sender := &ehloSender{}
	if l != nil {
		if l.Way.One {
			c.Flight = session.Full
		}
		if !l.Way.Chunked {
			c.DiscardKeywords = append([]string{"CHUNKING"}, c.DiscardKeywords...)
		}
		sender.compose(l)
	}
	s, err := session.New(c)
	if err != nil {
		return nil, err
	}
	sender.session = s
	if e.Subscribed {
		ch, _ := s.Subscribe(events.Filter{})
		go func() {
			for range ch { // until the end of the life
			}
		}()
	}
	if err := s.Connect(ctx); err != nil {
		return nil, err
	}
	return sender, nil
}

type ehloSender struct {
	session *session.Session
	content []byte
	reader  io.Reader
	octets  *bytes.Reader // of reader
	message smtp.Message
}

func (s *ehloSender) compose(l *Letter) {
	s.content = l.Content
	s.message = smtp.Message{Mail: smtp.Mail{From: From}, Recipients: smtp.To(To), Canonical: l.Way.Form == Canonical}
	s.reader, s.octets = l.reader()
}

func (s *ehloSender) Send(ctx context.Context) error {
	s.octets.Reset(s.content)
	s.message.Content = s.reader
	_, err := s.session.Send(ctx, &s.message)
	return err
}

func (s *ehloSender) Close() error {
	err := s.session.Disconnect(context.Background())
	_ = s.session.Close()
	<-s.session.Done()
	return err
}
