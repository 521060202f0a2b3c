package ehlo_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xdg-go/scram"
)

// dovecot is a real Dovecot that belongs to one test: own directory, sockets of its own in it, own process group. It
// listens on no port and serves no IMAP. It does two things: it checks passwords for a Postfix, and it takes mail by
// LMTP (RFC 2033) on a unix socket.
type dovecot struct {
	Auth string // unix socket for smtpd_sasl_path
	LMTP string // unix socket that greets with LMTP

	dir    string
	key    string          // signs the tokens of OAUTHBEARER and XOAUTH2
	exited <-chan struct{} // closed when the master has ended
	kill   func()          // ends the whole process group and waits for it
	once   sync.Once
}

// Those whom Dovecot knows. The realm is ehlo.test: "bob" alone is bobName too. A password is taken as its octets,
// without SASLprep.
const (
	annName     = "ann@ehlo.test"
	annPassword = "pa ss=wörd,"
	bobName     = "bob@ehlo.test"
	bobPassword = "hunter2"

	// Recipients of LMTP that RCPT accepts, and that are refused after the content, each with a reply of its own.
	fullName   = "full@ehlo.test"   // 552: the mailbox is full
	brokenName = "broken@ehlo.test" // 451: there is no place for the mailbox
)

// startDovecot runs a Dovecot until the end of the test. Each of extra is a line for dovecot.conf and wins over the
// lines here: startDovecot(t, "auth_mechanisms = login"). Without root or the programs the test is skipped; with
// EHLO_REQUIRE_DOVECOT=1 it fails instead. Not for use inside a synctest bubble: the server is real.
func startDovecot(t testing.TB, extra ...string) *dovecot {
	t.Helper()
	program := findDovecot(t)

	// Not t.TempDir: its parent is closed to the other users, and a socket's path has to be short.
	dir, err := os.MkdirTemp("", "ehlo-dovecot-")
	if err != nil {
		t.Fatal(err)
	}
	d := &dovecot{
		Auth: filepath.Join(dir, "run", "sasl"),
		LMTP: filepath.Join(dir, "run", "lmtp"),
		dir:  dir,
		key:  rand.Text(),
		kill: func() {},
	}
	t.Cleanup(func() {
		d.Close()
		if t.Failed() {
			t.Logf("the log of Dovecot:\n%s", d.Log())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := d.layOut(); err != nil {
		t.Fatalf("dovecot: directories: %v", err)
	}
	if err := d.configure(extra); err != nil {
		t.Fatalf("dovecot: %v", err)
	}
	if err := d.run(program); err != nil {
		t.Fatalf("dovecot: %v", err)
	}
	return d
}

// startPostfixWithSASL runs a Postfix that asks a Dovecot about passwords. Each of extra is a line for main.cf.
// smtpd_sasl_security_options is Postfix's own default, noanonymous; smtpd_tls_auth_only is off.
func startPostfixWithSASL(t testing.TB, extra ...string) (*postfix, *dovecot) {
	t.Helper()
	d := startDovecot(t)
	return startPostfix(t, append(d.SASL(), extra...)...), d
}

// SASL returns the lines for main.cf. Who is authenticated, but not by ANONYMOUS, may send to
// any domain, and a stored message tells by whom it came: "(Authenticated sender: ann@ehlo.test)".
func (d *dovecot) SASL() []string {
	return []string{
		"smtpd_sasl_auth_enable = yes",
		"smtpd_sasl_type = dovecot",
		"smtpd_sasl_path = " + d.Auth,
		"smtpd_sasl_authenticated_header = yes",
		"smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination",
	}
}

// Token returns a bearer token of a user for OAUTHBEARER and XOAUTH2 (a JWT, RFC 7519).
func (d *dovecot) Token(user string, expires time.Time) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":%q,"exp":%d}`, user, expires.Unix()))
	mac := hmac.New(sha256.New, []byte(d.key))
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// Messages waits for n messages in a user's mailbox and returns their text, in no order; after 10 s the test fails.
// Dovecot puts a Return-Path before the first line and stores LF for CRLF.
func (d *dovecot) Messages(t testing.TB, user string, n int) []string {
	t.Helper()
	return waitForMessages(t, filepath.Join(d.dir, "mail", user, "Maildir"), n)
}

// findDovecot returns the master's program, or ends the test.
func findDovecot(t testing.TB) (program string) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		noServer(t, "EHLO_REQUIRE_DOVECOT", fmt.Sprintf(format, args...))
	}
	if !canRunPostfix {
		missing("a private Dovecot is only started on Linux, not on %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		missing("Dovecot starts only as root: sudo env PATH=\"$PATH\" go test -run Dovecot .")
	}
	const install = "as root: DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends dovecot-core dovecot-lmtpd"
	program, err := exec.LookPath("dovecot")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/dovecot"); err != nil { // not in every PATH
			missing("Dovecot is not installed; %s", install)
		}
	}
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		missing("%s does not run (%v); %s", program, err, install)
	}
	if !strings.HasPrefix(string(version), "2.3.") { // 2.4 has another syntax
		missing("this Dovecot is %s, the configuration is for 2.3", strings.TrimSpace(string(version)))
	}
	// -d: what was compiled in. The machine's own configuration, if any, is not asked.
	out, err := exec.Command("doveconf", "-d", "-h", "libexec_dir").Output()
	if err != nil {
		missing("doveconf does not run (%v); %s", err, install)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(out)), "lmtp")); err != nil {
		missing("Dovecot is half installed (%v); %s", err, install)
	}
	return program
}

