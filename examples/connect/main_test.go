package main

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs the program with no environment.
func play(t *testing.T, args ...string) playtest.Result {
	t.Helper()
	return playWith(t, t.Context(), nil, args...)
}

func playWith(t *testing.T, ctx context.Context, env map[string]string, args ...string) playtest.Result {
	t.Helper()
	return playAsking(t, ctx, env, nil, args...)
}

func playAsking(t *testing.T, ctx context.Context, env map[string]string, ask setup.Asker, args ...string) playtest.Result {
	t.Helper()
	return playtest.Play(t, ctx, func(ctx context.Context, stdout, stderr io.Writer) int {
		return run(ctx, setup.Process{Args: args, Env: playtest.EnvOf(env), Ask: ask, Stdout: stdout, Stderr: stderr})
	})
}

// final checks the last line of a failure and returns it.
func final(t *testing.T, r playtest.Result) playtest.Object {
	t.Helper()
	all := r.Want(setup.ExitFailed).Lines()
	last := all[len(all)-1]
	if last["event"] != "OnError" || last["final"] != true || len(playtest.Find(all, "OnError")) != 1 {
		t.Fatalf("the last line is %v", last)
	}
	for _, key := range []string{"phase", "code", "reply", "error"} {
		if _, ok := last[key]; !ok {
			t.Errorf("no %q in %v", key, last)
		}
	}
	return last
}

func TestRun_WithoutArguments(t *testing.T) {
	play(t).Want(setup.ExitDone).Tells("ehlo", "No host is given", "OnResolve", "OnDial", "OnGreeting", "OnHello", "OnSecure",
		"OnHello", "OnConnect", "OnDisconnect", "Where the time went", "attempt 1", "resolve", "dial", "greeting", "ehlo",
		"starttls", "ehlo", "quit", "TLS", "TLS 1.3", "TLS_", "mail.example", "verified", "Capabilities of mail.example",
		"PIPELINING", "AUTH LOGIN OAUTHBEARER PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2")
}

func TestRun_JSONOfASuccess(t *testing.T) {
	r := play(t, "-json").Want(setup.ExitDone)
	all := r.Lines()
	const want = "OnResolve OnDial OnGreeting OnHello OnSecure OnHello OnConnect OnDisconnect"
	if got := playtest.Names(all); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	for i, o := range all {
		if o["seq"] != float64(i+1) {
			t.Errorf("line %d has seq %v", i+1, o["seq"])
		}
	}
	for _, o := range playtest.Find(all, "OnHello") {
		if o["extended"] != true {
			t.Errorf("OnHello without extended: %v", o)
		}
	}
	secure := playtest.Find(all, "OnSecure")[0]
	if secure["state"] != "starttls" || secure["verified"] != true || secure["server_name"] != setup.EmbeddedName {
		t.Errorf("OnSecure is %v", secure)
	}
	if last := all[len(all)-1]; last["event"] != "OnDisconnect" || last["reason"] != "local" {
		t.Errorf("the last line is %v", last)
	}
	if r.Stderr != "" {
		t.Errorf("standard error: %s", r.Stderr)
	}
}

// The embedded server has a free port where -port is 0, as where it is not given.
func TestRun_PortZeroOfTheEmbeddedServer(t *testing.T) {
	t.Parallel()
	play(t, "-port", "0", "-attempts", "1").Want(setup.ExitDone)
}

func TestRun_RefusedPortIsRetried(t *testing.T) {
	t.Parallel()
	args := []string{"-host", "127.0.0.1", "-port", playtest.ClosedPort(t), "-attempts", "2"}
	r := play(t, append(args, "-json")...)
	last := final(t, r)
	if got, want := playtest.Names(r.Lines()), "OnResolve OnRetry OnResolve OnError"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if last["code"] != 10061.0 || last["phase"] != "dial" || last["attempt"] != 2.0 {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).Want(setup.ExitFailed).Tells("OnRetry", "in ", "OnError", "attempt 1", "dial", "back-off", "·", "attempt 2",
		"Not connected", "in dial, attempt 2", "10061")
}

func TestRun_SelfSignedWantsCA(t *testing.T) {
	t.Parallel()
	cfg, file := playtest.SelfSigned(t)
	args := playtest.Server(t, cfg, "-options", "SecureExplicit|Extended")

	if last := final(t, play(t, append(args, "-json")...)); last["code"] != 20004.0 || last["phase"] != "starttls" {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).Want(setup.ExitFailed).Tells("OnDisconnect", "by this side", "OnError", "TLS", "refused", "127.0.0.1", "valid until", "-ca")
	play(t, append(args, "-ca", file)...).Want(setup.ExitDone).Tells("OnSecure", "is verified", "OnConnect")

	trusted := append(slices.Clone(args), "-options", "SecureExplicit|Extended|TrustedSite")
	play(t, trusted...).Want(setup.ExitDone).Tells("OnSecure", "NOT verified", "OnConnect", "TrustedSite", "verdict")
}

func TestRun_RetryReplies(t *testing.T) {
	t.Parallel()
	busyOnce := func() smtptest.Config {
		return smtptest.Config{On: map[string]smtptest.Step{
			"GREETING": smtptest.Sequence(smtptest.SayAndClose("450 come back later"), smtptest.Usual()),
		}}
	}
	last := final(t, play(t, playtest.Server(t, busyOnce(), "-json")...))
	if last["code"] != 450.0 || last["reply"] != "450 come back later" || last["phase"] != "greeting" {
		t.Errorf("the last line is %v", last)
	}
	all := play(t, playtest.Server(t, busyOnce(), "-json", "-retry-replies", "-attempts", "2")...).Want(setup.ExitDone).Lines()
	retry := playtest.Find(all, "OnRetry")
	if len(retry) != 1 || retry[0]["code"] != 450.0 || retry[0]["delay"].(float64) <= 0 {
		t.Errorf("OnRetry is %v", retry)
	}
}

