package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// Wire sends messages by what ehlo has below its sessions: the commands and receipts of
// package smtp, and a connection of package transport, whose goroutine is handed each
// message. There is no machine, no event or hook, and no way to call a message off:
// what ehlo takes beyond this is its session's. A letter goes by BDAT.
type Wire struct{}

// Name returns "wire".
func (Wire) Name() string { return "wire" }

// Session is Ready and QUIT.
func (w Wire) Session(ctx context.Context, t Target) error {
	s, err := w.Ready(ctx, t, nil)
	if err != nil {
		return err
	}
	return s.Close()
}

// Ready dials, and reads what the server offers.
func (Wire) Ready(_ context.Context, t Target, l *Letter) (Sender, error) {
	if t.Security == StartTLS || l != nil && !l.Way.Chunked {
		return nil, errors.New("wire: only in clear or by implicit TLS, and by BDAT")
	}
	conn, err := net.Dial("tcp", t.Address)
	if err != nil {
		return nil, err
	}
	w := &wireConn{letter: l, message: smtp.Message{Mail: smtp.Mail{From: From}, Recipients: smtp.To(To)}}
	if l != nil {
		w.message.Content, _ = l.reader()
	}
	w.conn = transport.NewConn(conn, &w.lock, limit)
	if err := w.begin(t); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	return behindGoroutine(w), nil
}

type wireConn struct {
	conn    *transport.Conn
	lock    sync.Mutex
	terms   smtp.Terms
	letter  *Letter
	message smtp.Message
	receipt *smtp.Receipt // of the newest message

	out    []byte
	pieces [][]byte
	pace   transport.Pace
}

func (w *wireConn) begin(t Target) error {
	if t.Security == Implicit {
		if _, err := w.conn.Handshake(t.config(), false, limit); err != nil {
			return err
		}
	}
	if _, err := w.answer(); err != nil {
		return err
	}
	if err := w.conn.WriteLine("EHLO "+LocalName, limit); err != nil {
		return err
	}
	r, err := w.answer()
	w.terms = smtp.Terms{Capabilities: smtp.ParseCapabilities(r), Extended: true}
	return err
}

// answer reads one reply, and takes no refusal.
func (w *wireConn) answer() (smtp.Reply, error) {
	r, err := w.conn.ReadReply(limit, true)
	if err == nil && !r.Positive() {
		err = fmt.Errorf("wire: %d", r.Code)
	}
	return r, err
}

// flight writes pieces and takes so many answers; it returns the last.
func (w *wireConn) flight(answers int, pieces ...[]byte) (r smtp.Reply, err error) {
	if !w.conn.Quiet() {
		return r, errors.New("wire: the server has spoken unasked, or left")
	}
	w.pieces, w.pace = append(w.pieces[:0], pieces...), transport.Pace{Block: limit}
	if _, err := w.conn.WritePieces(w.pieces, &w.pace); err != nil {
		return r, err
	}
	for range answers {
		if r, err = w.answer(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (w *wireConn) Send(context.Context) error {
	m, content := &w.message, w.letter.Content
	if err := m.Validate(); err != nil {
		return err
	}
	seen := transport.Scan(content)
	facts := smtp.ContentFacts{Size: seen.Octets, EightBit: seen.EightBit}
	out, err := m.AppendCommand(w.out[:0], w.terms, facts)
	if err != nil {
		return err
	}
	out = append(out, "\r\n"...)
	if out, err = m.Recipients[0].AppendCommand(out, w.terms, m.AsksUTF8(w.terms, facts)); err != nil {
		return err
	}
	out = append(out, "\r\n"...)
	envelope := len(out)
	out = append(strconv.AppendInt(append(out, "BDAT "...), seen.Octets, 10), " LAST\r\n"...)
	w.out = out
	w.receipt = &smtp.Receipt{Recipients: make([]smtp.RecipientReceipt, 1)}
	var r smtp.Reply
	if w.letter.Way.One {
		r, err = w.flight(3, out, content)
	} else if _, err = w.flight(2, out[:envelope]); err == nil {
		r, err = w.flight(1, out[envelope:], content)
	}
	w.receipt.Reply, w.receipt.QueueID = r, smtp.QueueID(r)
	return err
}

func (w *wireConn) Close() error {
	err := w.conn.WriteLine("QUIT", limit)
	if err == nil {
		_, err = w.answer()
	}
	return errors.Join(err, w.conn.Close())
}
