package session

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/smtptest"
)

func TestConnect_C7_CredentialsAreWrittenAndNeverUsed(t *testing.T) {
	srv := loopback(t, smtptest.Config{Users: map[string]string{"u": "p"}, AuthInClear: true})
	s := newSession(t, Config{HostName: srv.Host(), RemotePort: srv.Port(), Options: Extended, UserName: "before"})
	if err := s.Connect(t.Context(), WithUserName("u"), WithPassword("p"), WithRemotePort(1), WithTimeout(time.Second)); err == nil {
		t.Fatal("port 1 answered")
	}
	wrote := func(userName, password string) bool {
		u, p := s.credentials()
		return u == userName && p == password
	}
	if !wrote("u", "p") {
		t.Error("not written where the connect failed")
	}
	if err := s.Connect(t.Context(), WithPassword("")); err != nil {
		t.Fatal(err)
	}
	if !wrote("u", "") {
		t.Error(`"" does not clear, or an omitted one was touched`)
	}
	_ = s.Disconnect(t.Context())
	for _, line := range srv.Commands() {
		if strings.HasPrefix(line, "AUTH") {
			t.Errorf("Connect said %q", line)
		}
	}
	if err := s.Connect(t.Context(), WithUserName("a\r\nb")); !errors.Is(err, smtp.ErrInvalid) || !wrote("u", "") {
		t.Errorf("a user name with a line end: %v", err)
	}
}

func TestSecrets_AreNeverPrinted(t *testing.T) {
	c := Config{HostName: "a.test", UserName: "uSeR", Password: "sEcReT"}
	s := newSession(t, c)
	for _, v := range []any{c, &c, WithUserName("uSeR"), WithPassword("sEcReT"), s.Snapshot(), s} {
		for _, text := range printed(v) {
			if strings.Contains(text, "uSeR") || strings.Contains(text, "sEcReT") {
				t.Errorf("%T prints %s", v, text)
			}
		}
	}
}
