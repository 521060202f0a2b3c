// Package setup makes of a command line and an environment what the examples
// begin a session with: its configuration, a login, a server where none is given,
// and a view of what happens.
package setup

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// Settings are what the command line and the environment ask for.
type Settings struct {
	Config    session.Config
	Arguments []session.ConnectOption // of Connect: only what was given
	Login     *Login                  // -auth; nil: none
	Embedded  bool                    // no host was given: serve one
	Server    string                  // what a person calls the server: its name, else its address
	Story     func(*smtptest.Config)  // changes the embedded server; nil: it is a plain one
	InMemory  bool                    // the embedded server needs no socket: for a test in virtual time
	options   session.Options         // that will hold
	port      int                     // -port, 0 if not given
	json      bool
	trace     bool
}

// Flags are the flags that the examples share. A program adds its own before
// Parse.
type Flags struct {
	*flag.FlagSet
	set                                       Settings
	env                                       Lookup
	host, user, options, ca, proxy, mechanism string
	timeout                                   time.Duration
	authenticate, inClear                     bool
}

// NewFlags returns the flags of a program. env is its environment.
func NewFlags(program string, env Lookup) *Flags {
	f := &Flags{FlagSet: flag.NewFlagSet(program, flag.ContinueOnError), env: env, set: Settings{Embedded: true}}
	f.SetOutput(io.Discard) // the program prints the error, and the help when asked
	f.StringVar(&f.host, "host", "", "")
	f.StringVar(&f.set.Config.HostAddress, "host-address", "", "")
	f.StringVar(&f.set.Config.HostName, "host-name", "", "")
	f.IntVar(&f.set.port, "port", 0, "")
	f.StringVar(&f.user, "user", "", "")
	f.DurationVar(&f.timeout, "timeout", 0, "")
	f.StringVar(&f.options, "options", "", "")
	f.StringVar(&f.set.Config.LocalName, "local-name", "", "")
	f.StringVar(&f.ca, "ca", "", "")
	f.IntVar(&f.set.Config.Retry.MaxAttempts, "attempts", 0, "")
	f.BoolVar(&f.set.Config.Retry.Replies, "retry-replies", false, "")
	f.StringVar(&f.proxy, "proxy", "", "")
	f.BoolVar(&f.authenticate, "auth", false, "")
	f.StringVar(&f.mechanism, "mechanism", "", "")
	f.BoolVar(&f.inClear, "auth-in-clear", false, "")
	f.BoolVar(&f.set.trace, "trace", false, "")
	return f
}

// WithJSON adds -json, for programs that show events as they are.
func (f *Flags) WithJSON() *Flags {
	f.BoolVar(&f.set.json, "json", false, "")
	return f
}

// Parse reads the command line and checks each value. An error names its flag.
func (f *Flags) Parse(args []string) (*Settings, error) {
	set := &f.set
	if err := f.FlagSet.Parse(args); err != nil {
		return set, Wanted(err, map[string]string{"-port": wantPort, "-timeout": wantTimeout, "-attempts": wantAttempts})
	}
	if f.NArg() > 0 {
		return set, fmt.Errorf("%q is no flag: a host is given as -host %[1]q", f.Arg(0))
	}
	var failed error
	give := func(o session.ConnectOption) { set.Arguments = append(set.Arguments, o) }
	f.Visit(func(given *flag.Flag) { // only the flags that were given
		failed = errors.Join(failed, f.check(given.Name))
		switch given.Name {
		case "host":
			set.Embedded = false
			give(session.WithRemoteHost(f.host))
		case "host-address", "host-name":
			set.Embedded = false
		case "port":
			if set.Embedded { // which takes it
				break
			}
			give(session.WithRemotePort(set.port))
		case "user":
			give(session.WithUserName(f.user))
		case "mechanism":
			f.authenticate = true
		case "timeout":
			give(session.WithTimeout(f.timeout))
		case "options":
			give(session.WithOptions(set.options))
		}
	})
	if strings.Trim(f.host+set.Config.HostAddress+set.Config.HostName, " \t") == "" && !set.Embedded {
		failed = errors.Join(failed, errors.New("-host is empty: want a name or an address; without the flag the program serves itself"))
	}
	set.Server = cmp.Or(set.Config.HostName, f.host, set.Config.HostAddress, EmbeddedName)
	password, given := f.env("EHLO_PASSWORD")
	if given {
		give(session.WithPassword(password))
	}
	if !f.authenticate && !f.inClear {
		return set, failed
	}
	token, _ := f.env("EHLO_TOKEN")
	user := f.user
	if set.Embedded {
		user, password, token = cmp.Or(user, embeddedUser), cmp.Or(password, embeddedSecret), cmp.Or(token, embeddedSecret)
	}
	set.Config.Extended = true // AUTH is an extension
	set.Login = &Login{auth.Credentials{UserName: user, Password: password, Mechanism: f.mechanism}, f.inClear}
	if token != "" {
		set.Login.Token = auth.StaticToken(token)
	}
	return set, failed
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
