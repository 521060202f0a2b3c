package show

import (
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// A connect fails in these ways, and each has a hint; the rest say all
// themselves.
func TestHint(t *testing.T) {
	silent := map[smtp.Kind]bool{
		smtp.KindOther: true, smtp.KindNotConnected: true, smtp.KindConnected: true, smtp.KindClosed: true, smtp.KindInHook: true,
		smtp.KindCanceled: true, smtp.KindDial: true,
		// of a login and of a message, below
		smtp.KindNoAuth: true, smtp.KindInClear: true, smtp.KindAuthenticated: true, smtp.KindMechanism: true,
		smtp.KindNotOffered: true, smtp.KindTooLarge: true, smtp.KindSomeRefused: true,
		smtp.KindContent: true, smtp.KindBusy: true, smtp.KindSessionSpent: true,
	}
	for k := smtp.KindOther; k <= smtp.KindReply; k++ {
		if got := Hint(&smtp.Error{Kind: k}); (got == "") != silent[k] {
			t.Errorf("%v: %q", k, got)
		}
	}
	if Hint(errors.New("x")) != "" || Hint(nil) != "" {
		t.Error("a hint for what is not ehlo's")
	}
	dial, reply := Hint(&smtp.Error{Kind: smtp.KindTimeout, Phase: "dial"}), Hint(&smtp.Error{Kind: smtp.KindTimeout, Phase: "ehlo"})
	if dial == reply {
		t.Error("silence of the network and of the server are told alike")
	}
	if Hint(&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 450}}) == Hint(&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550}}) {
		t.Error("4yz and 5yz are told alike")
	}
}

// What is said of a login names the flag that helps, and is not what is said of
// a connect.
func TestHint_Login(t *testing.T) {
	for _, c := range []struct {
		kind smtp.Kind
		code int
		want string
	}{
		{smtp.KindInvalid, 0, "-h "},
		{smtp.KindTimeout, 0, "-timeout"},
		{smtp.KindNoAuth, 0, "-mechanism"},
		{smtp.KindInClear, 0, "-auth-in-clear"},
		{smtp.KindInClear, 0, "SecureExplicit"},
		{smtp.KindMechanism, 0, "-mechanism"},
		{smtp.KindProtocol, 0, "-mechanism"},
		{smtp.KindLost, 0, "password"},
		{smtp.KindReply, 454, "may pass"},
		{smtp.KindReply, 504, "-mechanism"},
		{smtp.KindReply, 534, "-mechanism"},
		{smtp.KindReply, 535, "EHLO_PASSWORD"},
		{smtp.KindReply, 538, "SecureExplicit"},
	} {
		e := &smtp.Error{Kind: c.kind, Phase: "auth", Reply: smtp.Reply{Code: c.code}}
		got := Hint(e)
		if !strings.Contains(got, c.want) {
			t.Errorf("%v %d: %q, want %q in it", c.kind, c.code, got, c.want)
		}
		e.Phase = "ehlo"
		if (Hint(e) == got) != (c.kind == smtp.KindInvalid || c.kind == smtp.KindTimeout) {
			t.Errorf("%v %d: told alike", c.kind, c.code)
		}
	}
}
