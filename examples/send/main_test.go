package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/examples/internal/letter"
	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the program with no environment, no terminal, and nothing to read.
func play(t *testing.T, args ...string) playtest.Result {
	t.Helper()
	return playWith(t, t.Context(), setup.Process{Args: args})
}

func playWith(t *testing.T, ctx context.Context, p setup.Process) playtest.Result {
	t.Helper()
	if p.Env == nil {
		p.Env = playtest.EnvOf(nil)
	}
	return playtest.Play(t, ctx, func(ctx context.Context, stdout, stderr io.Writer) int {
		p.Stdout, p.Stderr = stdout, stderr
		return run(ctx, p)
	})
}

// letterFile returns a file with a small message.
func letterFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "letter.eml")
	if err := os.WriteFile(name, []byte("Subject: x\n\n.\nend\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// to returns the flags for a message to a server: to a@, then b@example.net.
func to(t *testing.T, cfg smtptest.Config, more ...string) []string {
	t.Helper()
	return playtest.Server(t, cfg, append([]string{"-from", "from@example.org", "-to", "a@example.net", "-to", "b@example.net",
		"-file", letterFile(t), "-attempts", "1"}, more...)...)
}

// last checks the last line and returns it: whatever happened it is the only
// OnMessage.
func last(t *testing.T, r playtest.Result) playtest.Object {
	t.Helper()
	all := r.Lines()
	o := all[len(all)-1]
	if o["event"] != "OnMessage" || len(playtest.Find(all, "OnMessage")) != 1 {
		t.Fatalf("the last line is %v in\n%s", o, r.Stdout)
	}
	return o
}

// outcomes returns those of the message and its recipients.
func outcomes(o playtest.Object) string {
	all := []string{o["outcome"].(string)}
	for _, to := range o["recipients"].([]any) {
		all = append(all, to.(map[string]any)["outcome"].(string))
	}
	return strings.Join(all, " ")
}

func TestRun_WithoutArguments(t *testing.T) {
	play(t).Want(letter.ExitAccepted).Tells("ehlo", "No host is given", "OnConnect", "OnRecipient", "bob@example.net: 250", "OnRecipient",
		"carol@example.net: 250", "OnProgress", "octets", "OnMessage", "accepted for 2 of 2", "OnDisconnect", "Where the time went",
		"attempt 1", "  mail  ", "█", "TLS 1.3", "Capabilities of", "Receipt", "outcome      accepted", "reply        250", "by BDAT", "2 flights",
		"bob@example.net", "accepted", "carol@example.net", "accepted", "What arrived", "<ann@example.org>", "BODY=8BITMIME",
		"<bob@example.net>", "<carol@example.net>", "in TLS", "│ Subject: A sample", "│ Grüße!", "│ .\n", "│ This is.")
	play(t, "-auth").Want(letter.ExitAccepted).Tells("OnAuthenticate", "OnMessage", "in TLS, logged in as demo")
}

// What -json tells is in order, but for OnMessage, which is last.
func TestRun_JSONOfASuccess(t *testing.T) {
	r := play(t, "-json").Want(letter.ExitAccepted)
	all := r.Lines()
	if got, want := playtest.Names(all[7:]), "OnSecure OnHello OnConnect OnRecipient OnRecipient OnProgress OnDisconnect OnMessage"; !strings.HasSuffix(got, want) {
		t.Errorf("events %s, want %s at the end", got, want)
	}
	message := last(t, r)
	seqs := []float64{}
	for _, o := range all {
		seqs = append(seqs, o["seq"].(float64))
	}
	if slices.IsSorted(seqs) {
		t.Errorf("OnMessage has no seq of its time: %v", seqs)
	}
	if slices.Sort(seqs); seqs[0] != 1 || seqs[len(seqs)-1] != float64(len(seqs)) {
		t.Errorf("an event is missing, or made: %v", seqs)
	}
	if outcomes(message) != "accepted accepted accepted" || message["code"] != 0.0 || message["flights"] != 2.0 || message["chunked"] != true ||
		message["octets"].(float64) < 100 || message["reply_code"] != 250.0 {
		t.Errorf("OnMessage is %v", message)
	}
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
}

// The status and the last line tell the same, whatever the server does.
func TestRun_ExitStatus(t *testing.T) {
	t.Parallel()
	second := func(reply string) smtptest.Step { return smtptest.Sequence(smtptest.Usual(), smtptest.Say(reply)) }
	for name, c := range map[string]struct {
		on       map[string]smtptest.Step
		args     []string
		status   int
		outcomes string
		code     float64
		retry    bool
		tells    string // in the report
	}{
		"accepted":         {nil, nil, letter.ExitAccepted, "accepted accepted accepted", 0, false, "outcome      accepted"},
		"one refused":      {map[string]smtptest.Step{"RCPT": second("550 5.1.1 who?")}, nil, letter.ExitSome, "accepted accepted rejected", 20014, false, "to the others alone"},
		"one refused, all": {map[string]smtptest.Step{"RCPT": second("550 5.1.1 who?")}, []string{"-policy", "all"}, setup.ExitFailed, "not_sent not_sent rejected", 20014, false, "Not sent"},
		"both refused":     {map[string]smtptest.Step{"RCPT": smtptest.Say("550 5.7.1 no relay")}, nil, setup.ExitFailed, "rejected rejected rejected", 550, false, "does not relay"},
		"both later":       {map[string]smtptest.Step{"RCPT": smtptest.Say("451 4.7.1 greylisted")}, nil, setup.ExitFailed, "rejected rejected rejected", 451, true, "may pass"},
		"sender refused":   {map[string]smtptest.Step{"MAIL": smtptest.Say("554 5.7.1 not you")}, nil, setup.ExitFailed, "rejected rejected rejected", 554, false, "this sender"},
		"login wanted":     {map[string]smtptest.Step{"MAIL": smtptest.Say("530 5.7.0 who are you?")}, nil, setup.ExitFailed, "rejected rejected rejected", 530, false, "-auth"},
		"content refused":  {map[string]smtptest.Step{"CONTENT": smtptest.Say("554 5.6.0 spam")}, nil, setup.ExitFailed, "rejected rejected rejected", 554, false, "Rejected"},
		"too large":        {map[string]smtptest.Step{"EHLO": smtptest.Say("250-mx\r\n250 SIZE 10")}, nil, setup.ExitFailed, "not_sent not_sent not_sent", 10040, false, "after SIZE"},
		"goodbye":          {map[string]smtptest.Step{"CONTENT": smtptest.SayAndClose("421 4.3.2 bye")}, nil, setup.ExitFailed, "rejected rejected rejected", 421, true, "may pass"},
		"lost before":      {map[string]smtptest.Step{"MAIL": smtptest.Close()}, nil, setup.ExitFailed, "not_sent not_sent not_sent", 10054, true, "hung up"},
		"lost at the end":  {map[string]smtptest.Step{"CONTENT": smtptest.Close()}, nil, letter.ExitUnknown, "unknown unknown unknown", 10054, false, "the server may"},
		"silent": {map[string]smtptest.Step{"MAIL": smtptest.Silence()}, []string{"-timeout", "300ms"}, setup.ExitFailed,
			"not_sent not_sent not_sent", 10060, true, "-timeout"},
		"one refused, lost": {map[string]smtptest.Step{"RCPT": second("550 5.1.1 who?"), "CONTENT": smtptest.Close()}, nil, letter.ExitUnknown,
			"unknown unknown rejected", 10054, false, "arrive twice"},
		"no DSN": {map[string]smtptest.Step{"EHLO": smtptest.Say("250-mx\r\n250 PIPELINING")}, []string{"-dsn", "ret=full"}, setup.ExitFailed,
			"not_sent not_sent not_sent", 20013, false, "more than the server offers"},
		"not connected": {map[string]smtptest.Step{"GREETING": smtptest.Say("554 go away")}, nil, setup.ExitFailed, "not_sent not_sent not_sent", 554, false, "Not connected"},
		"not logged in": {map[string]smtptest.Step{"AUTH": smtptest.Say("535 5.7.8 who?")}, []string{"-auth-in-clear", "-mechanism", "ANONYMOUS"}, setup.ExitFailed,
			"not_sent not_sent not_sent", 535, false, "Not logged in"},
	} {
		for _, more := range [][]string{{"-json"}, nil} {
			cfg := smtptest.Config{On: c.on, Mechanisms: []string{"ANONYMOUS"}, AuthInClear: true}
			r := play(t, to(t, cfg, append(slices.Clone(c.args), more...)...)...)
			if r.Status != c.status {
				t.Errorf("%s: exit status %d, want %d\n%s%s", name, r.Status, c.status, r.Stdout, r.Stderr)
			}
			if more == nil {
				r.Tells("OnMessage", "Receipt", c.tells)
				continue
			}
			if o := last(t, r); outcomes(o) != c.outcomes || o["code"] != c.code || o["safe_to_retry"] != c.retry {
				t.Errorf("%s: %s, code %v, retry %v", name, outcomes(o), o["code"], o["safe_to_retry"])
			}
		}
	}
}

// Where the session never had the message the program made the last line.
func TestRun_MadeLineHasNoSeq(t *testing.T) {
	r := play(t, "-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-attempts", "1", "-from=", "-to", "a@example.net", "-file", letterFile(t), "-json")
	o := last(t, r.Want(setup.ExitFailed))
	if outcomes(o) != "not_sent not_sent" || o["seq"] != 0.0 || o["code"] != 10061.0 || o["phase"] != "dial" || o["state"] != "closed" {
		t.Errorf("OnMessage is %v", o)
	}
	if to := o["recipients"].([]any)[0].(map[string]any); to["code"] != 10061.0 || to["error"] == "" || to["reply"] != "" {
		t.Errorf("the recipient is %v", to)
	}
	if got := playtest.Names(r.Lines()); got != "OnResolve OnError OnMessage" {
		t.Errorf("events %s", got)
	}
}

// A Ctrl-C behind the end of the content leaves it unknown.
func TestRun_CancelAfterTheEnd(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 2)
	args := to(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Then(
		func(*smtptest.Conn) { reached <- struct{}{} }, smtptest.Silence())}})
	for _, more := range [][]string{{"-json"}, nil} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		r := playWith(t, ctx, setup.Process{Args: append(args, more...)}).Want(letter.ExitUnknown).Tells("OnRecipient", "OnCancel", "OnDisconnect")
		if more == nil {
			r.Tells("Receipt", "unknown", "Unknown", "10004", "arrive twice")
		} else if o := last(t, r); outcomes(o) != "unknown unknown unknown" || o["type"] != "canceled" || o["safe_to_retry"] != false {
			t.Errorf("OnMessage is %v", o)
		}
	}
}