func TestRun_ServerOfHELOOnly(t *testing.T) {
	t.Parallel()
	args := playtest.Server(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}}, "-options", "Extended")
	hello := playtest.Find(play(t, append(args, "-json")...).Want(setup.ExitDone).Lines(), "OnHello")
	if len(hello) != 1 || hello[0]["extended"] != false {
		t.Errorf("OnHello is %v", hello)
	}
	play(t, args...).Want(setup.ExitDone).Tells("not Extended", "everything went in clear", "HELO was said")
}

// H8: playWith looks at every octet.
func TestRun_H8_ServerTextIsEscaped(t *testing.T) {
	t.Parallel()
	const nasty = "\x1b[31mred\x00\x07\x7f\xc2\x9b2J\xff\u202e"
	for _, on := range []map[string]smtptest.Step{
		{"GREETING": smtptest.Say("220 " + nasty)},
		{"GREETING": smtptest.Say("554 " + nasty)},
		{"EHLO": smtptest.Say("250-" + nasty + "\r\n250-" + nasty + " x\r\n250-SIZE " + nasty + "\r\n250 AUTH " + nasty)},
		{"EHLO": smtptest.Say("421 " + nasty)},
		{"QUIT": smtptest.Say("500 " + nasty)},
	} {
		args := playtest.Server(t, smtptest.Config{On: on}, "-options", "Extended", "-attempts", "1")
		r := play(t, args...)
		if on["QUIT"] == nil && !strings.Contains(r.Stdout, `\x1b[31mred`) {
			t.Errorf("the text is not there at all:\n%s", r.Stdout)
		}
		play(t, append(args, "-json")...).Lines()
		play(t, append(args, "-trace")...)
	}
}

func TestRun_CancelIsShown(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 2)
	args := playtest.Server(t, smtptest.Config{On: map[string]smtptest.Step{"HELO": smtptest.Then(
		func(*smtptest.Conn) { reached <- struct{}{} }, smtptest.Silence())}})
	for _, more := range [][]string{{"-json"}, nil} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		r := playWith(t, ctx, nil, append(args, more...)...).Want(setup.ExitFailed).Tells("OnDial", "OnCancel", "OnDisconnect", "OnError")
		if more != nil {
			if last := final(t, r); last["code"] != 10004.0 || last["phase"] != "ehlo" {
				t.Errorf("the last line is %v", last)
			}
		}
	}
}

func TestRun_Timeout(t *testing.T) {
	t.Parallel()
	args := playtest.Server(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Silence()}},
		"-options", "1", "-timeout", (50 * time.Millisecond).String())
	r := play(t, append(args, "-json")...)
	if last := final(t, r); last["code"] != 10060.0 || last["phase"] != "ehlo" || len(playtest.Find(r.Lines(), "OnTimeout")) != 1 {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).Want(setup.ExitFailed).Tells("OnTimeout", "OnError", "-timeout waits longer")
}

// The password goes into the session and nowhere else.
func TestRun_PasswordIsShownNowhere(t *testing.T) {
	env := map[string]string{"EHLO_PASSWORD": "hunter2"}
	for _, args := range [][]string{nil, {"-json"}, {"-trace"}, {"-proxy", "socks5://me:hunter2@127.0.0.1:1", "-attempts", "1"},
		{"-proxy", "http://me:hun/ter2@[::1:1"}, {"-proxy", "//me:hunter2@"}} {
		r := playWith(t, t.Context(), env, append([]string{"-user", "me"}, args...)...)
		if strings.Contains(r.Stdout+r.Stderr, "hunter2") || strings.Contains(r.Stderr, "ter2") {
			t.Errorf("%q: the password is in\n%s%s", args, r.Stdout, r.Stderr)
		}
	}
	if last := final(t, playWith(t, t.Context(), map[string]string{"EHLO_PASSWORD": "hunter2\x00"}, "-json")); last["code"] != 10022.0 {
		t.Errorf("a password with NUL: %v", last)
	}
}

// Whatever is shown fits into 80 columns.
func TestRun_EightyColumns(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("verylongword", 30)
	for _, args := range [][]string{
		nil,
		{"-h"},
		{"-trace"},
		{"-auth", "-trace"},
		{"-auth", "-user", "me"},
		{"-mechanism", "CRAM-MD5"},
		{"-mechanism", "PLAIN", "-options", "None"},
		{"-host", strings.Repeat("long-name.", 24) + "example", "-proxy", "socks5://127.0.0.1:" + playtest.ClosedPort(t), "-attempts", "1"},
		{"-local-name", "a-rather-long-name-of-a-client.in-a-long-domain.of-some-company.example"},
		playtest.Server(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("554 " + long + " " + strings.Repeat("語", 200))}}),
		playtest.Server(t, smtptest.Config{Name: "a." + strings.Repeat("long.", 30) + "example", Keywords: []string{long, "SIZE 99999999999999999999", "AUTH " + strings.Repeat("X-MECHANISM ", 12)}}, "-options", "1"),
	} {
		r := play(t, args...)
		for line := range strings.Lines(r.Stdout + r.Stderr) {
			if line = strings.TrimSuffix(line, "\n"); show.Wide(line) > show.Columns {
				t.Errorf("%q: %d columns: %s", args, show.Wide(line), line)
			}
		}
	}
}