// layOut makes the directories, the users and the key of the tokens.
func (d *dovecot) layOut() error {
	if err := os.Chmod(d.dir, 0o755); err != nil { // MkdirTemp's 0700 would keep the daemons out
		return err
	}
	for _, name := range []string{"run", "state", "mail", "keys", "keys/default", "keys/default/HS256"} {
		path := filepath.Join(d.dir, filepath.FromSlash(name))
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(path, 0o755); err != nil { // whatever the umask took away
			return err
		}
	}
	return os.Chown(filepath.Join(d.dir, "mail"), nobody, -1)
}

// configure writes dovecot.conf and what it names. A later line of dovecot.conf wins.
func (d *dovecot) configure(extra []string) error {
	in := func(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }
	users := []string{ // name:password:uid:gid:gecos:home:shell:fields
		annName + ":{PLAIN}" + annPassword + "::::::",
		bobName + ":{PLAIN}" + bobPassword + "::::::",
		fullName + ":{PLAIN}::::::userdb_quota_rule=*:bytes=1",
		brokenName + ":{PLAIN}::::::userdb_home=" + in("users/nowhere"),
	}
	tokens := []string{
		"introspection_mode = local",
		"local_validation_key_dict = fs:posix:prefix=" + in("keys") + "/",
		"username_attribute = sub",
	}
	conf := []string{
		"base_dir = " + in("run"),
		"state_dir = " + in("state"),
		"log_path = " + d.logFile(),
		"auth_verbose = yes",
		"hostname = " + postfixName,
		"protocols = lmtp",
		"ssl = no",

		"# not EXTERNAL: Postfix passes no certificate on, and does not even offer it",
		"auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 anonymous oauthbearer xoauth2",
		"auth_default_realm = ehlo.test",
		"passdb {",
		"  driver = oauth2",
		"  mechanisms = oauthbearer xoauth2",
		"  args = " + in("tokens"),
		"}",
		"passdb {",
		"  driver = passwd-file",
		"  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256",
		"  args = " + in("users"),
		"}",
		"userdb {",
		"  driver = passwd-file",
		"  args = " + in("users"),
		fmt.Sprintf("  default_fields = uid=%d gid=%[1]d home=%s", nobody, in("mail/%u")),
		"}",
		"service auth {",
		"  unix_listener sasl {",
		"    mode = 0666", // smtpd is not root
		"  }",
		"}",

		"# a test's client may be as wrong as it likes and waits little: refusals are sent twice a second",
		"auth_failure_delay = 0",
		"service anvil {",
		"  unix_listener anvil-auth-penalty {",
		"    mode = 0",
		"  }",
		"}",

		"mail_location = maildir:~/Maildir",
		"lmtp_add_received_header = no",
		"lmtp_hdr_delivery_address = none",
		"mail_plugins = quota",
		"plugin {",
		"  quota = count:all",
		"  quota_vsizes = yes",
		"}",
	}
	for name, text := range map[string]string{
		"users":                      strings.Join(users, "\n") + "\n",
		"tokens":                     strings.Join(tokens, "\n") + "\n",
		"dovecot.conf":               strings.Join(append(conf, extra...), "\n") + "\n",
		"keys/default/HS256/default": base64.StdEncoding.EncodeToString([]byte(d.key)), // a line end would be part of it
	} {
		// Open to all: the daemons that read them are not root, and no secret here is worth anything.
		if err := os.WriteFile(in(name), []byte(text), 0o644); err != nil {
			return err
		}
		if err := os.Chmod(in(name), 0o644); err != nil {
			return err
		}
	}
	return nil
}

