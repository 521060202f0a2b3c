package session

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/transport"
)

// letter is a message of a few lines, with all that a line may begin or end with.
const letter = "Subject: dots\r\n\r\n.\r\n..two\r\n.three\r\nend\r\n"

// contents are the ways to give the same octets.
func contents(text string) map[string]func() io.Reader {
	return map[string]func() io.Reader{
		"bytes.Reader":   func() io.Reader { return bytes.NewReader([]byte(text)) },
		"bytes.Buffer":   func() io.Reader { return bytes.NewBufferString(text) },
		"strings.Reader": func() io.Reader { return strings.NewReader(text) },
		"io.Reader":      func() io.Reader { return io.MultiReader(strings.NewReader(text)) },
	}
}

// keywords that make a difference to how a message travels.
func keywordSets() map[string][]string {
	return map[string][]string{
		"neither":    {"8BITMIME", "SMTPUTF8"},
		"PIPELINING": {"8BITMIME", "PIPELINING"},
		"CHUNKING":   {"CHUNKING", "8BITMIME"},
		"both":       {"CHUNKING", "PIPELINING", "8BITMIME", "SIZE 100000000"},
	}
}

// A message of nobody says why it came to nothing, though no recipient can.
func TestSend_WithoutRecipientsTheReceiptSaysWhy(t *testing.T) {
	bubble(t, "nobody", func(t *testing.T) {
		srv := memory(t, smtptest.Config{})
		config := reach(srv, Extended)
		config.Dialer = srv
		s := linked(t, config)
		if r, err := s.Send(t.Context(), &smtp.Message{}); !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "Recipients is empty") || !errors.Is(r.Cause, smtp.ErrInvalid) {
			t.Errorf("%v, %v", r, err)
		}
		tx, err := s.Begin(t.Context(), smtp.Mail{From: "from@example.org"})
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Close()
		if _, err := tx.Commit(t.Context()); !errors.Is(err, smtp.ErrClosed) {
			t.Errorf("Commit: %v", err)
		}
	})
}

func TestSend_WhatArrivesIsWhatWasMeant(t *testing.T) {
	large := "Subject: large\r\n\r\n" + strings.Repeat(".a line that begins with a dot\r\nand one that does not\r\n", 20_000)
	texts := map[string]string{
		"letter": letter, "empty": "", "a dot": ".\r\n", "large": large, "8-bit": "Subject: x\r\n\r\nGrüße\r\n",
		"a long line": "Subject: x\r\n\r\n" + strings.Repeat("x", 3000) + "\r\n",
	}
	for offered, keywords := range keywordSets() {
		for _, flight := range []Flight{Envelope, Full, Single} {
			for name, text := range texts {
				for from, content := range contents(text) {
					t.Run(fmt.Sprint(offered, "/", flight, "/", name, "/", from), func(t *testing.T) {
						srv := memory(t, smtptest.Config{Mode: smtptest.Implicit, Keywords: keywords})
						config := reach(srv, Extended|SecureImplicit)
						config.Dialer, config.Flight = srv, flight
						s := newSession(t, config)
						evs := record(t, s)
						if err := s.Connect(t.Context()); err != nil {
							t.Fatal(err)
						}
						for range 2 {
							r, err := s.Send(t.Context(), &smtp.Message{Mail: smtp.Mail{From: "from@example.org"}, Recipients: smtp.To("a@example.net", "b@example.net"), Content: content()})
							if err != nil || r.Outcome != smtp.Accepted || r.Octets != int64(len(text)) || r.Chunked != strings.Contains(strings.Join(keywords, " "), "CHUNKING") {
								t.Errorf("%v: %+v, %d octets, chunked %v", err, r, r.Octets, r.Chunked)
							}
						}
						leave(t, s, evs)
						got := srv.Messages()
						if len(got) != 2 {
							t.Fatalf("%d messages", len(got))
						}
						for _, m := range got {
							if string(m.Content) != text || m.From != "from@example.org" || len(m.To) != 2 {
								t.Errorf("%d octets of %d, from %q to %q", len(m.Content), len(text), m.From, m.To)
							}
						}
					})
				}
			}
		}
	}
}

// far is what reaches srv over a line on which everything takes half a minute
// each way.
func far(srv *smtptest.Server) transport.Dialer {
	const oneWay = 30 * time.Second
	type parcel struct {
		octets []byte
		at     time.Time
	}
	carry := func(from, to net.Conn) {
		line := make(chan parcel, 1000)
		go func() {
			defer close(line)
			for {
				b := make([]byte, 64<<10)
				n, err := from.Read(b)
				if err != nil {
					return
				}
				line <- parcel{b[:n], time.Now().Add(oneWay)}
			}
		}()
		go func() {
			defer to.Close()
			for p := range line {
				<-time.After(time.Until(p.at))
				_, _ = to.Write(p.octets)
			}
		}()
	}
	return dialFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
		there, err := srv.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		client, here := smtptest.Pipe(1 << 20)
		carry(here, there)
		carry(there, here)
		return client, nil
	})
}

