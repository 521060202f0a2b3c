package session

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ehlo-go/ehlo/smtp"
)

// Options are the option bits of Connect. The numeric values are fixed.
type Options uint32

// The options.
const (
	// None is plain TCP and HELO; no ESMTP parameter ever, even if the banner
	// says ESMTP.
	None Options = 0
	// Extended says EHLO. A server that does not know it gets HELO, and
	// Session.Extended reads false.
	Extended Options = 0x1
	// Tunnel says that the endpoint is a tunnel or a forwarded port: nothing is
	// inferred from the port's number, one address is dialled without a race,
	// and the certificate is checked against Config.HostName if it is set.
	Tunnel Options = 0x400
	// TrustedSite permits a certificate that is not verified. OnSecure tells
	// what verification would have said. Nothing else is relaxed.
	TrustedSite Options = 0x800
	// SecureExplicit demands STARTTLS (RFC 3207): never on in clear. It does not
	// ask for ESMTP beyond that: Authenticate wants Extended too.
	SecureExplicit Options = 0x1000
	// SecureImplicit is TLS right after TCP, before the greeting (RFC 8314 3).
	// With SecureExplicit too, it wins.
	SecureImplicit Options = 0x2000
	// SecureFallback also permits TLS 1.0 and 1.1 and cipher suites with RC4,
	// 3DES and SHA-1. A modern server still gets TLS 1.3; never clear text.
	SecureFallback Options = 0x8000
	// PreferIPv6 dials IPv6 first where a name has both families. Order, not
	// exclusion.
	PreferIPv6 Options = 0x40000
)

// optionNames is in the order of the bits.
func optionNames() []struct {
	bit  Options
	name string
} {
	return []struct {
		bit  Options
		name string
	}{
		{Extended, "Extended"}, {Tunnel, "Tunnel"}, {TrustedSite, "TrustedSite"}, {SecureExplicit, "SecureExplicit"},
		{SecureImplicit, "SecureImplicit"}, {SecureFallback, "SecureFallback"}, {PreferIPv6, "PreferIPv6"},
	}
}

// Has reports whether all bits of o are set.
func (os Options) Has(o Options) bool { return os&o == o }

// Validate refuses unknown bits: what is not understood never becomes a
// connection in clear.
func (os Options) Validate() error {
	unknown := os
	for _, o := range optionNames() {
		unknown &^= o.bit
	}
	if unknown != 0 {
		return smtp.Invalid(fmt.Sprintf("Options %#x hold unknown bits %#x: known are %s", uint32(os), uint32(unknown), knownOptions()))
	}
	return nil
}

func knownOptions() string {
	names := make([]string, 0, 8)
	for _, o := range optionNames() {
		names = append(names, fmt.Sprintf("%s (%#x)", o.name, uint32(o.bit)))
	}
	return strings.Join(names, ", ")
}

// String returns the names joined by "|", unknown bits as a number, and "None".
func (os Options) String() string {
	if os == None {
		return "None"
	}
	var names []string
	for _, o := range optionNames() {
		if os.Has(o.bit) {
			names = append(names, o.name)
			os &^= o.bit
		}
	}
	if os != 0 {
		names = append(names, fmt.Sprintf("%#x", uint32(os)))
	}
	return strings.Join(names, "|")
}

// ParseOptions reads names joined by "|", in any case, or a number such as
// 0x1001.
func ParseOptions(s string) (Options, error) {
	if n, err := strconv.ParseUint(strings.TrimSpace(s), 0, 32); err == nil {
		return Options(n), Options(n).Validate()
	}
	var all Options
	for name := range strings.SplitSeq(s, "|") {
		o, ok := optionNamed(strings.TrimSpace(name))
		if !ok {
			return None, smtp.Invalid(fmt.Sprintf("option %q is unknown: want a number, None, or names joined by | of %s", name, knownOptions()))
		}
		all |= o
	}
	return all, nil
}

func optionNamed(name string) (Options, bool) {
	for _, o := range optionNames() {
		if strings.EqualFold(name, o.name) {
			return o.bit, true
		}
	}
	return None, strings.EqualFold(name, "None")
}
