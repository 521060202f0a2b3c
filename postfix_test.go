package ehlo_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// postfix is a real Postfix that belongs to one test: own directories, own ports on 127.0.0.1, own process group.
// It takes mail for any recipient at ehlo.test, refuses every other domain, asks no DNS and sends nothing anywhere.
type postfix struct {
	Name     string         // the host name in the greeting and in the certificate
	Plain    int            // port that greets in clear and offers STARTTLS
	Implicit int            // port that begins with a TLS handshake
	Roots    *x509.CertPool // verifies the certificate of both ports
	Maildir  string         // accepted messages arrive in Maildir/new, one file for each recipient

	dir    string
	banner string          // tells this instance from any other that may have taken the port
	exited <-chan struct{} // closed when master has ended
	kill   func()          // ends the whole process group and waits for it
	once   sync.Once
}

const postfixName = "mx.ehlo.test"

// startPostfix runs a Postfix until the end of the test. Each of extra is a line for main.cf and wins over the lines
// here: startPostfix(t, "smtpd_timeout = 2s") hangs up on idle clients. Without root or the programs the test is
// skipped; with EHLO_REQUIRE_POSTFIX=1 it fails instead. Not for use inside a synctest bubble: the server is real.
func startPostfix(t testing.TB, extra ...string) *postfix {
	t.Helper()
	daemons, owner := findPostfix(t)

	// Not t.TempDir: its parent is closed to the users postfix and nobody.
	dir, err := os.MkdirTemp("", "ehlo-postfix-")
	if err != nil {
		t.Fatal(err)
	}
	p := &postfix{Name: postfixName, Maildir: filepath.Join(dir, "mail", "inbox"), dir: dir, kill: func() {}}
	p.banner = p.Name + " ESMTP Postfix " + filepath.Base(dir)
	t.Cleanup(func() {
		p.Close()
		if t.Failed() {
			t.Logf("the log of Postfix:\n%s", p.Log())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := p.layOut(owner); err != nil {
		t.Fatalf("postfix: directories: %v", err)
	}
	if p.Roots, err = writeCertificate(filepath.Join(dir, "tls.pem"), p.Name); err != nil {
		t.Fatalf("postfix: certificate: %v", err)
	}

	// Between the choice of a port and Postfix's bind another process may take it: then choose again.
	for range 3 {
		if err = p.choosePorts(); err != nil {
			break
		}
		if err = p.configure(extra); err != nil {
			break
		}
		if err = p.run(daemons); err == nil {
			return p
		}
		p.kill()
		if !errors.Is(err, errPostfixEnded) {
			break
		}
	}
	t.Fatalf("postfix: %v", err)
	return nil
}

// findPostfix returns the folder of the daemons and the user they run as, or ends the test.
func findPostfix(t testing.TB) (daemons string, owner *user.User) {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		noServer(t, "EHLO_REQUIRE_POSTFIX", fmt.Sprintf(format, args...))
	}
	if !canRunPostfix {
		missing("a private Postfix is only started on Linux, not on %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		missing("Postfix starts only as root: sudo env PATH=\"$PATH\" go test -run Postfix .")
	}
	const install = "as root: DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends postfix"
	postconf, err := exec.LookPath("postconf")
	if err != nil {
		if postconf, err = exec.LookPath("/usr/sbin/postconf"); err != nil { // not in every PATH
			missing("Postfix is not installed; %s", install)
		}
	}
	// -d: what was compiled in. The machine's own main.cf, if any, is not asked.
	out, err := exec.Command(postconf, "-d", "-h", "daemon_directory", "mail_owner").Output()
	if err != nil {
		missing("%s does not run (%v); %s", postconf, err, install)
	}
	words := strings.Fields(string(out))
	if len(words) != 2 {
		missing("%s printed %q where a folder and a user were expected", postconf, out)
	}
	if owner, err = user.Lookup(words[1]); err != nil {
		missing("Postfix is half installed (%v); %s", err, install)
	}
	if _, err := os.Stat(filepath.Join(words[0], "master")); err != nil {
		missing("Postfix is half installed (%v); %s", err, install)
	}
	return words[0], owner
}

// noServer skips a test that wants a server which cannot run here. With require=1 in the environment the test fails.
func noServer(t testing.TB, require, why string) {
	t.Helper()
	if os.Getenv(require) == "1" {
		t.Fatal(require + "=1, but " + why)
	}
	t.Skip(why)
}

// nobody owns delivered mail; virtual(8) refuses to deliver as root.
const nobody = 65534

// layOut makes the directories that `postfix check` would make, without its shell scripts.
func (p *postfix) layOut(owner *user.User) error {
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	if err := os.Chmod(p.dir, 0o755); err != nil { // MkdirTemp's 0700 would keep the daemons out
		return err
	}
	type folder struct {
		name string
		mode os.FileMode
		uid  int
	}
	folders := []folder{
		{"etc", 0o755, 0}, {"queue", 0o755, 0}, {"queue/pid", 0o755, 0},
		{"data", 0o700, uid}, {"mail", 0o755, nobody},
		{"queue/private", 0o700, uid}, {"queue/public", 0o711, uid},
	}
	for name := range strings.FieldsSeq("incoming active deferred defer bounce corrupt flush hold saved trace maildrop") {
		folders = append(folders, folder{"queue/" + name, 0o700, uid})
	}
	for _, f := range folders {
		path := filepath.Join(p.dir, filepath.FromSlash(f.name))
		if err := os.Mkdir(path, f.mode); err != nil {
			return err
		}
		if err := os.Chmod(path, f.mode); err != nil { // whatever the umask took away
			return err
		}
		if err := os.Chown(path, f.uid, -1); err != nil {
			return err
		}
	}
	return nil
}

// choosePorts asks the kernel for two free ports. Both are held until both are known, so that they differ.
func (p *postfix) choosePorts() error {
	var lc net.ListenConfig
	for _, port := range []*int{&p.Plain, &p.Implicit} {
		l, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		*port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// configure writes main.cf and master.cf. A later line of main.cf wins.
func (p *postfix) configure(extra []string) error {
	main := []string{
		"compatibility_level = 3.6",
		"queue_directory = " + filepath.Join(p.dir, "queue"),
		"data_directory = " + filepath.Join(p.dir, "data"),
		"maillog_file = " + p.logFile(),
		"maillog_file_prefixes = " + p.dir,

		"# alone on loopback, without DNS",
		"inet_interfaces = 127.0.0.1",
		"inet_protocols = ipv4",
		"mynetworks = 127.0.0.0/8",
		"smtpd_peername_lookup = no",
		"disable_dns_lookups = yes",
		"smtp_host_lookup = native",
		"myhostname = " + p.Name,
		"mydomain = ehlo.test",
		"smtpd_banner = " + p.banner,

		"# every recipient at ehlo.test in one maildir; nothing leaves the machine (master.cf has no smtp client)",
		"mydestination =",
		"alias_maps =",
		"alias_database =",
		"local_recipient_maps =",
		"local_transport = discard:",
		"default_transport = discard:",
		"virtual_mailbox_domains = ehlo.test",
		"virtual_mailbox_maps = static:inbox/",
		"virtual_mailbox_base = " + filepath.Join(p.dir, "mail"),
		fmt.Sprintf("virtual_uid_maps = static:%d", nobody),
		fmt.Sprintf("virtual_gid_maps = static:%d", nobody),
		"smtpd_relay_restrictions = reject_unauth_destination",

		"# a test's client may be as wrong and as busy as it likes, and waits for nothing",
		"smtpd_error_sleep_time = 0",
		"smtpd_soft_error_limit = 1000",
		"smtpd_hard_error_limit = 10000",
		"smtpd_junk_command_limit = 10000",
		"smtpd_client_connection_count_limit = 0",
		"in_flow_delay = 0",

		"smtpd_tls_chain_files = " + filepath.Join(p.dir, "tls.pem"),
		"smtpd_tls_security_level = may",
		"smtpd_tls_loglevel = 1",
	}
	master := []string{
		fmt.Sprintf("127.0.0.1:%d inet n - n - - smtpd", p.Plain),
		fmt.Sprintf("127.0.0.1:%d inet n - n - - smtpd -o smtpd_tls_wrappermode=yes", p.Implicit),
		"postlog unix-dgram n - n - 1 postlogd",
		"cleanup unix n - n - 0 cleanup",
		"qmgr unix n - n 300 1 qmgr",
		"tlsmgr unix - - n 1000? 1 tlsmgr",
		"rewrite unix - - n - - trivial-rewrite",
		"bounce unix - - n - 0 bounce",
		"defer unix - - n - 0 bounce",
		"trace unix - - n - 0 bounce",
		"proxymap unix - - n - - proxymap",
		"anvil unix - - n - 1 anvil",
		"virtual unix - n n - - virtual",
		"discard unix - - n - - discard",
		"error unix - - n - - error",
		"retry unix - - n - - error",
	}
	write := func(name string, lines []string) error {
		file := filepath.Join(p.dir, "etc", name)
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			return err
		}
		// Postfix waits until a file is a second old, in case somebody is still writing it. Nobody is.
		old := time.Now().Add(-time.Minute)
		return os.Chtimes(file, old, old)
	}
	// A name that stands twice makes every daemon complain as it starts, and postlogd may then wait for itself: the
	// last line of each counts.
	var lines []string
	seen := map[string]bool{}
	for _, line := range slices.Backward(append(main, extra...)) {
		name, _, _ := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !seen[name] {
			seen[name] = true
			lines = append(lines, line)
		}
	}
	if err := write("main.cf", lines); err != nil {
		return err
	}
	return write("master.cf", master)
}

// Before it serves, master complains to syslog alone.
var errPostfixEnded = errors.New("master ended before it greeted; syslog, if there is one, has the reason")

// run starts Postfix's master in the foreground, not `postfix start`: it is then our child, and no script looks for
// other instances on the machine. It returns when the server has greeted.
func (p *postfix) run(daemons string) error {
	out, err := os.Create(p.outFile()) // a file: nobody has to wait for the end of a pipe that daemons inherit
	if err != nil {
		return err
	}
	defer out.Close()
	exited, kill, err := startGroup(p.dir, out, filepath.Join(daemons, "master"), "-d", "-c", filepath.Join(p.dir, "etc"))
	if err != nil {
		return err
	}
	p.exited, p.kill = exited, kill
	return p.ready()
}

// ready waits until this instance, and no other, greets on Plain. Master binds all ports before it serves one.
func (p *postfix) ready() error {
	return untilReady(p.exited, errPostfixEnded, func(ctx context.Context) error {
		line, err := readLine(ctx, "tcp4", p.addr(p.Plain))
		if err == nil && line != "220 "+p.banner+"\r\n" {
			err = fmt.Errorf("another server greets: %q", line)
		}
		return err
	})
}

// untilReady calls try until it returns nil, for 30 s at most. It returns ended if the server goes before that.
func untilReady(exited <-chan struct{}, ended error, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return ended
		case <-ctx.Done():
			return fmt.Errorf("no greeting in time: %w", err)
		case <-again.C:
		}
	}
}

// readLine returns the first line that the server at addr sends.
func readLine(ctx context.Context, network, addr string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	return bufio.NewReader(c).ReadString('\n')
}

// Close ends Postfix at once, as a crash would; a second call does nothing. The end of the test calls it.
func (p *postfix) Close() {
	p.once.Do(func() { p.kill() })
}

// Log is what Postfix has logged so far.
func (p *postfix) Log() string {
	log, _ := os.ReadFile(p.logFile())
	out, _ := os.ReadFile(p.outFile())
	return string(log) + string(out)
}

// Messages waits for n files in the maildir and returns their text, in no order; after 10 s the test fails.
func (p *postfix) Messages(t testing.TB, n int) []string {
	t.Helper()
	return waitForMessages(t, p.Maildir, n)
}

// waitForMessages waits for n files in a maildir and returns their text, in no order; after 10 s the test fails.
func waitForMessages(t testing.TB, maildir string, n int) []string {
	t.Helper()
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		files, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= n {
			var texts []string
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				texts = append(texts, string(text))
			}
			return texts
		}
		select {
		case <-timeout.C:
			t.Fatalf("%d messages in %s after 10 s, want %d", len(files), maildir, n)
		case <-again.C:
		}
	}
}