// Each flag reaches the wire.
func TestRun_Envelope(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args    []string
		want    []string // commands
		flights float64
	}{
		{nil, []string{"MAIL FROM:<from@example.org> SIZE=22", "RCPT TO:<a@example.net>", "RCPT TO:<b@example.net>", "BDAT 22 LAST"}, 2},
		{[]string{"-flight", "Full"}, []string{"BDAT 22 LAST"}, 1},
		{[]string{"-flight", "single"}, []string{"BDAT 22 LAST"}, 4},
		{[]string{"-from=", "-dsn", "ret=hdrs,envid=a=b,notify=success,delay"}, []string{"MAIL FROM:<> ", "RET=HDRS", "ENVID=a+3Db",
			"RCPT TO:<a@example.net> NOTIFY=SUCCESS,DELAY", "RCPT TO:<b@example.net> NOTIFY=SUCCESS,DELAY"}, 2},
		{[]string{"-to", `"c,d"@example.net`}, []string{`RCPT TO:<"c,d"@example.net>`}, 2},
	} {
		srv, args := playtest.Serve(t, smtptest.Config{}, "-from", "from@example.org", "-to", "a@example.net", "-to", "b@example.net",
			"-file", letterFile(t), "-json")
		o := last(t, play(t, append(args, c.args...)...).Want(letter.ExitAccepted))
		rest := strings.Join(srv.Commands(), "\n")
		for _, want := range c.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%q: %q is missing, or in the wrong place, in %q", c.args, want, srv.Commands())
			}
			rest = after
		}
		if o["flights"] != c.flights {
			t.Errorf("%q: %v flights", c.args, o["flights"])
		}
		if m := srv.Messages(); len(m) != 1 || string(m[0].Content) != "Subject: x\r\n\r\n.\r\nend\r\n" {
			t.Errorf("%q: stored is %+v", c.args, m)
		}
	}
}

