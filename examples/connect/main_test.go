package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/smtptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// result is what a run of the program left behind.
type result struct {
	t              *testing.T
	status         int
	stdout, stderr string
}

// play runs the program with no environment.
func play(t *testing.T, args ...string) result {
	t.Helper()
	return playWith(t, t.Context(), nil, args...)
}

func playWith(t *testing.T, ctx context.Context, env map[string]string, args ...string) result {
	t.Helper()
	return playAsking(t, ctx, env, nil, args...)
}

func playAsking(t *testing.T, ctx context.Context, env map[string]string, ask asker, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second) // a broken program hangs no longer than that
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, args, envOf(env), ask, &stdout, &stderr)
	r := result{t, status, stdout.String(), stderr.String()}
	checkPrintable(t, r.stdout)
	checkPrintable(t, r.stderr)
	return r
}

func envOf(env map[string]string) lookup {
	return func(key string) (string, bool) { v, ok := env[key]; return v, ok }
}

// checkPrintable fails if text could move a terminal's cursor.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 {
			t.Fatalf("control octet %#x in the output:\n%q", r, text)
		}
	}
}

func (r result) want(status int) result {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("exit status %d, want %d\n%s%s", r.status, status, r.stdout, r.stderr)
	}
	return r
}

// tells fails unless the parts stand in the output in this order.
func (r result) tells(parts ...string) result {
	r.t.Helper()
	rest := r.stdout
	for _, p := range parts {
		_, after, found := strings.Cut(rest, p)
		if !found {
			r.t.Fatalf("%q is missing, or in the wrong place, in\n%s", p, r.stdout)
		}
		rest = after
	}
	return r
}

type object map[string]any

// lines reads what -json printed: objects and nothing else.
func (r result) lines() []object {
	r.t.Helper()
	var all []object
	for line := range strings.Lines(r.stdout) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			r.t.Fatalf("no JSON object: %v: %q", err, line)
		}
		all = append(all, o)
	}
	if len(all) == 0 {
		r.t.Fatalf("no lines; standard error: %s", r.stderr)
	}
	return all
}

// find returns the objects of one kind of event.
func find(all []object, event string) []object {
	return slices.DeleteFunc(slices.Clone(all), func(o object) bool { return o["event"] != event })
}

// names returns the kinds without OnStateChange.
func names(all []object) string {
	var s []string
	for _, o := range all {
		if o["event"] != "OnStateChange" {
			s = append(s, o["event"].(string))
		}
	}
	return strings.Join(s, " ")
}

// final checks the last line of a failure and returns it.
func final(t *testing.T, r result) object {
	t.Helper()
	all := r.want(exitFailed).lines()
	last := all[len(all)-1]
	if last["event"] != "OnError" || last["final"] != true || len(find(all, "OnError")) != 1 {
		t.Fatalf("the last line is %v", last)
	}
	for _, key := range []string{"phase", "code", "reply", "error"} {
		if _, ok := last[key]; !ok {
			t.Errorf("no %q in %v", key, last)
		}
	}
	return last
}

// server starts one and returns the flags that lead to it.
func server(t *testing.T, cfg smtptest.Config, more ...string) []string {
	t.Helper()
	srv, err := smtptest.NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	return append([]string{"-host", srv.Host(), "-port", strconv.Itoa(srv.Port())}, more...)
}

// selfSigned returns a certificate for 127.0.0.1 and a PEM file of it.
func selfSigned(t *testing.T) (smtptest.Config, string) {
	t.Helper()
	authority, err := smtptest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{"127.0.0.1"}, SelfSigned: true})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return smtptest.Config{Mode: smtptest.StartTLS, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}, file
}

// closedPort returns a port where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

func TestRun_WithoutArguments(t *testing.T) {
	play(t).want(exitReady).tells("ehlo", "No host is given", "OnResolve", "OnDial", "OnGreeting", "OnHello", "OnSecure",
		"OnHello", "OnConnect", "OnDisconnect", "Where the time went", "attempt 1", "resolve", "dial", "greeting", "ehlo",
		"starttls", "ehlo", "quit", "TLS", "TLS 1.3", "TLS_", "mail.example", "verified", "Capabilities of mail.example",
		"PIPELINING", "AUTH LOGIN OAUTHBEARER PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS XOAUTH2")
}

