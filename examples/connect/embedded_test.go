package main

import (
	"net"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

func TestServe_TakesThePortAskedFor(t *testing.T) {
	port := playtest.ClosedPort(t)
	dial := playtest.Find(play(t, "-json", "-port", port).Want(setup.ExitDone).Lines(), "OnDial")
	if len(dial) != 1 || dial[0]["remote"] != "127.0.0.1:"+port {
		t.Errorf("OnDial is %v", dial)
	}
}

func TestServe_TakenPort(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	play(t, "-port", port).Want(setup.ExitUsage)
}

func TestServe_SpeaksTLSAsTheOptionsWant(t *testing.T) {
	for options, want := range map[string]string{
		"None":                    "OnResolve OnDial OnGreeting OnHello OnConnect OnDisconnect",
		"SecureImplicit|Extended": "OnResolve OnDial OnSecure OnGreeting OnHello OnConnect OnDisconnect",
		"SecureExplicit":          "OnResolve OnDial OnGreeting OnHello OnSecure OnHello OnConnect OnDisconnect",
	} {
		if got := playtest.Names(play(t, "-json", "-options", options).Want(setup.ExitDone).Lines()); got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
}

// Each mechanism that it offers lets the demo user in, and nobody else.
func TestServe_EveryMechanismLogsIn(t *testing.T) {
	hello := playtest.Find(play(t, "-json").Want(setup.ExitDone).Lines(), "OnHello")
	var names []string
	for _, line := range hello[1]["capabilities"].([]any) {
		if list, ok := strings.CutPrefix(line.(string), "AUTH "); ok {
			names = strings.Fields(list)
		}
	}
	if len(names) < 6 {
		t.Fatalf("it offers %q", names)
	}
	wrong := map[string]string{"EHLO_PASSWORD": "wrong", "EHLO_TOKEN": "wrong"}
	for _, name := range names {
		done := playtest.Find(play(t, "-json", "-mechanism", strings.ToLower(name)).Want(setup.ExitDone).Lines(), "OnAuthenticate")
		if len(done) != 1 || done[0]["mechanism"] != name || done[0]["reply_code"] != 235.0 || done[0]["enhanced_code"] != "2.7.0" {
			t.Errorf("%s: %v", name, done)
		}
		refused := playtest.Find(playWith(t, t.Context(), wrong, "-json", "-mechanism", name).Want(exitRefused).Lines(), "OnAuthenticate")
		if len(refused) != 1 || refused[0]["mechanism"] != name || refused[0]["code"] != 535.0 {
			t.Errorf("%s: %v", name, refused)
		}
	}
}

// The secret waits for TLS, though the server would take it in clear.
func TestServe_GateIsOnThisSide(t *testing.T) {
	args := []string{"-options", "None", "-mechanism", "PLAIN"}
	r := play(t, args...).Want(exitRefused).Tells("OnHello", "in clear", "OnAuthenticate", "secret not sent", "Not logged in", "20010", "-auth-in-clear")
	if strings.Contains(r.Stdout, "  where ") {
		t.Errorf("a place is told where nothing was sent:\n%s", r.Stdout)
	}
	play(t, append(args, "-auth-in-clear")...).Want(setup.ExitDone).Tells("in clear", "OnAuthenticate", "logged in by PLAIN")
}

// Other roots than its own: a look at a refused certificate.
func TestServe_CAReplacesItsRoots(t *testing.T) {
	_, file := playtest.SelfSigned(t)
	if last := final(t, play(t, "-json", "-ca", file)); last["code"] != 20004.0 {
		t.Errorf("the last line is %v", last)
	}
}