// What a message takes on a line of a minute there and back is its round trips,
// counted from outside.
func TestSend_RoundTrips(t *testing.T) {
	for offered, want := range map[string]map[Flight]int{
		"both":       {Full: 1, Envelope: 2, Single: 3},
		"PIPELINING": {Full: 2, Envelope: 2, Single: 4},
		"CHUNKING":   {Full: 3, Envelope: 3, Single: 3},
		"neither":    {Full: 4, Envelope: 4, Single: 4},
	} {
		for flight, trips := range want {
			for from, content := range contents(letter) {
				bubble(t, fmt.Sprint(offered, "/", flight, "/", from), func(t *testing.T) {
					srv := memory(t, smtptest.Config{Keywords: keywordSets()[offered]})
					config := reach(srv, Extended)
					config.Dialer, config.Flight = far(srv), flight
					s := linked(t, config)
					for range 2 { // nothing lingers on
						begun := time.Now()
						m := to("a@example.net")
						m.Content = content()
						r, err := s.Send(t.Context(), m)
						took := time.Since(begun)
						if err != nil || took != time.Duration(trips)*time.Minute || r.Flights != trips {
							t.Errorf("%v, %d flights; want %d round trips; %v", took, r.Flights, trips, err)
						}
					}
				})
			}
		}
	}
}

// A message that could not be delivered may be sent again: what can be read twice
// stays where it was.
func TestSend_ContentThatCanBeReadTwiceIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "letter")
	if err := os.WriteFile(path, []byte("none of it"+letter), 0o600); err != nil {
		t.Fatal(err)
	}
	ways := contents(letter)
	delete(ways, "io.Reader")
	for _, canonical := range []bool{false, true} {
		ways["file"] = func() io.Reader {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { f.Close() })
			if _, err := f.Seek(int64(len("none of it")), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			return f
		}
		for from, content := range ways {
			srv := loopback(t, smtptest.Config{Keywords: []string{"CHUNKING"}})
			s := linked(t, reach(srv, Extended))
			m := to("a@example.net")
			m.Content, m.Canonical = content(), canonical
			for range 2 {
				if r, err := s.Send(t.Context(), m); err != nil || r.Octets != int64(len(letter)) {
					t.Errorf("%s: %v, %v", from, r, err)
				}
			}
			for _, got := range srv.Messages() {
				if string(got.Content) != letter {
					t.Errorf("%s: %q", from, got.Content)
				}
			}
		}
	}
}

func TestSend_ANilMessageIsInvalid(t *testing.T) {
	s, srv, evs := offering(t, Envelope, nil)
	if r, err := s.Send(t.Context(), nil); r == nil || !errors.Is(err, smtp.ErrInvalid) {
		t.Errorf("%v, %v", r, err)
	}
	leave(t, s, evs)
	if said(srv, "MAIL") != 0 {
		t.Errorf("%q", srv.Commands())
	}
}

// stuck is what reaches a server that answers the envelope and takes no content.
func stuck(t testing.TB, keyword string) Config {
	return Config{HostName: "192.0.2.1", LocalName: "client.test", Options: Extended, Dialer: dialFunc(func(context.Context, string, string) (net.Conn, error) {
		client, server := smtptest.Pipe(1024)
		t.Cleanup(func() { _ = server.Close() })
		go func() {
			_, _ = io.WriteString(server, "220 hi\r\n")
			in := bufio.NewReaderSize(server, 16)
			for {
				line, err := in.ReadString('\n')
				switch {
				case err != nil, strings.HasPrefix(line, "BDAT"):
					return
				case strings.HasPrefix(line, "EHLO"):
					_, _ = io.WriteString(server, "250-hello\r\n250-"+keyword+"\r\n250 HELP\r\n")
				case strings.HasPrefix(line, "DATA"):
					_, _ = io.WriteString(server, "354 go\r\n")
					return
				default:
					_, _ = io.WriteString(server, "250 ok\r\n")
				}
			}
		}()
		return client, nil
	})}
}

// Block and MinRate are the waits for a server to take the content.
func TestSend_BlockAndMinRateBoundTheContent(t *testing.T) {
	for name, c := range map[string]struct {
		block time.Duration
		rate  int64
		after time.Duration
	}{
		"the table's": {0, 0, 3 * time.Minute}, "Block": {4 * time.Minute, 0, 4 * time.Minute}, "MinRate": {time.Hour, maxSmall, rateGrace + time.Second},
	} {
		for _, offered := range []string{"CHUNKING", "8BITMIME"} {
			for from, content := range contents(strings.Repeat("line\r\n", 100_000)) {
				bubble(t, name+"/"+offered+"/"+from, func(t *testing.T) {
					config := stuck(t, offered)
					config.Timeouts.Block, config.MinRate = c.block, c.rate
					s, evs := connected(t, config)
					m := to("a@example.net")
					m.Content = content()
					begun := time.Now()
					r, err := s.Send(t.Context(), m)
					if took := time.Since(begun).Round(10 * time.Millisecond); !errors.Is(err, smtp.ErrTimeout) || r.Outcome != smtp.NotSent || took != c.after+lastWords && took != c.after {
						t.Errorf("after %v: %v, %v; want %v", took, r, err, c.after)
					}
					ended(t, s, evs, smtp.ErrTimeout)
				})
			}
		}
	}
}

