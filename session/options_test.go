package session

import (
	"errors"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestConnect_C10_Options(t *testing.T) {
	if p := mustPlan(t, &Config{HostName: "a.test", Options: SecureExplicit}); p.security != explicit {
		t.Error("the property is not used")
	}
	if p := mustPlan(t, &Config{HostName: "a.test", Options: SecureExplicit}, WithOptions(None)); p.security != inClear {
		t.Error("None given does not turn the property off")
	}
	if p := mustPlan(t, &Config{HostName: "a.test", Extended: true}, WithOptions(None)); !p.extended {
		t.Error("C12 still applies: the Extended property")
	}
	s := newSession(t, Config{HostName: "a.test", Dialer: noDial(t), Resolver: noLookUp(t)})
	if err := s.Connect(t.Context(), WithOptions(SecureExplicit|0x2)); !errors.Is(err, smtp.ErrInvalid) || !strings.Contains(err.Error(), "0x2") {
		t.Errorf("unknown bits: %v", err)
	}
}

func TestOptions_NumbersAreFixedAndTextReadsBack(t *testing.T) {
	for o, want := range map[Options]uint32{
		None: 0, Extended: 0x1, Tunnel: 0x400, TrustedSite: 0x800, SecureExplicit: 0x1000, SecureImplicit: 0x2000,
		SecureFallback: 0x8000, PreferIPv6: 0x40000,
	} {
		if uint32(o) != want {
			t.Errorf("%v is %#x", o, uint32(o))
		}
		if back, err := ParseOptions(o.String()); err != nil || back != o {
			t.Errorf("%v reads back as %v, %v", o, back, err)
		}
	}
	if o, err := ParseOptions(" extended | SECUREEXPLICIT "); err != nil || o != 0x1001 {
		t.Errorf("%v, %v", o, err)
	}
	if o, err := ParseOptions("0x1001"); err != nil || o != Extended|SecureExplicit {
		t.Errorf("%v, %v", o, err)
	}
	for _, bad := range []string{"", "Extendet", "0x2", "Extended|", "-1"} {
		if _, err := ParseOptions(bad); !errors.Is(err, smtp.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if s := (Extended | 0x2).String(); s != "Extended|0x2" {
		t.Error(s)
	}
}
