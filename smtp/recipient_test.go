package smtp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRecipient_Validate_TakesWhatCanGo(t *testing.T) {
	for _, r := range []Recipient{
		{Address: "user@example.org"},
		{Address: "Postmaster"}, {Address: "postmaster"}, {Address: "postmaster@example.org"},
		{Address: "grüße@bücher.example"},
		{Address: "a@b", Notify: NotifyNever}, {Address: "a@b", Notify: NotifySuccess | NotifyFailure | NotifyDelay},
		{Address: "a@b", Original: Original{Address: "old+name@example.org"}},
		{Address: "a@b", Original: Original{Address: "grüße@example.org"}},
		{Address: "a@b", Original: Original{Type: "UTF-8", Address: "grüße@example.org"}},
		{Address: "a@b", Original: Original{Type: "x400", Address: "/G=Bob/"}},
		{Address: "a@b", Original: Original{Address: strings.Repeat("x", 493)}},
		{Address: "a@b", ValidSince: ValidSince{Time: time.Unix(1e9, 0), Continue: true}},
	} {
		if err := r.Validate(); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestRecipient_Validate_H4_RefusesBeforeAnyIO(t *testing.T) {
	for _, tt := range []struct {
		to   Recipient
		says string
	}{
		{Recipient{}, "Address"},
		{Recipient{Address: "<>"}, "Address"},
		{Recipient{Address: "user"}, "Address"},
		{Recipient{Address: "Poſtmaster"}, "Address"}, // folds into Postmaster, and is none
		{Recipient{Address: "a@b> NOTIFY=NEVER"}, "Address"},
		{Recipient{Address: "a@b\r\nDATA"}, "Address"},
		{Recipient{Address: "a@b", Notify: NotifyNever | NotifyDelay}, "NotifyNever alone"},
		{Recipient{Address: "a@b", Notify: 16}, "NotifyNever"},
		{Recipient{Address: "a@b", Original: Original{Type: "rfc822"}}, "Original.Address"},
		{Recipient{Address: "a@b", Original: Original{Address: "a\r\nb"}}, "Original.Address"},
		{Recipient{Address: "a@b", Original: Original{Address: "a\xff"}}, "Original.Address"},
		{Recipient{Address: "a@b", Original: Original{Type: "rfc 822", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "a;b", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "a\r\nb", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "ü", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "a=b", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "a+b", Address: "c"}}, "Original.Type"},
		{Recipient{Address: "a@b", Original: Original{Type: "rfc822", Address: "ü"}}, "utf-8"},
		{Recipient{Address: "a@b", Original: Original{Address: strings.Repeat("x", 494)}}, "at most 500"},
		{Recipient{Address: "a@b", Original: Original{Address: strings.Repeat("+", 165)}}, "at most 500"},
		{Recipient{Address: "a@b", Original: Original{Address: strings.Repeat("ü", 99)}}, "at most 500"},
		{Recipient{Address: "a@b", ValidSince: ValidSince{Continue: true}}, "ValidSince"},
		{Recipient{Address: "a@b", ValidSince: ValidSince{Time: time.Unix(1e9, 5)}}, "ValidSince"},
	} {
		for what, err := range map[string]error{"Validate": tt.to.Validate(), "AppendCommand": second(tt.to.AppendCommand(nil, everything(), true))} {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindInvalid || !e.Permanent || !strings.Contains(e.Error(), tt.says) {
				t.Errorf("%s(%+v): %v, want it to say %q", what, tt.to, err, tt.says)
				continue
			}
			checkPrintable(t, e.Error())
		}
	}
}

func TestRecipient_NeedsUTF8_OnlyForTheLocalPart(t *testing.T) {
	for address, want := range map[string]bool{"user@example.org": false, "Postmaster": false, "user@bücher.example": false, "grüße@example.org": true, "grüße": false} {
		if got := (&Recipient{Address: address}).NeedsUTF8(); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
}

func TestNotify_String(t *testing.T) {
	for n, want := range map[Notify]string{
		0: "", NotifyNever: "NEVER", NotifySuccess | NotifyDelay: "SUCCESS,DELAY", NotifySuccess | NotifyFailure | NotifyDelay: "SUCCESS,FAILURE,DELAY", NotifyFailure | 0x30: "FAILURE+0x30",
	} {
		if got := n.String(); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestRecipientRefusal_H17_WhatMayPass(t *testing.T) {
	for _, tt := range []struct {
		reply     Reply
		temporary bool
	}{
		{Reply{Code: 450}, true},
		{Reply{Code: 451, Enhanced: EnhancedCode{4, 7, 1}}, true},
		{Reply{Code: 452}, true},
		{Reply{Code: 452, Enhanced: EnhancedCode{4, 5, 3}}, true},
		{Reply{Code: 421}, true},
		{Reply{Code: 552}, true},
		{Reply{Code: 552, Enhanced: EnhancedCode{5, 5, 3}}, true},
		{Reply{Code: 552, Enhanced: EnhancedCode{5, 2, 2}}, false},
		{Reply{Code: 552, Enhanced: EnhancedCode{5, 3, 4}}, false},
		{Reply{Code: 552, Enhanced: EnhancedCode{5, 7, 1}}, false},
		{Reply{Code: 550}, false},
		{Reply{Code: 550, Enhanced: EnhancedCode{5, 5, 3}}, false},
		{Reply{Code: 553}, false},
		{Reply{Code: 250}, false},
		{Reply{Code: 251}, false},
		{Reply{Code: 252}, false},
		{Reply{}, false},
	} {
		if got := RecipientRefusal(tt.reply); got != tt.temporary {
			t.Errorf("%v %v: %v", tt.reply, tt.reply.Enhanced, got)
		}
	}
}
