package smtp

import (
	"iter"
	"log/slog"
	"strconv"
	"strings"
)

// Reply is one whole reply of a server (RFC 5321 4.2). It is a value: it may
// be kept, copied and compared. The zero value means "no reply".
type Reply struct {
	// Code is the three-digit reply code, 200 to 599; 0 if there is no reply.
	Code int
	// Enhanced is the enhanced status code, if there was one (RFC 2034). It is
	// never set for a greeting or for the reply to EHLO, HELO or LHLO.
	Enhanced EnhancedCode
	// Text is what the server said behind the code, raw: the lines joined by
	// "\n", an enhanced code included. It is not trusted and may hold control
	// octets; print it through String or [Escape].
	Text string
}

// IsZero reports whether there is no reply.
func (r Reply) IsZero() bool { return r.Code == 0 }

// Positive reports a positive completion, 2yz.
func (r Reply) Positive() bool { return r.Code/100 == 2 }

// Intermediate reports a positive intermediate reply, 3yz.
func (r Reply) Intermediate() bool { return r.Code/100 == 3 }

// Temporary reports a transient negative completion, 4yz.
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// Permanent reports a permanent negative completion, 5yz.
func (r Reply) Permanent() bool { return r.Code/100 == 5 }

// Negative reports 4yz or 5yz.
func (r Reply) Negative() bool { return r.Temporary() || r.Permanent() }

// Lines yields the text of each line, raw, without code and line end.
func (r Reply) Lines() iter.Seq[string] { return strings.SplitSeq(r.Text, "\n") }

// LogValue returns what String does, for log/slog.
func (r Reply) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns the reply on one line for people: the code and the text,
// escaped, lines joined by " / ". It is "" for the zero value.
func (r Reply) String() string {
	if r.IsZero() {
		return ""
	}
	b := make([]byte, 0, 4+len(r.Text))
	b = strconv.AppendInt(b, int64(r.Code), 10)
	if r.Text == "" {
		return string(b)
	}
	b = append(b, ' ')
	b = append(b, Escape(strings.ReplaceAll(r.Text, "\n", " / "))...)
	return string(b)
}
