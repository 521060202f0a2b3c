package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/examples/internal/setup"
	"github.com/ehlo-go/ehlo/examples/internal/show"
)

// settings are what the command line and the environment ask for.
type settings struct {
	sessions  int
	duration  time.Duration // 0: until interrupted
	messages  int           // 0: any number
	think     time.Duration // the mean pause between two messages of a session
	faults    float64       // the share of connections, and of messages, that meet with trouble
	seed      uint64
	listen    netip.AddrPort
	collector *url.URL      // where the traces go; nil: nowhere
	hooks     []events.Hook // more of them, for the tests
	hub       *events.Hub   // in the same way
}

// The defaults of the flags.
const (
	defaultSessions = 20
	defaultFaults   = 0.1
	defaultThink    = time.Second
	defaultListen   = "127.0.0.1:9025"
)

// most is how many sessions there may be: each takes two descriptors and a
// goroutine on either side.
const most = 5000

func parse(args []string, env setup.Lookup) (settings, error) {
	var set settings
	var listen string
	f := flag.NewFlagSet("observe", flag.ContinueOnError)
	f.SetOutput(io.Discard) // run prints the error, and the help when asked
	f.IntVar(&set.sessions, "sessions", defaultSessions, "")
	f.DurationVar(&set.duration, "for", 0, "")
	f.IntVar(&set.messages, "messages", 0, "")
	f.DurationVar(&set.think, "think", defaultThink, "")
	f.Float64Var(&set.faults, "faults", defaultFaults, "")
	f.Uint64Var(&set.seed, "seed", rand.Uint64(), "")
	f.StringVar(&listen, "listen", defaultListen, "")
	if err := f.Parse(args); err != nil {
		return set, setup.Wanted(err, map[string]string{
			"-sessions": "a number", "-messages": "a number", "-for": "a duration such as 30s, 10m", "-think": "a duration such as 500ms, 2s",
			"-faults": "a share, 0 to 1", "-seed": "a number, 0 or more",
		})
	}
	switch {
	case f.NArg() > 0:
		return set, fmt.Errorf("%q is no flag", f.Arg(0))
	case set.sessions < 1 || set.sessions > most:
		return set, fmt.Errorf("-sessions %d: want 1 to %d", set.sessions, most)
	case set.duration < 0:
		return set, fmt.Errorf("-for %v: want a duration such as 30s or 10m; without -for it runs until Ctrl-C", set.duration)
	case set.messages < 0:
		return set, fmt.Errorf("-messages %d: want a number, 0 for no limit", set.messages)
	case set.think < time.Millisecond || set.think > time.Hour:
		return set, fmt.Errorf("-think %v: want 1ms to 1h", set.think)
	case !(set.faults >= 0 && set.faults <= 1): // NaN too
		return set, fmt.Errorf("-faults %v: want a share, 0 to 1", set.faults)
	}
	var err error
	if set.listen, err = parseListen(listen); err != nil {
		return set, err
	}
	set.collector, err = parseCollector(env)
	return set, err
}

// parseListen wants an address that only this machine reaches.
func parseListen(s string) (netip.AddrPort, error) {
	if port, ok := strings.CutPrefix(s, ":"); ok {
		s = "127.0.0.1:" + port
	}
	s = strings.Replace(s, "localhost:", "127.0.0.1:", 1)
	addr, err := netip.ParseAddrPort(s)
	if err != nil {
		return addr, fmt.Errorf("-listen %q: want 127.0.0.1:PORT, [::1]:PORT or :PORT, 0 for a free one", s)
	}
	if !addr.Addr().IsLoopback() {
		return addr, fmt.Errorf("-listen %q: want an address of this machine alone, such as 127.0.0.1:9025: who reads the page can abort sessions", s)
	}
	return addr, nil
}

// The standard variables that are read here. The exporter reads the others:
// headers, certificates, compression, timeout.
const (
	endpointKey       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpointKey = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	protocolKey       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	tracesProtocolKey = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
)

// parseCollector returns where the traces go, nil if no variable says so. It
// checks what the exporter would only grumble about. It quotes no URL: a password
// may be inside.
func parseCollector(env setup.Lookup) (*url.URL, error) {
	first := func(keys ...string) (key, value string) {
		for _, key = range keys {
			if value, _ = env(key); value != "" {
				return key, value
			}
		}
		return "", ""
	}
	key, endpoint := first(tracesEndpointKey, endpointKey)
	if key == "" {
		return nil, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s: want a URL such as http://localhost:4318", key)
	}
	if key == endpointKey {
		u = u.JoinPath("v1", "traces")
	}
	if key, protocol := first(tracesProtocolKey, protocolKey); key != "" && protocol != "http/protobuf" {
		return nil, fmt.Errorf("%s is %s: this program speaks http/protobuf alone, which collectors take on port 4318",
			key, show.Say(errors.New(protocol)))
	}
	return u, nil
}
