package setup

import (
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
)

// A flag that is not given is an argument omitted, and a zero is one given.
func TestParse_OnlyWhatIsGivenIsAnArgument(t *testing.T) {
	for _, c := range []struct {
		args      []string
		env       map[string]string
		arguments int
		embedded  bool
	}{
		{nil, nil, 0, true},
		{[]string{"-host", "a.example"}, nil, 1, false},
		{[]string{"-host=", "-host-name", "a.example"}, nil, 1, false},
		{[]string{"-host-name", "a.example"}, nil, 0, false},
		{[]string{"-host-address", "::1"}, nil, 0, false},
		{[]string{"-port", "0", "-timeout", "0", "-options", "0", "-user", ""}, nil, 3, true},
		{[]string{"-host", "a.example", "-port", "0"}, nil, 2, false},
		{nil, map[string]string{"EHLO_PASSWORD": ""}, 1, true},
		{[]string{"-local-name", "a.example", "-attempts", "1", "-retry-replies", "-json", "-trace"}, nil, 0, true},
	} {
		set, err := NewFlags("program", playtest.EnvOf(c.env)).WithJSON().Parse(c.args)
		if err != nil || len(set.Arguments) != c.arguments || set.Embedded != c.embedded {
			t.Errorf("%q: %d arguments, embedded %v, %v", c.args, len(set.Arguments), set.Embedded, err)
		}
	}
	for want, args := range map[string][]string{
		EmbeddedName: nil, "a.example": {"-host", "a.example"}, "192.0.2.1": {"-host-address", "192.0.2.1"},
		"b.example": {"-host", "192.0.2.1", "-host-name", "b.example", "-host-address", "192.0.2.2"},
	} {
		if set, err := NewFlags("program", playtest.EnvOf(nil)).Parse(args); err != nil || set.Server != want {
			t.Errorf("%q: the server is %q, %v", args, set.Server, err)
		}
	}
	set, err := NewFlags("program", playtest.EnvOf(nil)).Parse([]string{"-attempts", "7", "-retry-replies", "-local-name", "c.example", "-host-address", "192.0.2.1",
		"-host-name", "mx.example", "-proxy", "socks5://192.0.2.2"})
	c := set.Config
	if err != nil || c.Retry.MaxAttempts != 7 || !c.Retry.Replies || c.LocalName != "c.example" || c.HostAddress != "192.0.2.1" ||
		c.HostName != "mx.example" || c.Proxy.Host != "192.0.2.2" {
		t.Errorf("%v, %v", c, err)
	}
}

// A default name and password are for the server that is embedded, and no other.
func TestParse_Login(t *testing.T) {
	const host = "-host=a.example"
	secrets := map[string]string{"EHLO_PASSWORD": "p", "EHLO_TOKEN": "t"}
	for _, c := range []struct {
		args                      []string
		env                       map[string]string
		none                      bool
		user, password, mechanism string
		token, inClear            bool
	}{
		{args: nil, none: true},
		{args: []string{host, "-user", "me"}, env: secrets, none: true},
		{args: []string{"-auth"}, user: "demo", password: "demo", token: true},
		{args: []string{"-auth", "-user", "me"}, user: "me", password: "demo", token: true},
		{args: []string{"-auth"}, env: secrets, user: "demo", password: "p", token: true},
		{args: []string{host, "-auth"}},
		{args: []string{"-host-name", "a.example", "-auth"}},
		{args: []string{"-host-address", "::1", "-auth", "-user", "me"}, env: secrets, user: "me", password: "p", token: true},
		{args: []string{host, "-mechanism", "plain"}, mechanism: "plain"},
		{args: []string{host, "-mechanism="}},
		{args: []string{host, "-auth-in-clear"}, inClear: true},
	} {
		set, err := NewFlags("program", playtest.EnvOf(c.env)).WithJSON().Parse(c.args)
		if err != nil || (set.Login == nil) != c.none || set.Config.Extended == c.none {
			t.Errorf("%q: a login is %v, Extended %v, %v", c.args, set.Login, set.Config.Extended, err)
			continue
		}
		if l := set.Login; l != nil && (l.UserName != c.user || l.Password != c.password || l.Mechanism != c.mechanism ||
			(l.Token != nil) != c.token || l.inClear != c.inClear) {
			t.Errorf("%q: %q %q %q, in clear %v, token %v", c.args, l.UserName, l.Password, l.Mechanism, l.inClear, l.Token != nil)
		}
	}
}
