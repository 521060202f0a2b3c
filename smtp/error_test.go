package smtp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

func TestError_TextIsPhaseCommandKindReplyCause(t *testing.T) {
	refused := Reply{Code: 550, Text: "5.7.1 no\nnever"}
	for want, e := range map[string]*Error{
		"smtp: unknown error":      {},
		"timed out":                {Kind: KindTimeout},
		"dial: connection refused": {Kind: KindRefused, Phase: "dial"},
		"ehlo: EHLO: refused by the server: 550 5.7.1 no / never": {Kind: KindReply, Phase: "ehlo", Command: "EHLO", Reply: refused},
		"greeting: connection lost: unexpected EOF":               {Kind: KindLost, Phase: "greeting", Err: io.ErrUnexpectedEOF},
		"greeting: protocol error: 421 bye: EOF":                  {Kind: KindProtocol, Phase: "greeting", Reply: Reply{Code: 421, Text: "bye"}, Err: io.EOF},
		"mail: unexpected EOF":                                    {Phase: "mail", Err: io.ErrUnexpectedEOF},
	} {
		if got := e.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestError_H8_NoControlOctetOfAServerIsPrinted(t *testing.T) {
	const bad = "\x1b]0;title\x07\r\n\x00\xff\u202e"
	e := &Error{Kind: KindReply, Phase: "ehlo", Command: "X" + bad, Reply: Reply{Code: 550, Text: bad}, Err: errors.New(bad)}
	outer := &Error{Kind: KindLost, Err: fmt.Errorf("%w and %w", e, errors.Join(e, io.EOF))}
	for _, err := range []error{e, outer, &Error{Err: &Error{Err: outer}}} {
		text := err.Error()
		checkPrintable(t, text)
		if !strings.Contains(text, `\x1b]0;title`) || strings.Contains(text, `\\`) {
			t.Errorf("lost or escaped twice: %s", text)
		}
	}
	if e.Reply.Text != bad {
		t.Error("the raw text is gone")
	}
}

func TestError_IsItsSentinelAndItsCause(t *testing.T) {
	cause := errors.New("the caller's cause")
	var err error = &Error{Kind: KindCanceled, Phase: "dial", Err: fmt.Errorf("%w: %w", context.Canceled, cause)}
	err = fmt.Errorf("outside: %w", err)
	for _, target := range []error{ErrCanceled, context.Canceled, cause} {
		if !errors.Is(err, target) {
			t.Errorf("is not %v", target)
		}
	}
	for _, target := range []error{ErrTimeout, ErrClosed, context.DeadlineExceeded, io.EOF} {
		if errors.Is(err, target) {
			t.Errorf("is %v", target)
		}
	}
	if (&Error{}).Is(nil) || errors.Is(&Error{}, ErrInvalid) {
		t.Error("an error of no kind has a sentinel")
	}
}

func TestError_C24_TimeoutIsOursOrTheContexts(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want bool
	}{
		{&Error{Kind: KindTimeout}, true},
		{&Error{Kind: KindTimeout, Err: os.ErrDeadlineExceeded}, true},
		{&Error{Kind: KindCanceled, Err: context.DeadlineExceeded}, true},
		{&Error{Kind: KindCanceled, Err: fmt.Errorf("x: %w", os.ErrDeadlineExceeded)}, true},
		{&Error{Kind: KindCanceled, Err: context.Canceled}, false},
		{&Error{Kind: KindCanceled}, false},
		{&Error{Kind: KindLost, Err: context.DeadlineExceeded}, false},
		{&Error{Kind: KindReply, Reply: Reply{Code: 421}}, false},
		{&Error{}, false},
	} {
		var timeouter interface{ Timeout() bool } = tt.err
		if got := timeouter.Timeout(); got != tt.want {
			t.Errorf("%v: %v, want %v", tt.err, got, tt.want)
		}
	}
}

func TestError_TypeOfAReplyIsItsDigits(t *testing.T) {
	for _, tt := range []struct {
		err  *Error
		want string
	}{
		{&Error{Kind: KindReply, Reply: Reply{Code: 550}}, "550"},
		{&Error{Kind: KindReply, Reply: Reply{Code: 421}}, "421"},
		{&Error{Kind: KindReply, Reply: Reply{Code: 354}}, "reply"},
		{&Error{Kind: KindReply}, "reply"},
		{&Error{Kind: KindProtocol, Reply: Reply{Code: 521}}, "protocol"},
		{&Error{Kind: KindTimeout}, "timeout"},
		{&Error{}, "_OTHER"},
		{&Error{Kind: 200}, "_OTHER"},
	} {
		if got := tt.err.ErrorType(); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.err, got, tt.want)
		}
	}
}

func TestCode_FollowsWinsock(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&Error{Kind: KindTimeout}, 10060},
		{&Error{Kind: KindRefused}, 10061},
		{&Error{Kind: KindHostNotFound}, 11001},
		{&Error{Kind: KindTryAgain}, 11002},
		{&Error{Kind: KindNoAddress}, 11004},
		{&Error{Kind: KindCanceled}, 10004},
		{&Error{Kind: KindLost}, 10054},
		{&Error{Kind: KindConnected}, 10056},
		{&Error{Kind: KindNotConnected}, 10057},
		{&Error{Kind: KindUnreachable}, 10065},
		{&Error{Kind: KindInvalid}, 10022},
		{&Error{Kind: KindReply, Reply: Reply{Code: 550}}, 550},
		{&Error{Kind: KindLost, Reply: Reply{Code: 421}}, 421},
		{&Error{Kind: KindProtocol, Reply: Reply{Code: 521}}, 521},
		{&Error{}, 1},
		{io.EOF, 1},
		{context.Canceled, 1},
		{fmt.Errorf("outside: %w", &Error{Kind: KindTimeout}), 10060},
		{errors.Join(io.EOF, &Error{Kind: KindRefused}), 10061},
	} {
		if got := Code(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestInvalid_IsPermanentAndSaysWhat(t *testing.T) {
	e := Invalid("RemotePort is 70000: want 0 to 65535\x1b")
	if e.Kind != KindInvalid || !e.Permanent || !errors.Is(e, ErrInvalid) || e.Timeout() {
		t.Errorf("%+v", e)
	}
	if got, want := e.Error(), `invalid argument: RemotePort is 70000: want 0 to 65535\x1b`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
