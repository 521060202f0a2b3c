package main

import (
	"net"
	"testing"
)

func TestServe_TakesThePortAskedFor(t *testing.T) {
	port := closedPort(t)
	dial := find(play(t, "-json", "-port", port).want(exitReady).lines(), "OnDial")
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
	play(t, "-port", port).want(exitUsage)
}

func TestServe_SpeaksTLSAsTheOptionsWant(t *testing.T) {
	for options, want := range map[string]string{
		"None":                    "OnResolve OnDial OnGreeting OnHello OnConnect OnDisconnect",
		"SecureImplicit|Extended": "OnResolve OnDial OnSecure OnGreeting OnHello OnConnect OnDisconnect",
		"SecureExplicit":          "OnResolve OnDial OnGreeting OnHello OnSecure OnHello OnConnect OnDisconnect",
	} {
		if got := names(play(t, "-json", "-options", options).want(exitReady).lines()); got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
}

// Other roots than its own: a look at a refused certificate.
func TestServe_CAReplacesItsRoots(t *testing.T) {
	_, file := selfSigned(t)
	if last := final(t, play(t, "-json", "-ca", file)); last["code"] != 20004.0 {
		t.Errorf("the last line is %v", last)
	}
}
