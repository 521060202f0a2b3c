package main

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/session"
)

// settings are what the command line and the environment ask for.
type settings struct {
	config    session.Config
	arguments []session.ConnectOption // of Connect: only what was given
	options   session.Options         // that will hold
	login     *login                  // -auth; nil: none
	port      int                     // -port, 0 if not given
	embedded  bool                    // no host was given: serve one
	json      bool
	trace     bool
}

// parse reads the command line. It checks what it has to understand itself (a
// number, a file, a URL) and leaves the rest to Connect, whose errors are better.
func parse(args []string, env lookup) (settings, error) {
	set := settings{embedded: true}
	fs := flag.NewFlagSet("connect", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints the error, and the help when asked
	var (
		host, user, options, ca, proxy, mechanism string
		timeout                                   time.Duration
		authenticate, inClear                     bool
	)
	fs.StringVar(&host, "host", "", "")
	fs.StringVar(&set.config.HostAddress, "host-address", "", "")
	fs.StringVar(&set.config.HostName, "host-name", "", "")
	fs.IntVar(&set.port, "port", 0, "")
	fs.StringVar(&user, "user", "", "")
	fs.DurationVar(&timeout, "timeout", 0, "")
	fs.StringVar(&options, "options", "", "")
	fs.StringVar(&set.config.LocalName, "local-name", "", "")
	fs.StringVar(&ca, "ca", "", "")
	fs.IntVar(&set.config.Retry.MaxAttempts, "attempts", 0, "")
	fs.BoolVar(&set.config.Retry.Replies, "retry-replies", false, "")
	fs.StringVar(&proxy, "proxy", "", "")
	fs.BoolVar(&authenticate, "auth", false, "")
	fs.StringVar(&mechanism, "mechanism", "", "")
	fs.BoolVar(&inClear, "auth-in-clear", false, "")
	fs.BoolVar(&set.json, "json", false, "")
	fs.BoolVar(&set.trace, "trace", false, "")
	if err := fs.Parse(args); err != nil {
		return set, wanted(err)
	}
	if fs.NArg() > 0 {
		return set, fmt.Errorf("%q is no flag: a host is given as -host %[1]q", fs.Arg(0))
	}

	var failed error
	give := func(o session.ConnectOption) { set.arguments = append(set.arguments, o) }
	fs.Visit(func(f *flag.Flag) { // only the flags that were given
		var err error
		switch f.Name {
		case "host":
			set.embedded = false
			give(session.WithRemoteHost(host))
		case "host-address", "host-name":
			set.embedded = false
		case "port":
			give(session.WithRemotePort(set.port))
		case "user":
			give(session.WithUserName(user))
		case "mechanism":
			authenticate = true
		case "timeout":
			give(session.WithTimeout(timeout))
		case "options":
			set.options, err = parseOptions(options)
			give(session.WithOptions(set.options))
		case "ca":
			set.config.TLS, err = readRoots(ca)
		case "proxy":
			set.config.Proxy, err = parseProxy(proxy)
		}
		failed = errors.Join(failed, err)
	})
	password, given := env("EHLO_PASSWORD")
	if given {
		give(session.WithPassword(password))
	}
	if !authenticate && !inClear {
		return set, failed
	}
	token, _ := env("EHLO_TOKEN")
	if set.embedded {
		user, password, token = cmp.Or(user, embeddedUser), cmp.Or(password, embeddedSecret), cmp.Or(token, embeddedSecret)
	}
	set.config.Extended = true // AUTH is an extension
	set.login = &login{auth.Credentials{UserName: user, Password: password, Mechanism: mechanism}, inClear}
	if token != "" {
		set.login.Token = auth.StaticToken(token)
	}
	return set, failed
}

// parseOptions lets every number through: what its bits mean is Connect's to
// say. A name that does not exist is a slip of the keyboard.
func parseOptions(s string) (session.Options, error) {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 0, 32); err == nil {
		return session.Options(n), nil
	}
	o, err := session.ParseOptions(s)
	if err != nil {
		return o, fmt.Errorf("-options: %w", err)
	}
	return o, nil
}

func readRoots(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("-ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("-ca: %s holds no certificate in PEM", strconv.Quote(file))
	}
	return &tls.Config{RootCAs: roots}, nil
}

// parseProxy does not quote what it was given, nor what net/url says of it: a
// password may be inside.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return nil, errors.New("-proxy: want socks5://[user:password@]host[:port], or the same with http")
	}
	return u, nil
}

// wanted adds what was expected to an error of package flag, which tells only
// what was wrong.
func wanted(err error) error {
	for name, want := range map[string]string{
		"-timeout": "a duration such as 500ms, 30s, 5m, or 0 for no limit", "-port": "a number, 0 to 65535", "-attempts": "a number, 0 or more",
	} {
		if strings.Contains(err.Error(), "for flag "+name+":") {
			return fmt.Errorf("%w: want %s", err, want)
		}
	}
	return err
}
