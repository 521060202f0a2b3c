package events

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// Snapshot is a session at one moment. It holds no secret; its server text is
// escaped when it is printed.
type Snapshot struct {
	ID            uint64
	Life          uint64
	Seq           uint64 // of the newest event
	State         fsm.State
	Since         time.Time // when the state was entered; zero before the first Connect
	Attempt       int
	Host          string
	Port          int
	Remote        string // the peer's address; empty without a connection
	Extended      bool
	Secure        bool
	Authenticated bool
	Waiting       int        // requests that wait for their turn
	Written       int64      // octets that the life has sent, beneath TLS; what a proxy was told is left out
	Read          int64      // octets that it was sent
	Reply         smtp.Reply // the newest of the life
	Err           error      // what ended the life, as Session.Err
}

// Format prints a snapshot on one line, escaped, for every verb.
func (s Snapshot) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "session %d %v", s.ID, s.State)
	if s.Host != "" {
		fmt.Fprintf(f, " %s:%d", smtp.Escape(s.Host), s.Port)
	}
	if s.Remote != "" {
		fmt.Fprintf(f, " (%s)", smtp.Escape(s.Remote))
	}
	if !s.Reply.IsZero() {
		fmt.Fprintf(f, ": %v", s.Reply)
	}
	if s.Err != nil {
		fmt.Fprintf(f, ": %s", errorText(s.Err))
	}
}

// LogValue returns the snapshot as a group for log/slog, escaped.
func (s Snapshot) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Uint64("id", s.ID), slog.Uint64("life", s.Life), slog.String("state", s.State.String()),
		slog.Int("attempt", s.Attempt), slog.String("host", smtp.Escape(s.Host)), slog.Int("port", s.Port),
		slog.String("remote", smtp.Escape(s.Remote)), slog.Bool("extended", s.Extended), slog.Bool("secure", s.Secure),
		slog.Bool("authenticated", s.Authenticated), slog.Int64("written", s.Written), slog.Int64("read", s.Read),
		slog.String("reply", s.Reply.String()),
	}
	if s.Err != nil {
		attrs = append(attrs, slog.String("error", errorText(s.Err)))
	}
	return slog.GroupValue(attrs...)
}

// errorText returns what an error says, escaped; one of ehlo's is escaped already.
func errorText(err error) string { return (&smtp.Error{Err: err}).Error() }
