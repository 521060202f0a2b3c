package session

import (
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// security is when TLS begins.
type security uint8

const (
	inClear  security = iota
	explicit          // STARTTLS
	implicit          // right after TCP
)

// plan is what one Connect will do: the properties and the arguments, checked
// and put together. Making it is pure: no I/O, no clock.
type plan struct {
	host      smtp.Host // to resolve and dial
	name      string    // the host as text
	port      int
	checked   smtp.Host // the certificate is checked against it
	security  security
	options   Options
	extended  bool // the caller wants ESMTP: by the bit, the property or port 587
	timeouts  smtp.Timeouts
	localName string // "" is to be found out
	proxy     *transport.Proxy
	socket    string // the path of a unix socket, in place of host and port
	lmtp      bool
}

// The ports that mean something.
const (
	portSMTP        = 25
	portSubmissions = 465 // implicit TLS, RFC 8314 3.3
	portSubmission  = 587 // RFC 6409
)

func newPlan(c *Config, a *arguments) (plan, error) {
	p := plan{options: c.Options, timeouts: c.Timeouts, lmtp: c.LMTP}
	if a.options != nil {
		p.options = *a.options
	}
	if err := p.options.Validate(); err != nil {
		return p, err
	}
	switch {
	case p.options.Has(SecureImplicit):
		p.security = implicit
	case p.options.Has(SecureExplicit):
		p.security = explicit
	}
	if err := p.take(c, a); err != nil {
		return p, err
	}
	p.name = p.host.String()
	p.extended = p.lmtp || p.options.Has(Extended) || c.Extended || p.port == portSubmission && !p.options.Has(Tunnel)
	return p, nil
}

func (p *plan) take(c *Config, a *arguments) error {
	if err := p.takeHost(c, a); err != nil {
		return err
	}
	if err := p.takePort(c, a); err != nil {
		return err
	}
	if err := p.takeTimeouts(c, a); err != nil {
		return err
	}
	return p.takeRest(c, a)
}

// takeHost finds what is dialled, by precedence, and what the certificate is
// checked against.
func (p *plan) takeHost(c *Config, a *arguments) (err error) {
	switch c.Network {
	case "", "tcp":
	case "unix":
		return p.takeSocket(c, a)
	default:
		return smtp.Invalid(fmt.Sprintf("Network is %q: want tcp or unix", c.Network))
	}
	var name smtp.Host
	if !blank(c.HostName) {
		if name, err = smtp.ParseHost("HostName", c.HostName); err != nil {
			return err
		}
	}
	switch {
	case a.host != nil && !blank(*a.host):
		if p.host, err = smtp.ParseHost("RemoteHost", *a.host); err != nil {
			return err
		}
		p.checked = p.host
		if p.options.Has(Tunnel) && !name.IsZero() {
			p.checked = name
		}
	case !blank(c.HostAddress):
		if p.host, err = smtp.ParseHost("HostAddress", c.HostAddress); err != nil {
			return err
		}
		if !p.host.Addr.IsValid() {
			return smtp.Invalid(fmt.Sprintf("HostAddress %q is no IP address: put a name in HostName", c.HostAddress))
		}
		p.checked = p.host
		if !name.IsZero() {
			p.checked = name
		}
	case !name.IsZero():
		p.host, p.checked = name, name
	default:
		return smtp.Invalid("no host: give WithRemoteHost, or set HostAddress or HostName")
	}
	return nil
}

// takeSocket finds the path of a unix socket.
func (p *plan) takeSocket(c *Config, a *arguments) error {
	p.socket = c.HostName
	if a.host != nil && !blank(*a.host) {
		p.socket = *a.host
	}
	if err := smtp.CheckText("the path of the unix socket", p.socket); err != nil {
		return err
	}
	switch {
	case blank(p.socket):
		return smtp.Invalid("no unix socket: give WithRemoteHost, or set HostName")
	case c.HostAddress != "":
		return smtp.Invalid("HostAddress is set, and Network is unix: want HostName, the path of the socket")
	case c.Proxy != nil:
		return smtp.Invalid("Proxy is set, and Network is unix: there is no way through a proxy to a socket of this machine")
	}
	p.host = smtp.Host{Name: p.socket}
	return nil
}

// blank reports a host that is not given. A line end is no blank.
func blank(host string) bool { return strings.Trim(host, " \t") == "" }

func (p *plan) takePort(c *Config, a *arguments) error {
	p.port = c.RemotePort
	if a.port != nil {
		p.port = *a.port
	}
	if p.port < 0 || p.port > 65535 {
		return smtp.Invalid(fmt.Sprintf("RemotePort is %d: want 0 (the default) to 65535", p.port))
	}
	if p.socket != "" {
		p.port = 0
		return nil
	}
	if p.lmtp && (p.port == 0 || p.port == portSMTP) {
		return smtp.Invalid(fmt.Sprintf("RemotePort is %d with LMTP: want a port of its own, such as 24, and never 25 (RFC 2033 5)", p.port))
	}
	if p.port == 0 {
		p.port = portSMTP
		if p.security == implicit {
			p.port = portSubmissions
		}
	}
	return nil
}

func (p *plan) takeTimeouts(c *Config, a *arguments) error {
	if err := c.Timeouts.Validate(); err != nil {
		return err
	}
	general, given := c.Timeout, c.Timeout != 0
	if a.timeout != nil {
		general, given = *a.timeout, true
	}
	if general < 0 {
		return smtp.Invalid(fmt.Sprintf("Timeout is %v: want 0 or more", general))
	}
	p.timeouts = c.Timeouts.Effective(general, given)
	return nil
}

func (p *plan) takeRest(c *Config, a *arguments) (err error) {
	if c.LocalName != "" {
		if p.localName, err = smtp.ParseLocalName(c.LocalName); err != nil {
			return err
		}
	}
	if p.proxy, err = transport.ParseProxy(c.Proxy); err != nil {
		return err
	}
	if c.Retry.MaxAttempts < 0 {
		return smtp.Invalid(fmt.Sprintf("Retry.MaxAttempts is %d: want 0 (the default, %d), or 1 (no retry) or more",
			c.Retry.MaxAttempts, defaultAttempts))
	}
	if a.userName != nil {
		err = smtp.CheckText("UserName", *a.userName)
	}
	if err == nil && a.password != nil && strings.ContainsRune(*a.password, 0) {
		err = smtp.Invalid("Password holds a NUL (RFC 4616 2)")
	}
	return err
}

// serverName returns the name that the certificate has to have.
func (p *plan) serverName() string {
	if p.checked.Addr.IsValid() {
		return p.checked.Addr.WithZone("").String()
	}
	return p.checked.Name
}

// tlsConfig returns the configuration of the handshake.
func (p *plan) tlsConfig(base *tls.Config) *tls.Config {
	return transport.TLSPolicy{
		Base: base, ServerName: p.serverName(),
		Trusted: p.options.Has(TrustedSite), Fallback: p.options.Has(SecureFallback),
	}.Config()
}
