package main

import (
	"errors"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

// A connect fails in these ways, and each has a hint; the rest say all
// themselves.
func TestHint(t *testing.T) {
	silent := map[smtp.Kind]bool{
		smtp.KindOther: true, smtp.KindNotConnected: true, smtp.KindConnected: true, smtp.KindClosed: true, smtp.KindInHook: true,
		smtp.KindCanceled: true, smtp.KindDial: true,
	}
	for k := smtp.KindOther; k <= smtp.KindReply; k++ {
		if got := hint(&smtp.Error{Kind: k}); (got == "") != silent[k] {
			t.Errorf("%v: %q", k, got)
		}
	}
	if hint(errors.New("x")) != "" || hint(nil) != "" {
		t.Error("a hint for what is not ehlo's")
	}
	dial, reply := hint(&smtp.Error{Kind: smtp.KindTimeout, Phase: "dial"}), hint(&smtp.Error{Kind: smtp.KindTimeout, Phase: "ehlo"})
	if dial == reply {
		t.Error("silence of the network and of the server are told alike")
	}
	if hint(&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 450}}) == hint(&smtp.Error{Kind: smtp.KindReply, Reply: smtp.Reply{Code: 550}}) {
		t.Error("4yz and 5yz are told alike")
	}
}