var errDovecotEnded = errors.New("the master ended before it greeted")

// run starts Dovecot's master in the foreground and returns when both sockets have greeted.
func (d *dovecot) run(program string) error {
	out, err := os.Create(d.outFile()) // a file: nobody has to wait for the end of a pipe that daemons inherit
	if err != nil {
		return err
	}
	defer out.Close()
	d.exited, d.kill, err = startGroup(d.dir, out, program, "-F", "-c", filepath.Join(d.dir, "dovecot.conf"))
	if err != nil {
		d.kill = func() {}
		return err
	}
	return untilReady(d.exited, errDovecotEnded, func(ctx context.Context) error {
		for socket, want := range map[string]string{d.LMTP: "220 ", d.Auth: "VERSION\t"} {
			line, err := readLine(ctx, "unix", socket)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(line, want) {
				return fmt.Errorf("%s greets with %q", socket, line)
			}
		}
		return nil
	})
}

// Close ends Dovecot at once, as a crash would; a second call does nothing. The end of the test calls it.
func (d *dovecot) Close() {
	d.once.Do(func() { d.kill() })
}

// Log is what Dovecot has logged so far.
func (d *dovecot) Log() string {
	log, _ := os.ReadFile(d.logFile())
	out, _ := os.ReadFile(d.outFile())
	return string(log) + string(out)
}

func (d *dovecot) logFile() string { return filepath.Join(d.dir, "dovecot.log") }
func (d *dovecot) outFile() string { return filepath.Join(d.dir, "master.out") }

// authenticate goes through one AUTH without an initial response (RFC 4954); respond answers each challenge. It
// returns the last reply.
func (c *rawClient) authenticate(mechanism string, respond func(challenge string) string) string {
	c.t.Helper()
	reply := c.expect("", "AUTH "+mechanism)
	for strings.HasPrefix(reply, "334 ") {
		challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(reply[4:]))
		if err != nil {
			c.t.Fatalf("the challenge %q: %v", reply, err)
		}
		response := base64.StdEncoding.EncodeToString([]byte(respond(string(challenge))))
		if _, err := c.Write([]byte(response + "\r\n")); err != nil {
			c.t.Fatal(err)
		}
		reply = c.expect("", "")
	}
	return reply
}

// inTurn answers the challenges with the texts, then with empty ones.
func inTurn(texts ...string) func(string) string {
	return func(string) (text string) {
		if len(texts) > 0 {
			text, texts = texts[0], texts[1:]
		}
		return text
	}
}

func cramMD5(user, password string) func(string) string {
	return func(challenge string) string {
		mac := hmac.New(md5.New, []byte(password))
		mac.Write([]byte(challenge))
		return fmt.Sprintf("%s %x", user, mac.Sum(nil))
	}
}

// scramBy answers with an independent implementation, which also checks the server's signature.
func scramBy(t testing.TB, hash scram.HashGeneratorFcn, user, password string) func(string) string {
	t.Helper()
	client, err := hash.NewClient(user, password, "")
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewConversation()
	return func(challenge string) string {
		response, err := c.Step(challenge)
		if err != nil {
			t.Errorf("challenge %q: %v", challenge, err)
		}
		return response
	}
}

