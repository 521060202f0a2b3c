package events

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

func TestSnapshot_FormatIsOneLineForEveryVerb(t *testing.T) {
	for want, s := range map[string]Snapshot{
		"session 0 idle":                                          {},
		"session 7 resolve mx.example:25":                         {ID: 7, State: fsm.Resolve, Host: "mx.example", Port: 25},
		"session 7 ready mx.example:25 (192.0.2.1:25): 250 a / b": {ID: 7, State: fsm.Ready, Host: "mx.example", Port: 25, Remote: "192.0.2.1:25", Reply: smtp.Reply{Code: 250, Text: "a\nb"}},
		"session 7 closed: dial: timed out":                       {ID: 7, State: fsm.Closed, Err: &smtp.Error{Kind: smtp.KindTimeout, Phase: "dial"}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d"} {
			if got := fmt.Sprintf(verb, s); got != want {
				t.Errorf("%s: %s, want %s", verb, got, want)
			}
		}
		if got := fmt.Sprint(&s); got != want {
			t.Errorf("pointer: %s", got)
		}
	}
}

func TestSnapshot_H8_ServerTextIsEscaped(t *testing.T) {
	const bad = "\x1b[2J\r\n\x00\u202e"
	causes := map[string]error{
		"ehlo's":  &smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550, Text: bad}},
		"foreign": errors.New(bad),
	}
	for name, cause := range causes {
		s := Snapshot{ID: 1, State: fsm.Closed, Host: bad, Remote: bad, Reply: smtp.Reply{Code: 421, Text: bad}, Err: cause}
		var log bytes.Buffer
		for _, level := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
			slog.New(level).Info("now", "session", s)
		}
		var values strings.Builder
		for _, a := range s.LogValue().Group() {
			values.WriteString(a.Value.String())
		}
		for what, text := range map[string]string{"Format": fmt.Sprint(s), "LogValue": values.String(), "log": strings.ReplaceAll(log.String(), "\n", "")} {
			for _, r := range text {
				if !strconv.IsPrint(r) {
					t.Errorf("%s error, %s: %U in %q", name, what, r, text)
				}
			}
			if what != "log" && strings.Contains(text, `\\`) {
				t.Errorf("%s error, %s: escaped twice: %s", name, what, text)
			}
		}
	}
}

func TestSnapshot_LogValueIsAGroup(t *testing.T) {
	s := Snapshot{
		ID: 7, Life: 2, State: fsm.Ready, Attempt: 3, Host: "mx.example", Port: 25, Remote: "192.0.2.1:25", Extended: true, Secure: true, Authenticated: true,
		Written: 40, Read: 90, Reply: smtp.Reply{Code: 250, Text: "ok"},
	}
	var log bytes.Buffer
	drop := func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: drop}))
	logger.Info("now", "s", s)
	want := `level=INFO msg=now s.id=7 s.life=2 s.state=ready s.attempt=3 s.host=mx.example s.port=25 s.remote=192.0.2.1:25 s.extended=true s.secure=true s.authenticated=true s.written=40 s.read=90 s.reply="250 ok"` + "\n"
	if log.String() != want {
		t.Errorf("\n got %swant %s", log.String(), want)
	}
	log.Reset()
	s.Err = smtp.ErrClosed
	logger.Info("now", "s", s)
	if !strings.Contains(log.String(), `s.error="session closed"`) {
		t.Error(log.String())
	}
}
