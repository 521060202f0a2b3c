//go:build unix

package live

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

// browser is a headless Chromium with one page, spoken to by its DevTools
// protocol over two pipes. It ends when they do, should the tests be killed.
type browser struct {
	t    *testing.T
	in   *os.File
	out  *bufio.Reader
	from *os.File
	page string // the protocol's session
	last int
}

// reply is an answer of the protocol, or an event, which has no ID.
type reply struct {
	ID     int
	Result json.RawMessage
	Error  *struct{ Message string }
}

// startBrowser starts Chromium and opens a page. It ends with the test.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("EHLO_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("EHLO_REQUIRE_CHROMIUM is set: ", err)
		}
		t.Skip("chromium is not installed")
	}
	dir, err := os.MkdirTemp("", "ehlo-chromium")
	if err != nil {
		t.Fatal(err)
	}
	itsIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, itsOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--disable-breakpad", "--no-proxy-server", "--user-data-dir="+dir,
		"--remote-debugging-pipe", "--window-size=1280,1000", "about:blank")
	cmd.ExtraFiles = []*os.File{itsIn, itsOut}            // its 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children are ended with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = itsIn.Close(), itsOut.Close()
	b := &browser{t: t, in: in, from: out, out: bufio.NewReader(out)}
	t.Cleanup(func() {
		b.page = ""
		_ = b.ask("Browser.close", nil, nil)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = cmd.Wait()
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-ended
		_, _ = in.Close(), out.Close()
		_ = os.RemoveAll(dir)
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.page = attached.SessionID
	return b
}

// call asks the browser, or its page once there is one.
func (b *browser) call(method string, params map[string]any, result any) {
	b.t.Helper()
	if err := b.ask(method, params, result); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
}

// ask is call that may be refused. Messages end in NUL.
func (b *browser) ask(method string, params map[string]any, result any) error {
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if b.page != "" {
		message["sessionId"] = b.page
	}
	octets, err := json.Marshal(message)
	if err != nil {
		return err
	}
	_ = b.from.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := b.in.Write(append(octets, 0)); err != nil {
		return err
	}
	for {
		octets, err := b.out.ReadBytes(0)
		if err != nil {
			return err
		}
		var r reply
		if err := json.Unmarshal(octets[:len(octets)-1], &r); err != nil {
			return err
		}
		if r.ID != b.last {
			continue
		}
		if r.Error != nil {
			return errors.New(r.Error.Message)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal(r.Result, result)
	}
}

// evaluate returns what a script evaluates to, once a promise is kept.
func (b *browser) evaluate(script string, result any) {
	b.t.Helper()
	var out struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &out)
	if out.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", script, out.ExceptionDetails)
	}
	if result != nil {
		if err := json.Unmarshal(out.Result.Value, result); err != nil {
			b.t.Fatalf("%s: %s: %v", script, out.Result.Value, err)
		}
	}
}

// open goes to url and waits until it is there.
func (b *browser) open(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.await(fmt.Sprintf("location.href === %q && document.readyState === 'complete'", url))
}

// await waits until a condition holds in the page, which may be left meanwhile,
// and need not run scripts of its own.
func (b *browser) await(condition string) {
	b.t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-look.C {
		var out struct{ Result struct{ Value bool } }
		err := b.ask("Runtime.evaluate", map[string]any{"returnByValue": true,
			"expression": "(() => { try { return !!(" + condition + "); } catch { return false; } })()"}, &out)
		if err == nil && out.Result.Value {
			return
		}
	}
	var page string
	b.evaluate("document.documentElement.outerHTML", &page)
	b.t.Fatalf("never: %s; in %s", condition, page)
}

// shoot writes a picture of the page to the directory that EHLO_SCREENSHOTS
// names, if it does.
func (b *browser) shoot(name string) {
	b.t.Helper()
	dir := os.Getenv("EHLO_SCREENSHOTS")
	if dir == "" {
		return
	}
	var out struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true}, &out)
	png, err := base64.StdEncoding.DecodeString(out.Data)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+name+".png", png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// shut closes a server whose streams would go on.