// mechanisms returns the words of EHLO's AUTH line, sorted.
func mechanisms(hello string) []string {
	for line := range strings.Lines(hello) {
		if words := strings.Fields(line[4:]); words[0] == "AUTH" {
			slices.Sort(words[1:])
			return words[1:]
		}
	}
	return nil
}

func TestDovecot_HarnessOffersItsMechanisms(t *testing.T) {
	p, _ := startPostfixWithSASL(t, "smtpd_sasl_security_options = noanonymous, noplaintext", "smtpd_sasl_tls_security_options =")
	c := dialRaw(t, "tcp4", p.addr(p.Plain), nil)
	c.expect("220", "")
	const inClear = "CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256"
	if got := strings.Join(mechanisms(c.expect("250", "EHLO client.example")), " "); got != inClear {
		t.Errorf("in clear: %s, want %s", got, inClear)
	}
	c.expect("220", "STARTTLS")
	c.startTLS(&tls.Config{RootCAs: p.Roots, ServerName: p.Name})
	const all = "ANONYMOUS CRAM-MD5 LOGIN OAUTHBEARER PLAIN SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2"
	if got := strings.Join(mechanisms(c.expect("250", "EHLO client.example")), " "); got != all {
		t.Errorf("inside TLS: %s, want %s", got, all)
	}

	p = startPostfix(t, append(startDovecot(t, "auth_mechanisms = login").SASL(), "smtpd_tls_auth_only = yes")...)
	c = dialRaw(t, "tcp4", p.addr(p.Plain), nil)
	c.expect("220", "")
	if got := mechanisms(c.expect("250", "EHLO client.example")); got != nil {
		t.Errorf("smtpd_tls_auth_only: %s in clear", got)
	}
	c = dialRaw(t, "tcp4", p.addr(p.Implicit), &tls.Config{RootCAs: p.Roots, ServerName: p.Name})
	c.expect("220", "")
	if got := mechanisms(c.expect("250", "EHLO client.example")); !slices.Equal(got, []string{"LOGIN"}) {
		t.Errorf("auth_mechanisms = login: %s", got)
	}
}

func TestDovecot_HarnessAuthenticates(t *testing.T) {
	p, d := startPostfixWithSASL(t, "smtpd_sasl_security_options =")
	stored := 0
	soon, past := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	for _, test := range []struct {
		name, mechanism string
		respond         func(string) string
		user            string // "": refused
	}{
		{"ann", "PLAIN", inTurn("\x00" + annName + "\x00" + annPassword), annName},
		{"bob without realm", "PLAIN", inTurn("\x00bob\x00" + bobPassword), bobName},
		{"wrong password", "PLAIN", inTurn("\x00" + annName + "\x00" + bobPassword), ""},
		{"unknown user", "PLAIN", inTurn("\x00eve@ehlo.test\x00" + bobPassword), ""},
		{"ann", "LOGIN", inTurn(annName, annPassword), annName},
		{"wrong password", "LOGIN", inTurn(annName, bobPassword), ""},
		{"ann", "CRAM-MD5", cramMD5(annName, annPassword), annName},
		{"wrong password", "CRAM-MD5", cramMD5(annName, bobPassword), ""},
		{"ann", "SCRAM-SHA-1", scramBy(t, scram.SHA1, annName, annPassword), annName},
		{"ann", "SCRAM-SHA-256", scramBy(t, scram.SHA256, annName, annPassword), annName},
		{"wrong password", "SCRAM-SHA-256", scramBy(t, scram.SHA256, annName, bobPassword), ""},
		{"ann", "OAUTHBEARER", inTurn("n,a=" + annName + ",\x01auth=Bearer " + d.Token(annName, soon) + "\x01\x01"), annName},
		{"expired", "OAUTHBEARER", inTurn("n,a="+annName+",\x01auth=Bearer "+d.Token(annName, past)+"\x01\x01", "\x01"), ""},
		{"ann", "XOAUTH2", inTurn("user=" + annName + "\x01auth=Bearer " + d.Token(annName, soon) + "\x01\x01"), annName},
		{"expired", "XOAUTH2", inTurn("user=" + annName + "\x01auth=Bearer " + d.Token(annName, past) + "\x01\x01"), ""},
		{"trace", "ANONYMOUS", inTurn("somebody"), "anonymous"},
	} {
		t.Run(test.mechanism+" "+test.name, func(t *testing.T) {
			c := dialRaw(t, "tcp4", p.addr(p.Implicit), &tls.Config{RootCAs: p.Roots, ServerName: p.Name})
			c.expect("220", "")
			c.expect("250", "EHLO client.example")
			reply := c.authenticate(test.mechanism, test.respond)
			code, relay := "235 ", "250"
			switch test.user {
			case "":
				code, relay = "535 ", "554"
			case "anonymous":
				relay = "554"
			}
			if !strings.HasPrefix(reply, code) {
				t.Errorf("AUTH: %q, want %s", reply, code)
			}
			c.expect("250", "MAIL FROM:<a@client.example>")
			c.expect(relay, "RCPT TO:<b@elsewhere.example>")
			c.expect("250", "RCPT TO:<b@ehlo.test>")
			c.expect("354", "DATA")
			c.expect("250", "Subject: "+t.Name()+"\r\n\r\n.")
			stored++
			messages := p.Messages(t, stored)
			i := slices.IndexFunc(messages, func(m string) bool { return strings.Contains(m, "Subject: "+t.Name()+"\n") })
			if i < 0 {
				t.Fatalf("the message is not stored: %q", messages)
			}
			_, after, _ := strings.Cut(messages[i], "(Authenticated sender: ")
			if sender, _, _ := strings.Cut(after, ")"); sender != test.user {
				t.Errorf("the stored message comes from %q, want %q: %q", sender, test.user, messages[i])
			}
		})
	}
}

