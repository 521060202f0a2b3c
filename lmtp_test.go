package ehlo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// mailrooms are go-smtp's sessions that deliver by LMTP, each recipient by itself. RCPT refuses unknown@, the content is
// refused for full@ and broken@.
type mailrooms struct {
	mu    sync.Mutex
	boxes map[string][]string // address to contents
}

// messages returns the contents of a mailbox.
func (m *mailrooms) messages(address string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.boxes[address])
}

type mailroom struct {
	*mailrooms
	to []string
}

func (m *mailroom) Reset()                                 { m.to = nil }
func (m *mailroom) Logout() error                          { return nil }
func (m *mailroom) Mail(string, *gosmtp.MailOptions) error { return nil }
func (m *mailroom) Data(io.Reader) error                   { return errors.New("not by SMTP") }

func (m *mailroom) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if strings.HasPrefix(to, "unknown@") {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	m.to = append(m.to, to)
	return nil
}

func (m *mailroom) LMTPData(r io.Reader, status gosmtp.StatusCollector) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	for _, to := range m.to {
		switch to {
		case fullName:
			status.SetStatus(to, &gosmtp.SMTPError{Code: 552, EnhancedCode: gosmtp.EnhancedCode{5, 2, 2}, Message: "full"})
		case brokenName:
			status.SetStatus(to, &gosmtp.SMTPError{Code: 451, EnhancedCode: gosmtp.EnhancedCode{4, 2, 0}, Message: "broken"})
		default:
			m.mu.Lock()
			m.boxes[to] = append(m.boxes[to], string(content))
			m.mu.Unlock()
			status.SetStatus(to, nil)
		}
	}
	return nil
}

// goLMTP is emersion/go-smtp's LMTP server on a free port, or on a unix socket, and what reaches it.
func goLMTP(t testing.TB, network string) (*mailrooms, session.Config) {
	t.Helper()
	config := session.Config{Network: network, HostAddress: "127.0.0.1", LMTP: true, LocalName: "client.example", Timeout: 20 * time.Second, Retry: session.Retry{MaxAttempts: 1}}
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "lmtp")
		config.HostAddress, config.HostName = "", address
	}
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok {
		config.RemotePort = tcp.Port
	}
	rooms := &mailrooms{boxes: make(map[string][]string)}
	srv := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &mailroom{mailrooms: rooms}, nil }))
	srv.Domain, srv.LMTP, srv.ErrorLog = testName, true, log.New(io.Discard, "", 0)
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
		defer stop()
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("go-smtp still has connections: %v", err)
		}
		serving.Wait()
	})
	return rooms, config
}

// lmtpLetters are contents with all that may go wrong with their octets.
func lmtpLetters() map[string]string {
	return map[string]string{
		"dots":      "Subject: dots\r\n\r\n.\r\n..two\r\n.three\r\n.\r\n",
		"8-bit":     "Subject: 8-bit\r\n\r\nGr\xfc\xdfe, Grüße\r\n",
		"long line": "Subject: long\r\n\r\n" + strings.Repeat("x", 1500) + "\r\n",
		"header":    "Subject: no body\r\n\r\n",
		"large":     "Subject: large\r\n\r\n" + strings.Repeat(".a line that begins with a dot\r\nand one that does not\r\n", 40_000),
	}
}

// deliverByLMTP sends every letter to some who get it and some who do not, in every flight, by DATA and by BDAT where it
// is offered, and calls arrived for each.
func deliverByLMTP(t *testing.T, config session.Config, arrived func(t *testing.T, nth int, text string)) {
	nth := 0
	for _, discard := range [][]string{nil, {"CHUNKING"}, {"CHUNKING", "PIPELINING"}} {
		for _, flight := range []session.Flight{session.Envelope, session.Full, session.Single} {
			config.DiscardKeywords, config.Flight = discard, flight
			s := newSession(t, config)
			verdicts, _ := s.Subscribe(events.Filter{Buffer: 256, Kinds: events.MaskOf(events.KindRecipient)})
			if err := s.Connect(patience(t)); err != nil {
				t.Fatal(err)
			}
			for name, text := range lmtpLetters() {
				nth++
				t.Run(fmt.Sprint(name, " without ", discard, " ", flight), func(t *testing.T) {
					to := []string{annName, "unknown@ehlo.test", fullName, bobName, brokenName}
					r, err := s.Send(patience(t), &smtp.Message{Mail: smtp.Mail{From: "a@client.example"}, Recipients: smtp.To(to...), Content: strings.NewReader(text)})
					if r.Outcome != smtp.Accepted || !errors.Is(err, smtp.ErrSomeRefused) || smtp.SafeToRetry(err) || r.Octets != int64(len(text)) {
						t.Errorf("%v: %v, %d octets", err, r, r.Octets)
					}
					if chunked := s.Capabilities().Has("CHUNKING"); r.Chunked != chunked {
						t.Errorf("chunked %v, want %v", r.Chunked, chunked)
					}
					for i, code := range []int{250, 550, 552, 250, 451} {
						got := &r.Recipients[i]
						want := smtp.Rejected
						if code == 250 {
							want = smtp.Accepted
						}
						if got.Outcome != want || got.Reply.Code != code || (got.Err == nil) != (code == 250) {
							t.Errorf("%v", got)
						}
						if e, ok := errors.AsType[*smtp.Error](got.Err); code != 250 && (!ok || e.Permanent != (code/100 == 5)) {
							t.Errorf("%v: %v", got, got.Err)
						}
					}
					arrived(t, nth, text)
				})
			}
			if err := s.Disconnect(patience(t)); err != nil {
				t.Error(err)
			}
			told := 0
			for e := range verdicts {
				if _, ok := e.(events.OnRecipient); ok { // a life's last events come to everyone
					told++
				}
			}
			if want := (5 + 4) * len(lmtpLetters()); told != want {
				t.Errorf("%d OnRecipient, want %d", told, want)
			}
		}
	}
}