// H8: playWith looks at every octet.
func TestRun_H8_ServerTextIsEscaped(t *testing.T) {
	t.Parallel()
	const nasty = "\x1b[31mred\x00\x07\x7f\xc2\x9b2J\xff\u202e"
	for _, on := range []map[string]smtptest.Step{
		{"MAIL": smtptest.Say("550 " + nasty)},
		{"RCPT": smtptest.Sequence(smtptest.Say("550 "+nasty), smtptest.Usual())},
		{"CONTENT": smtptest.Say("250 2.0.0 " + nasty + " queued as X" + nasty)},
		{"CONTENT": smtptest.Say("450-" + nasty + "\r\n450 " + nasty)},
	} {
		args := to(t, smtptest.Config{On: on}, "-trace")
		if r := play(t, args...); !strings.Contains(r.Stdout, `\x1b[31mred`) {
			t.Errorf("the text is not there at all:\n%s", r.Stdout)
		}
		play(t, append(args, "-json")...).Lines()
	}
}

// Whatever is shown fits into 80 columns.
func TestRun_EightyColumns(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("verylongword", 30)
	address := strings.Repeat("x", 60) + "@" + strings.Repeat("long.", 30) + "example"
	wide := filepath.Join(t.TempDir(), "wide.eml")
	if err := os.WriteFile(wide, []byte("Subject: "+strings.Repeat("語", 200)+"\n\n"+strings.Repeat("a line\n", 50)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		nil,
		{"-h"},
		{"-trace", "-auth"},
		{"-file", wide, "-from", address, "-to", address, "-dsn", "ret=full,notify=success,failure,delay,envid=" + strings.Repeat("e", 90)},
		to(t, smtptest.Config{On: map[string]smtptest.Step{"RCPT": smtptest.Say("550 " + long)}}, "-to", address),
		to(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Say("250 queued as " + strings.Repeat("q", 120))}}),
		to(t, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": smtptest.Close()}}),
	} {
		r := play(t, args...)
		for line := range strings.Lines(r.Stdout + r.Stderr) {
			if line = strings.TrimSuffix(line, "\n"); show.Wide(line) > show.Columns {
				t.Errorf("%q: %d columns: %s", args, show.Wide(line), line)
			}
		}
	}
}

// The message has a span of its own, with a link to that of the connect, and
// nothing of its content is in one.
func TestRun_Trace(t *testing.T) {
	r := play(t, "-trace", "-json").Want(letter.ExitAccepted)
	last(t, r)
	_, span, found := strings.Cut(r.Stderr, "\n  smtp.send ")
	if !found || !strings.Contains(span, "link=smtp.connect") || !strings.Contains(span, "smtp.message.outcome=accepted") ||
		strings.Contains(r.Stderr, "A sample") || strings.Contains(r.Stderr, sampleTo1) {
		t.Errorf("standard error: %s", r.Stderr)
	}
}
