package main

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ehlo-go/ehlo/examples/internal/playtest"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

// What is wrong with the command line or a variable is said before anything is
// opened, and what would be right.
func TestParse_MisuseIsStatus2(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args string
		env  map[string]string
		want []string
	}{
		{args: "-nonsense", want: []string{"-nonsense"}},
		{args: "mx.example.org", want: []string{"mx.example.org", "no flag"}},
		{args: "-sessions many", want: []string{"-sessions", "a number"}},
		{args: "-sessions 0", want: []string{"-sessions 0", "1 to 5000"}},
		{args: "-sessions 5001", want: []string{"-sessions 5001", "1 to 5000"}},
		{args: "-for soon", want: []string{"-for", "30s"}},
		{args: "-for -1s", want: []string{"-for -1s", "Ctrl-C"}},
		{args: "-messages -1", want: []string{"-messages -1", "no limit"}},
		{args: "-think 0", want: []string{"-think 0s", "1ms to 1h"}},
		{args: "-faults 2", want: []string{"-faults 2", "0 to 1"}},
		{args: "-faults NaN", want: []string{"-faults NaN", "0 to 1"}},
		{args: "-seed -1", want: []string{"-seed", "0 or more"}},
		{args: "-listen 0.0.0.0:9025", want: []string{"-listen", "this machine alone"}},
		{args: "-listen mail.example:9025", want: []string{"-listen", "127.0.0.1:PORT"}},
		{args: "-listen " + taken.Addr().String(), want: []string{"-listen", "in use", ":0"}},
		{env: map[string]string{endpointKey: "localhost:4318"}, want: []string{endpointKey, "http://localhost:4318"}},
		{env: map[string]string{endpointKey: "http://a.example", tracesEndpointKey: "http://:secret@"}, want: []string{tracesEndpointKey}},
		{env: map[string]string{endpointKey: "http://a.example", protocolKey: "grpc"}, want: []string{protocolKey + " is grpc", "http/protobuf", "4318"}},
		{env: map[string]string{"OTEL_RESOURCE_ATTRIBUTES": "odd"}, want: []string{"OTEL_RESOURCE_ATTRIBUTES"}},
	} {
		for k, v := range c.env {
			t.Setenv(k, v)
		}
		r := playWith(t, t.Context(), c.env, strings.Fields(c.args)...).Want(setup.ExitUsage)
		if r.Stdout != "" || !strings.Contains(r.Stderr, "observe: -h tells") || strings.Contains(r.Stderr, "secret") {
			t.Errorf("%q: standard output %q, standard error %q", c.args, r.Stdout, r.Stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(r.Stderr, want) {
				t.Errorf("%q: %q is missing in %s", c.args, want, r.Stderr)
			}
		}
		for k := range c.env {
			t.Setenv(k, "")
		}
	}
}

func TestParse_Defaults(t *testing.T) {
	set, err := parse(nil, playtest.EnvOf(nil))
	if err != nil || set.sessions != 20 || set.duration != 0 || set.messages != 0 || set.think != time.Second || set.faults != 0.1 ||
		set.listen.String() != "127.0.0.1:9025" || set.collector != nil {
		t.Errorf("%+v, %v", set, err)
	}
	other, _ := parse(nil, playtest.EnvOf(nil))
	if set.seed == other.seed {
		t.Errorf("two programs have the seed %d", set.seed)
	}
	seed := rand.Uint64()
	if same, _ := parse([]string{"-seed", "0"}, playtest.EnvOf(nil)); same.seed != 0 {
		t.Errorf("-seed 0 is %d, not %d", same.seed, seed)
	}
}

func TestParse_Listen(t *testing.T) {
	for arg, want := range map[string]string{
		":0": "127.0.0.1:0", "localhost:80": "127.0.0.1:80", "[::1]:80": "[::1]:80", "127.0.0.2:80": "127.0.0.2:80",
	} {
		if got, err := parseListen(arg); err != nil || got.String() != want {
			t.Errorf("%s is %v, %v", arg, got, err)
		}
	}
}

// The variables work as OpenTelemetry says: the one for traces goes first and is
// the whole path.
func TestParse_Collector(t *testing.T) {
	for want, env := range map[string]map[string]string{
		"":                                {endpointKey: ""},
		"http://localhost:4318/v1/traces": {endpointKey: "http://localhost:4318"},
		"http://a.example/x/v1/traces":    {endpointKey: "http://a.example/x/", protocolKey: "http/protobuf"},
		"https://b.example/here":          {endpointKey: "http://a.example", tracesEndpointKey: "https://b.example/here", protocolKey: "grpc", tracesProtocolKey: "http/protobuf"},
	} {
		u, err := parseCollector(playtest.EnvOf(env))
		got := ""
		if u != nil {
			got = u.String()
		}
		if err != nil || got != want {
			t.Errorf("%v: %q, %v, want %q", env, got, err, want)
		}
	}
}