func TestDovecot_HarnessTakesMailByLMTP(t *testing.T) {
	d := startDovecot(t)
	c := dialRaw(t, "unix", d.LMTP, nil)
	c.expect("220", "")
	c.expect("250", "LHLO client.example")
	c.expect("250", "MAIL FROM:<a@client.example>")
	for _, user := range []string{annName, fullName, bobName, brokenName} {
		c.expect("250", "RCPT TO:<"+user+">")
	}
	c.expect("550", "RCPT TO:<eve@ehlo.test>")
	c.expect("550", "RCPT TO:<ann@elsewhere.example>")
	c.expect("354", "DATA")
	// one reply for each accepted recipient, in their order
	c.expect("250", "Subject: harness\r\n\r\n..dotted \xf6\r\nbare\rreturn\r\n.")
	c.expect("552", "")
	c.expect("250", "")
	c.expect("451", "")
	c.expect("221", "QUIT")
	for _, user := range []string{annName, bobName} {
		const want = "Return-Path: <a@client.example>\nSubject: harness\n\n.dotted \xf6\nbare\rreturn\n"
		if got := d.Messages(t, user, 1); len(got) != 1 || got[0] != want {
			t.Errorf("the mailbox of %s is %q, want %q", user, got, want)
		}
	}
	if got := d.Messages(t, fullName, 0); len(got) != 0 {
		t.Errorf("the full mailbox took %q", got)
	}
}

func TestDovecot_HarnessLeavesNoProcess(t *testing.T) {
	d := startDovecot(t)
	pid, err := os.ReadFile(filepath.Join(d.dir, "run", "master.pid"))
	if err != nil {
		t.Fatal(err)
	}
	group := strings.TrimSpace(string(pid)) // the first process of its group
	// the master, its guard, its log, anvil, config, auth and lmtp
	if got := processes(t, group); len(got) < 7 {
		t.Errorf("processes %q in the group %s, want at least 7", got, group)
	}
	d.Close()
	if got := processes(t, group); got != nil {
		t.Errorf("processes %q are left", got)
	}
}

// processes returns the process group's members, zombies too.
func processes(t testing.TB, group string) (pids []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// pid (name) state parent group …, and a name may hold anything
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if fields[2] == group {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}