func shut(web *httptest.Server) {
	web.CloseClientConnections()
	web.Close()
}

// The page in a real browser: it shows the sessions, updates by itself, aborts,
// and runs nothing that a server said.
func TestChromium_ThePageLivesAndHostileTextDoesNot(t *testing.T) {
	b := startBrowser(t)
	var r Registry
	const hostile = `<img src=x onerror="window.ran=1"><script>window.ran=1</script>"><svg onload=window.ran=1>`
	_, c := memory(t, &r, smtptest.Config{Mode: smtptest.StartTLS, Users: map[string]string{"ann": "secret"}, On: map[string]smtptest.Step{
		"EHLO": smtptest.Sequence(smtptest.Say("250 2.0.0 " + hostile)),
		"VRFY": smtptest.Say("550 5.1.1 " + hostile),
	}})
	c.HostName = "mx.example.org"
	web := httptest.NewServer(http.StripPrefix("/inside", mounted(r.Handler(Page{Title: "relay-7", Refresh: 200 * time.Millisecond}))))
	defer shut(web)
	home := web.URL + "/inside/debug/smtp/"

	first := linked(t, c)
	if _, err := first.Verify(t.Context(), "who"); smtp.Code(err) != 550 {
		t.Fatal(err)
	}
	b.call("Page.enable", nil, nil)
	b.open(home)
	row := func(id uint64) string { return fmt.Sprintf("document.getElementById('abort-%d')", id) }
	b.await(row(first.ID()))
	b.await("document.getElementById('pulse').textContent === 'live'")

	// It updates by itself, also to what comes while a button has the focus.
	b.evaluate(row(first.ID())+".focus()", nil)
	second := linked(t, c)
	b.await(row(second.ID()))
	b.await(fmt.Sprintf("document.activeElement.id === 'abort-%d'", first.ID()))
	b.await("document.querySelector('#in-ready b').textContent === '2'")

	// What the server said is there to read, and did not run.
	b.await(`[...document.querySelectorAll('.said')].some(cell => cell.textContent.includes("<script>window.ran=1</script>"))`)
	var ran bool
	b.evaluate("'ran' in window || document.images.length > 0 || document.scripts.length !== 1", &ran)
	if ran {
		t.Error("the server's words are part of the page")
	}
	// The policy holds by itself: what would get in does not run either.
	b.evaluate(`document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.ran=1'>");
		document.body.append(Object.assign(document.createElement("script"), {textContent: "window.ran=1"}));`, nil)
	b.evaluate("new Promise(done => setTimeout(() => done('ran' in window), 300))", &ran)
	if ran {
		t.Error("the policy let a script run")
	}

	// Abort, by a click as a person makes it.
	b.open(home + "?state=ready")
	b.await(row(second.ID()))
	for range 20 { // the page moves while it is aimed at, and a person would click again
		var at struct{ X, Y float64 }
		b.evaluate(fmt.Sprintf("(r => ({x: r.x + r.width/2, y: r.y + r.height/2}))(%s?.getBoundingClientRect() ?? {x: 0, y: 0, width: 0, height: 0})", row(second.ID())), &at)
		for _, moment := range []string{"mousePressed", "mouseReleased"} {
			b.call("Input.dispatchMouseEvent", map[string]any{"type": moment, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
		}
		late := time.NewTimer(time.Second)
		select {
		case <-second.Done():
		case <-late.C:
			continue
		}
		late.Stop()
		break
	}
	within(t, second.Done(), "the end of the session")
	if !errors.Is(second.Err(), smtp.ErrClosed) || first.State() != fsm.Ready {
		t.Error(second.Err(), first.State())
	}
	b.await("!" + row(second.ID()) + " && " + row(first.ID()) + fmt.Sprintf(" && location.href === %q", home+"?state=ready"))

	// A filter is a link.
	b.evaluate("document.getElementById('all').click()", nil)
	b.await(fmt.Sprintf("location.href === %q && %s", home, row(first.ID())))
}

// Without JavaScript it is a page with tables, whose form aborts too.
func TestChromium_WithoutJavaScriptItIsAPlainPage(t *testing.T) {
	b := startBrowser(t)
	var r Registry
	_, c := memory(t, &r, smtptest.Config{})
	web := httptest.NewServer(mounted(r.Handler(Page{})))
	defer shut(web)
	s := linked(t, c)
	b.call("Page.enable", nil, nil)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	b.open(web.URL + "/debug/smtp/")
	b.await(fmt.Sprintf("document.querySelector('.sessions tbody td').textContent === '%d'", s.ID()))
	b.await("document.getElementById('pulse').textContent.includes('as it was when loaded')")
	b.evaluate(fmt.Sprintf("document.getElementById('abort-%d').click()", s.ID()), nil)
	within(t, s.Done(), "the end of the session")
}

// A busy relay, to look at: EHLO_SCREENSHOTS names where the pictures go.
func TestChromium_Screenshots(t *testing.T) {
	if os.Getenv("EHLO_SCREENSHOTS") == "" {
		t.Skip("EHLO_SCREENSHOTS names no directory")
	}
	b := startBrowser(t)
	var r Registry
	busy(t, &r)
	web := httptest.NewServer(mounted(r.Handler(Page{Title: "SMTP sessions of relay-7", Rows: 14})))
	defer shut(web)
	b.call("Page.enable", nil, nil)
	b.open(web.URL + "/debug/smtp/")
	b.await("document.getElementById('pulse').textContent === 'live'")
	b.shoot("live-light")
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	b.shoot("live-dark")
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": true}, nil)
	b.shoot("live-narrow")
}

// named is a Resolver that knows each name by one address.
type named byte

func (n named) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, 25 + byte(n)})}, nil
}