func TestLMTP_GoSMTP(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			rooms, config := goLMTP(t, network)
			deliverByLMTP(t, config, func(t *testing.T, nth int, text string) {
				for _, user := range []string{annName, bobName} {
					got := rooms.messages(user)
					if len(got) != nth || got[nth-1] != text {
						t.Errorf("%s has %d messages, want %d with the last one of %d octets", user, len(got), nth, len(text))
					}
				}
				for _, user := range []string{fullName, brokenName} {
					if got := rooms.messages(user); len(got) != 0 {
						t.Errorf("%s has %d messages", user, len(got))
					}
				}
			})
		})
	}
}

func TestLMTP_Dovecot(t *testing.T) {
	d := startDovecot(t)
	config := session.Config{Network: "unix", HostName: d.LMTP, LMTP: true, LocalName: "client.example", Timeout: 20 * time.Second, Retry: session.Retry{MaxAttempts: 1}}
	deliverByLMTP(t, config, func(t *testing.T, nth int, text string) {
		want := "Return-Path: <a@client.example>\n" + strings.ReplaceAll(text, "\r\n", "\n")
		for _, user := range []string{annName, bobName} {
			got := d.Messages(t, user, nth)
			alike := 0
			for _, m := range got {
				if m == want {
					alike++
				}
			}
			// each letter goes once in each of the nine ways
			if first := (nth - 1) / len(lmtpLetters()); len(got) != nth || alike != first+1 {
				t.Errorf("%s has %d messages, want %d; %d are this one, want %d", user, len(got), nth, alike, first+1)
			}
		}
	})
	if got := d.Messages(t, fullName, 0); len(got) != 0 {
		t.Errorf("the full mailbox took %q", got)
	}
}

// An SMTP server has no LHLO, and an LMTP server no EHLO.
func TestLMTP_TheOtherProtocolIsRefused(t *testing.T) {
	v := goSMTPServer(t)
	config := v.config(session.Extended)
	config.LMTP = true
	s := newSession(t, config)
	err := s.Connect(patience(t))
	if e, ok := errors.AsType[*smtp.Error](err); !ok || e.Kind != smtp.KindReply || e.Command != "LHLO" || smtp.Code(err) != 500 {
		t.Errorf("%v", err)
	}
	_, config = goLMTP(t, "tcp")
	config.LMTP = false
	s = newSession(t, config)
	if err := s.Connect(patience(t), session.WithOptions(session.Extended)); smtp.Code(err) != 500 {
		t.Errorf("%v", err)
	}
}

// Nobody is accepted: no content leaves, and the session goes on.
func TestLMTP_NobodyIsAccepted(t *testing.T) {
	dovecot := func(t *testing.T) session.Config {
		return session.Config{Network: "unix", HostName: startDovecot(t).LMTP, LMTP: true, LocalName: "client.example", Timeout: 20 * time.Second, Retry: session.Retry{MaxAttempts: 1}}
	}
	library := func(t *testing.T) session.Config {
		_, config := goLMTP(t, "tcp")
		return config
	}
	for name, start := range map[string]func(*testing.T) session.Config{"dovecot": dovecot, "go-smtp": library} {
		t.Run(name, func(t *testing.T) {
			config := start(t)
			for _, flight := range []session.Flight{session.Envelope, session.Full, session.Single} {
				for _, discard := range [][]string{nil, {"CHUNKING"}} {
					config.Flight, config.DiscardKeywords = flight, discard
					s := newSession(t, config)
					if err := s.Connect(patience(t)); err != nil {
						t.Fatal(err)
					}
					send := func(to ...string) (*smtp.Receipt, error) {
						return s.Send(patience(t), &smtp.Message{Recipients: smtp.To(to...), Content: strings.NewReader("Subject: x\r\n\r\n")})
					}
					if r, err := send("unknown@ehlo.test", "unknown@ehlo.test"); r.Outcome != smtp.Rejected || smtp.Code(err) != 550 || r.Octets != 0 {
						t.Errorf("%v: %v, %d octets", err, r, r.Octets)
					}
					if r, err := send(bobName); err != nil {
						t.Errorf("%v: %v", err, r)
					}
				}
			}
		})
	}
}
