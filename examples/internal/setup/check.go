package setup

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// check says what is wrong with the value of a flag that was given: what Connect
// would refuse too, but by the name of the flag and before anything is opened.
func (f *Flags) check(name string) (err error) {
	c := &f.set.Config
	switch name {
	case "host":
		err = checkHost("-host", f.host)
	case "host-name":
		err = checkHost("-host-name", c.HostName)
	case "host-address":
		err = checkHost("-host-address", c.HostAddress)
		if h, _ := smtp.ParseHost("", c.HostAddress); err == nil && c.HostAddress != "" && !h.Addr.IsValid() {
			err = fmt.Errorf("-host-address %q is no IP address: a name is given as -host", c.HostAddress)
		}
	case "port":
		if f.set.port < 0 || f.set.port > 65535 {
			err = fmt.Errorf("-port %d: want %s", f.set.port, wantPort)
		}
	case "timeout":
		if f.timeout < 0 {
			err = fmt.Errorf("-timeout %v: want %s", f.timeout, wantTimeout)
		}
	case "attempts":
		if c.Retry.MaxAttempts < 0 {
			err = fmt.Errorf("-attempts %d: want %s", c.Retry.MaxAttempts, wantAttempts)
		}
	case "local-name":
		if c.LocalName != "" {
			_, err = smtp.ParseLocalName(c.LocalName)
			err = of("-local-name", err)
		}
	case "user":
		err = smtp.CheckText("-user", f.user)
	case "options":
		f.set.options, err = session.ParseOptions(f.options)
		err = of("-options", err)
	case "ca":
		c.TLS, err = readRoots(f.ca)
	case "proxy":
		c.Proxy, err = parseProxy(f.proxy)
	}
	return err
}

// checkHost refuses what is neither a name nor an address. An empty one counts as
// not given, as for Connect.
func checkHost(flag, s string) error {
	if strings.Trim(s, " \t") == "" {
		return nil
	}
	_, err := smtp.ParseHost(flag, s)
	return err
}

// of adds the name of a flag to an error that lacks it.
func of(flag string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// parseProxy does not quote what it was given, nor what others say of it: a
// password may be inside.
func parseProxy(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err == nil {
		_, err = transport.ParseProxy(u)
	}
	if err != nil || u.Host == "" {
		return nil, errors.New("-proxy: want socks5://[user:password@]host[:port], or the same with http")
	}
	return u, nil
}

// What the flags want that are numbers.
const (
	wantPort     = "a number, 0 to 65535"
	wantTimeout  = "a duration such as 500ms, 30s, 5m, or 0 for no limit"
	wantAttempts = "a number, 0 or more"
)

// Wanted adds what was expected to an error of package flag, which tells only
// what was wrong. want has it by the names of the flags, as in "-for".
func Wanted(err error, want map[string]string) error {
	for name, w := range want {
		if strings.Contains(err.Error(), "for flag "+name+":") {
			return fmt.Errorf("%w: want %s", err, w)
		}
	}
	return err
}