// busy makes sessions in many states.
func busy(t *testing.T, r *Registry) {
	hold := make(chan struct{})
	defer t.Cleanup(func() { close(hold) }) // before the servers close
	wait := func(c *smtptest.Conn) { <-hold }
	delay := func(d time.Duration) smtptest.Step {
		return func(c *smtptest.Conn) {
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				smtptest.Usual()(c)
			case <-hold:
			}
		}
	}
	var steps []smtptest.Step
	for i := range 60 {
		steps = append(steps, delay(time.Duration(i*i)*time.Millisecond/4))
	}
	for i, kind := range []struct {
		host string
		n    int
		c    smtptest.Config
	}{
		{"mx1.example.org", 24, smtptest.Config{Mode: smtptest.StartTLS, Users: map[string]string{"ann": "secret"}, On: map[string]smtptest.Step{"EHLO": smtptest.Sequence(steps...)}}},
		{"mx.example.net", 3, smtptest.Config{On: map[string]smtptest.Step{"GREETING": wait}}},
		{"mail.example.com", 4, smtptest.Config{On: map[string]smtptest.Step{"CONTENT": wait}}},
		{"refuses.example.org", 5, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("554 5.7.1 <b>no</b> \x1b[31mservice\x1b[0m for you")}}},
		{"busy.example.net", 2, smtptest.Config{On: map[string]smtptest.Step{"GREETING": smtptest.Say("421 4.3.2 try again later")}}},
	} {
		kind.c.Name = kind.host
		_, c := memory(t, r, kind.c)
		c.HostName, c.HostAddress, c.Resolver = kind.host, "", named(i)
		switch i {
		case 0:
			c.Options |= session.SecureExplicit
		case 4:
			c.Retry = session.Retry{Replies: true}
		}
		for range kind.n {
			s := newSession(t, c)
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch i {
			case 0:
				if err := s.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			case 2:
				if err := s.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				sending := make(chan struct{})
				go func() {
					defer close(sending)
					_, _ = s.Send(context.Background(), &smtp.Message{Recipients: smtp.To("to@example.net"), Content: strings.NewReader(strings.Repeat("a: b\r\n", 4000))})
				}()
				t.Cleanup(func() { <-sending })
				t.Cleanup(func() { _ = s.Close() })
			case 3:
				<-s.Done()
			}
		}
	}
}