func (p *postfix) logFile() string      { return filepath.Join(p.dir, "postfix.log") }
func (p *postfix) outFile() string      { return filepath.Join(p.dir, "master.out") }
func (p *postfix) addr(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// writeCertificate writes a key and a certificate for the server to file, in the order that smtpd_tls_chain_files
// asks for, and returns the roots that verify it.
func writeCertificate(file, name string) (*x509.CertPool, error) {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		return nil, err
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: []string{name, "localhost", "127.0.0.1"}})
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return nil, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})
	for _, der := range cert.Certificate {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return authority.Pool(), os.WriteFile(file, text, 0o600)
}

// rawClient speaks SMTP by hand, so that the harness is proved without the library under test.
type rawClient struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

// dialRaw begins with a TLS handshake if config is not nil.
func dialRaw(t testing.TB, network, addr string, config *tls.Config) *rawClient {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	raw := &rawClient{t: t, Conn: c, r: bufio.NewReader(c)}
	if config != nil {
		raw.startTLS(config)
	}
	return raw
}

func (c *rawClient) startTLS(config *tls.Config) {
	c.t.Helper()
	secure := tls.Client(c.Conn, config)
	if err := secure.HandshakeContext(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
	c.Conn, c.r = secure, bufio.NewReader(secure)
}

// expect sends the line, if there is one, and returns the whole reply, which must have the code; "" is any.
func (c *rawClient) expect(code, line string) string {
	c.t.Helper()
	if line != "" {
		if _, err := c.Write([]byte(line + "\r\n")); err != nil {
			c.t.Fatal(err)
		}
	}
	var reply strings.Builder
	for {
		text, err := c.r.ReadString('\n')
		if err != nil {
			c.t.Fatalf("reply to %q: %v after %q", line, err, reply.String())
		}
		reply.WriteString(text)
		if !strings.HasPrefix(text, code) {
			c.t.Fatalf("reply to %q is %q, want %s", line, text, code)
		}
		if len(text) < 4 || text[3] != '-' {
			return reply.String()
		}
	}
}

func TestPostfix_Harness(t *testing.T) {
	p := startPostfix(t)
	config := &tls.Config{RootCAs: p.Roots, ServerName: p.Name}

	c := dialRaw(t, "tcp4", p.addr(p.Plain), nil)
	c.expect("220", "")
	if got := c.expect("250", "EHLO client.example"); !strings.Contains(got, "STARTTLS") {
		t.Errorf("EHLO on the plain port offers no STARTTLS: %q", got)
	}
	c.expect("220", "STARTTLS")
	c.startTLS(config)
	c.expect("250", "EHLO client.example")
	c.expect("250", "MAIL FROM:<a@client.example>")
	c.expect("554", "RCPT TO:<b@elsewhere.example>")
	c.expect("250", "RCPT TO:<b@ehlo.test>")
	c.expect("354", "DATA")
	c.expect("250", "Subject: harness\r\n\r\n..dotted\r\n.")
	c.expect("221", "QUIT")
	if got := p.Messages(t, 1); !strings.HasSuffix(got[0], "\n\n.dotted\n") {
		t.Errorf("the stored message is %q", got[0])
	}

	c = dialRaw(t, "tcp4", p.addr(p.Implicit), config)
	c.expect("220", "")
	if got := c.expect("250", "EHLO client.example"); strings.Contains(got, "STARTTLS") {
		t.Errorf("EHLO inside TLS offers STARTTLS: %q", got)
	}
	c.expect("221", "QUIT")
}

func TestPostfix_HarnessClosesIdleClients(t *testing.T) {
	p := startPostfix(t, "smtpd_timeout = 1s")
	c := dialRaw(t, "tcp4", p.addr(p.Plain), nil)
	c.expect("220", "")
	c.expect("250", "EHLO client.example")
	c.expect("421", "") // says goodbye without being asked
}