// maxSmall is a MinRate by which 64 KiB take a second.
const maxSmall = 64 << 10

// An envelope of more than 4 KiB travels in as few flights as that bound allows,
// and none of them is longer: two ends that only write would stop each other.
func TestSend_ALongEnvelope(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		config := taking(t, "PIPELINING", func(in io.Reader, size int, say func(string)) {
			_, _ = io.CopyN(io.Discard, in, int64(len(letter)+len("..."+".\r\n"))) // three of its lines begin with a dot
			say("250 ok")
		})
		s := linked(t, config)
		var all []string
		for i := range 400 { // 28 octets of RCPT each
			all = append(all, fmt.Sprintf("r%03d@example.net", i))
		}
		r, err := s.Send(t.Context(), to(all...))
		if err != nil || r.Flights != 3+1 {
			t.Errorf("%v, %v: %d flights", r, err, r.Flights)
		}
		_ = s.Close()
		<-s.Done()
	})
}

// What is left of a reader that was read is never sent in the message's place: the
// message has lost it. What can be read again stays, and is.
func TestSend_AUsedUpReaderIsNoContent(t *testing.T) {
	file := onDisk(t, letter)
	for kind, c := range map[string]struct {
		content func() io.Reader
		stays   bool
	}{
		"short":          {func() io.Reader { return io.MultiReader(strings.NewReader(letter)) }, false},
		"long":           {func() io.Reader { return io.MultiReader(bytes.NewReader(manyLines)) }, false},
		"bytes.Reader":   {func() io.Reader { return bytes.NewReader([]byte(letter)) }, true},
		"bytes.Buffer":   {func() io.Reader { return bytes.NewBufferString(letter) }, true},
		"strings.Reader": {func() io.Reader { return strings.NewReader(letter) }, true},
		"file":           {func() io.Reader { return file }, true},
	} {
		for _, at := range []string{"MAIL", "CONTENT"} {
			t.Run(kind+"/"+at, func(t *testing.T) {
				s, srv, _ := offering(t, Envelope, map[string]smtptest.Step{at: smtptest.Sequence(smtptest.Say("451 4.3.0 later"), smtptest.Usual())}, "8BITMIME")
				m := to("a@example.net")
				m.Content = c.content()
				if _, err := s.Send(t.Context(), m); !smtp.SafeToRetry(err) {
					t.Fatal(err)
				}
				r, err := s.Send(t.Context(), m)
				switch arrived := srv.Messages(); {
				case c.stays && (err != nil || len(arrived) != 1 || string(arrived[0].Content) != letter):
					t.Errorf("%v, %v, %d messages", r, err, len(arrived))
				case !c.stays && (!errors.Is(err, smtp.ErrInvalid) || r.Outcome != smtp.NotSent || len(arrived) != 0 || m.Content != nil):
					t.Errorf("%v, %v, %d messages", r, err, len(arrived))
				}
				m.Content = strings.NewReader(letter)
				if r, err := s.Send(t.Context(), m); err != nil {
					t.Errorf("%v, %v", r, err)
				}
				_ = s.Close()
				<-s.Done()
			})
		}
	}
}

// A recipient who was accepted by RCPT and did not get the message, or nobody knows,
// has no reply that looks as if it had.
func TestSend_AnOutcomeThatNoReplyDecidedHasNone(t *testing.T) {
	for name, c := range map[string]struct {
		on   map[string]smtptest.Step
		want smtp.Outcome
	}{
		"nobody": {map[string]smtptest.Step{"RCPT": smtptest.Sequence(smtptest.Usual(), smtptest.Say("550 5.1.1 no"))}, smtp.NotSent},
		"lost":   {map[string]smtptest.Step{"CONTENT": smtptest.Close()}, smtp.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := offering(t, Envelope, c.on, "8BITMIME")
			m := to("a@example.net", "b@example.net")
			m.Policy = smtp.AllOrNothing
			r, err := s.Send(t.Context(), m)
			if a := r.Recipients[0]; a.Outcome != c.want || !a.Reply.IsZero() || a.Err == nil {
				t.Errorf("%v, %v", a, err)
			}
			_ = s.Close()
			<-s.Done()
		})
	}
}