func TestRun_JSONOfASuccess(t *testing.T) {
	r := play(t, "-json").want(exitReady)
	all := r.lines()
	const want = "OnResolve OnDial OnGreeting OnHello OnSecure OnHello OnConnect OnDisconnect"
	if got := names(all); got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	for i, o := range all {
		if o["seq"] != float64(i+1) {
			t.Errorf("line %d has seq %v", i+1, o["seq"])
		}
	}
	for _, o := range find(all, "OnHello") {
		if o["extended"] != true {
			t.Errorf("OnHello without extended: %v", o)
		}
	}
	secure := find(all, "OnSecure")[0]
	if secure["state"] != "starttls" || secure["verified"] != true || secure["server_name"] != embeddedName {
		t.Errorf("OnSecure is %v", secure)
	}
	if last := all[len(all)-1]; last["event"] != "OnDisconnect" || last["reason"] != "local" {
		t.Errorf("the last line is %v", last)
	}
	if r.stderr != "" {
		t.Errorf("standard error: %s", r.stderr)
	}
}

func TestRun_InvalidHostIsAnOnError(t *testing.T) {
	for _, args := range [][]string{
		{"-host", "mail example.org"},
		{"-host", "a\r\nRSET"},
		{"-host", ""},
		{"-host-address", "mail.example"},
		{"-port", "70000"},
		{"-port", "-1"},
		{"-timeout", "-1s"},
		{"-options", "0x2"},
		{"-attempts", "-1"},
		{"-local-name", "local host"},
		{"-proxy", "ftp://127.0.0.1"},
		{"-user", "a\x00b"},
	} {
		r := play(t, append(args, "-json")...)
		if last := final(t, r); last["code"] != 10022.0 || last["phase"] != "idle" || last["type"] != "invalid_argument" {
			t.Errorf("%q: %v", args, last)
		}
		play(t, args...).want(exitFailed).tells("OnError", "invalid argument", "Not connected", "10022", "hint")
	}
}

func TestRun_RefusedPortIsRetried(t *testing.T) {
	t.Parallel()
	args := []string{"-host", "127.0.0.1", "-port", closedPort(t), "-attempts", "2"}
	r := play(t, append(args, "-json")...)
	last := final(t, r)
	if got, want := names(r.lines()), "OnResolve OnRetry OnResolve OnError"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
	if last["code"] != 10061.0 || last["phase"] != "dial" || last["attempt"] != 2.0 {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).want(exitFailed).tells("OnRetry", "in ", "OnError", "attempt 1", "dial", "back-off", "·", "attempt 2",
		"Not connected", "in dial, attempt 2", "10061")
}

func TestRun_SelfSignedWantsCA(t *testing.T) {
	t.Parallel()
	cfg, file := selfSigned(t)
	args := server(t, cfg, "-options", "SecureExplicit|Extended")

	if last := final(t, play(t, append(args, "-json")...)); last["code"] != 20004.0 || last["phase"] != "starttls" {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).want(exitFailed).tells("OnDisconnect", "by this side", "OnError", "TLS", "refused", "127.0.0.1", "valid until", "-ca")
	play(t, append(args, "-ca", file)...).want(exitReady).tells("OnSecure", "is verified", "OnConnect")

	trusted := append(slices.Clone(args), "-options", "SecureExplicit|Extended|TrustedSite")
	play(t, trusted...).want(exitReady).tells("OnSecure", "NOT verified", "OnConnect", "TrustedSite", "verdict")
}

func TestRun_RetryReplies(t *testing.T) {
	t.Parallel()
	busyOnce := func() smtptest.Config {
		return smtptest.Config{On: map[string]smtptest.Step{
			"GREETING": smtptest.Sequence(smtptest.SayAndClose("450 come back later"), smtptest.Usual()),
		}}
	}
	last := final(t, play(t, server(t, busyOnce(), "-json")...))
	if last["code"] != 450.0 || last["reply"] != "450 come back later" || last["phase"] != "greeting" {
		t.Errorf("the last line is %v", last)
	}
	all := play(t, server(t, busyOnce(), "-json", "-retry-replies", "-attempts", "2")...).want(exitReady).lines()
	retry := find(all, "OnRetry")
	if len(retry) != 1 || retry[0]["code"] != 450.0 || retry[0]["delay"].(float64) <= 0 {
		t.Errorf("OnRetry is %v", retry)
	}
}

