package smtp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMail_Validate_TakesWhatCanGo(t *testing.T) {
	for _, m := range []Mail{
		{},
		{From: "<>"},
		{From: "user@example.org"},
		{From: `"a b"@bücher.example`, UTF8: true},
		{Body: BodyBinaryMIME, Return: ReturnHeaders, RequireTLS: true},
		{EnvelopeID: "QQ 314159"},
		{EnvelopeID: strings.Repeat("x", 100)},
		{DeliverBy: DeliverBy{Within: 2 * time.Minute, Mode: ByReturn, Trace: true}},
		{DeliverBy: DeliverBy{Mode: ByNotify}},
		{DeliverBy: DeliverBy{Within: -999999999 * time.Second, Mode: ByNotify}},
		{HoldFor: 999999999 * time.Second},
		{HoldUntil: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)},
		{Priority: new(-9)}, {Priority: new(0)}, {Priority: new(9)},
		{Auth: "<>"}, {Auth: "user@bücher.example"},
	} {
		if err := m.Validate(); err != nil {
			t.Errorf("%+v: %v", m, err)
		}
	}
}

func TestMail_Validate_H4_RefusesBeforeAnyIO(t *testing.T) {
	for _, tt := range []struct {
		mail Mail
		says string
	}{
		{Mail{From: "user"}, "From"},
		{Mail{From: "a@b\r\nDATA"}, "From"},
		{Mail{From: "Postmaster"}, "From"},
		{Mail{From: "a@b> SIZE=1"}, "From"},
		{Mail{Body: bodies}, "BodyBinaryMIME"},
		{Mail{Return: returns}, "ReturnHeaders"},
		{Mail{EnvelopeID: "a\r\nb"}, "RFC 3461"},
		{Mail{EnvelopeID: "grüße"}, "RFC 3461"},
		{Mail{EnvelopeID: "a\x7f"}, "RFC 3461"},
		{Mail{EnvelopeID: strings.Repeat("x", 101)}, "at most 100"},
		{Mail{EnvelopeID: strings.Repeat("+", 34)}, "at most 100"},
		{Mail{DeliverBy: DeliverBy{Within: time.Minute}}, "ByReturn"},
		{Mail{DeliverBy: DeliverBy{Trace: true}}, "ByReturn"},
		{Mail{DeliverBy: DeliverBy{Mode: byModes}}, "ByReturn"},
		{Mail{DeliverBy: DeliverBy{Mode: ByReturn}}, "more than 0"},
		{Mail{DeliverBy: DeliverBy{Within: -time.Second, Mode: ByReturn}}, "more than 0"},
		{Mail{DeliverBy: DeliverBy{Within: 1500 * time.Millisecond, Mode: ByReturn}}, "whole seconds"},
		{Mail{DeliverBy: DeliverBy{Within: 1000000000 * time.Second, Mode: ByNotify}}, "nine digits"},
		{Mail{DeliverBy: DeliverBy{Within: -1000000000 * time.Second, Mode: ByNotify}}, "nine digits"},
		{Mail{HoldFor: time.Second, HoldUntil: time.Unix(1e9, 0)}, "both"},
		{Mail{HoldFor: -time.Second}, "HoldFor"},
		{Mail{HoldFor: time.Millisecond}, "whole seconds"},
		{Mail{HoldFor: 1000000000 * time.Second}, "999999999"},
		{Mail{HoldUntil: time.Unix(1e9, 1)}, "whole seconds"},
		{Mail{HoldUntil: time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC)}, "years 1 to 9999"},
		{Mail{HoldUntil: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "9999"},
		{Mail{Priority: new(10)}, "-9 to 9"},
		{Mail{Priority: new(-10)}, "-9 to 9"},
		{Mail{Auth: "user"}, "Auth"},
		{Mail{Auth: "a@b\r\n"}, "Auth"},
		{Mail{Auth: "grüße@example.org"}, "ASCII"},
	} {
		for what, err := range map[string]error{"Validate": tt.mail.Validate(), "AppendCommand": second(tt.mail.AppendCommand(nil, everything(), ContentFacts{Size: -1}))} {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindInvalid || !e.Permanent || !strings.Contains(e.Error(), tt.says) {
				t.Errorf("%s(%+v): %v, want it to say %q", what, tt.mail, err, tt.says)
				continue
			}
			checkPrintable(t, e.Error())
			if strings.Count(e.Error(), ErrInvalid.Error()) != 1 {
				t.Errorf("%s says the kind twice: %v", what, e)
			}
		}
	}
}

func TestMail_TheWordsOfItsValues(t *testing.T) {
	for want, got := range map[string]string{
		"7BIT": Body7Bit.String(), "8BITMIME": Body8BitMIME.String(), "BINARYMIME": BodyBinaryMIME.String(), "Body(9)": Body(9).String(),
		"FULL": ReturnFull.String(), "HDRS": ReturnHeaders.String(), "Return(9)": Return(9).String(),
		"R": ByReturn.String(), "N": ByNotify.String(), "ByMode(9)": ByMode(9).String(),
		"": BodyAuto.String() + ReturnUnset.String() + ByUnset.String(),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// second returns the error of what also returns bytes.
func second(_ []byte, err error) error { return err }