func TestRun_ServerOfHELOOnly(t *testing.T) {
	t.Parallel()
	args := server(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Say("502 5.5.1 what?")}}, "-options", "Extended")
	hello := find(play(t, append(args, "-json")...).want(exitReady).lines(), "OnHello")
	if len(hello) != 1 || hello[0]["extended"] != false {
		t.Errorf("OnHello is %v", hello)
	}
	play(t, args...).want(exitReady).tells("not Extended", "everything went in clear", "HELO was said")
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
		args := server(t, smtptest.Config{On: on}, "-options", "Extended", "-attempts", "1")
		r := play(t, args...)
		if on["QUIT"] == nil && !strings.Contains(r.stdout, `\x1b[31mred`) {
			t.Errorf("the text is not there at all:\n%s", r.stdout)
		}
		play(t, append(args, "-json")...).lines()
		play(t, append(args, "-trace")...)
	}
}

func TestRun_CancelIsShown(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 2)
	args := server(t, smtptest.Config{On: map[string]smtptest.Step{"HELO": smtptest.Then(
		func(*smtptest.Conn) { reached <- struct{}{} }, smtptest.Silence())}})
	for _, more := range [][]string{{"-json"}, nil} {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-reached; cancel() }()
		r := playWith(t, ctx, nil, append(args, more...)...).want(exitFailed).tells("OnDial", "OnCancel", "OnDisconnect", "OnError")
		if more != nil {
			if last := final(t, r); last["code"] != 10004.0 || last["phase"] != "ehlo" {
				t.Errorf("the last line is %v", last)
			}
		}
	}
}

func TestRun_Timeout(t *testing.T) {
	t.Parallel()
	args := server(t, smtptest.Config{On: map[string]smtptest.Step{"EHLO": smtptest.Silence()}},
		"-options", "1", "-timeout", (50 * time.Millisecond).String())
	r := play(t, append(args, "-json")...)
	if last := final(t, r); last["code"] != 10060.0 || last["phase"] != "ehlo" || len(find(r.lines(), "OnTimeout")) != 1 {
		t.Errorf("the last line is %v", last)
	}
	play(t, args...).want(exitFailed).tells("OnTimeout", "OnError", "-timeout waits longer")
}

// The password goes into the session and nowhere else.
func TestRun_PasswordIsShownNowhere(t *testing.T) {
	env := map[string]string{"EHLO_PASSWORD": "hunter2"}
	for _, args := range [][]string{nil, {"-json"}, {"-trace"}, {"-proxy", "socks5://me:hunter2@127.0.0.1:1", "-attempts", "1"},
		{"-proxy", "http://me:hun/ter2@[::1:1"}, {"-proxy", "//me:hunter2@"}} {
		r := playWith(t, t.Context(), env, append([]string{"-user", "me"}, args...)...)
		if strings.Contains(r.stdout+r.stderr, "hunter2") || strings.Contains(r.stderr, "ter2") {
			t.Errorf("%q: the password is in\n%s%s", args, r.stdout, r.stderr)
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
		{"-options", "0x2"},
		{"-host", long},
		{"-local-name", "a-rather-long-name-of-a-client.in-a-long-domain.of-some-company.example"},
		server(t, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("554 " + long + " " + strings.Repeat("語", 200))}}),
		server(t, smtptest.Config{Name: "a." + strings.Repeat("long.", 30) + "example", Keywords: []string{long, "SIZE 99999999999999999999", "AUTH " + strings.Repeat("X-MECHANISM ", 12)}}, "-options", "1"),
	} {
		r := play(t, args...)
		for line := range strings.Lines(r.stdout + r.stderr) {
			if line = strings.TrimSuffix(line, "\n"); wide(line) > columns {
				t.Errorf("%q: %d columns: %s", args, wide(line), line)
			}
		}
	}
}
