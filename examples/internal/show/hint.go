package show

import (
	"errors"

	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
)

// Hint returns what to look at after a failure, in words of this program's
// flags; "" where the error says it all.
func Hint(err error) string {
	e, ok := errors.AsType[*smtp.Error](err)
	if !ok {
		return ""
	}
	if e.Phase == fsm.Auth.String() {
		if h := loginHint(e); h != "" {
			return h
		}
	}
	switch e.Kind {
	case smtp.KindInvalid:
		return "nothing was sent; -h tells what each flag takes"
	case smtp.KindHostNotFound:
		return "look at the spelling; for a domain's mail, ask its MX record for the host"
	case smtp.KindNoAddress:
		return "the name exists without an address: for a domain's mail, ask its MX record for the host"
	case smtp.KindTryAgain:
		return "the name servers did not answer: is the network up?"
	case smtp.KindRefused:
		return "nothing listens there (or at the proxy), or a firewall says so: 25 is for relays, 587 for programs, 465 for those with SecureImplicit"
	case smtp.KindUnreachable:
		return "there is no way to that address; PreferIPv6 changes the order only"
	case smtp.KindTimeout:
		return timeoutHint(e.Phase)
	case smtp.KindProxy:
		return "the proxy itself was reached; its words stand above"
	case smtp.KindLost:
		return "the server, or something between, hung up: some do with strangers, and TLS ports do without SecureImplicit"
	case smtp.KindTLS:
		return "port 25 and 587 want SecureExplicit, 465 SecureImplicit; for an old server there is SecureFallback"
	case smtp.KindCertificate:
		return "-ca trusts other roots, -host-name with -host-address checks another name, TrustedSite goes on unverified"
	case smtp.KindNoTLS:
		return "ask on another port, with SecureImplicit on 465; without SecureExplicit all goes in clear"
	case smtp.KindProtocol:
		if !e.Reply.IsZero() {
			return "the server speaks out of turn, or in two voices; what it said stands above"
		}
		return "is it an SMTP server? A TLS port wants SecureImplicit"
	case smtp.KindReply:
		if e.Reply.Temporary() {
			return "a 4yz may pass; -retry-replies is for servers of one's own"
		}
		return "the server does not want this; its words stand above"
	case smtp.KindVetoed:
		return "a hook of the program's own refused it; its reason stands above"
	case smtp.KindPanic:
		return "that is a bug in ehlo or in a hook: please report it"
	default:
		return ""
	}
}

func timeoutHint(phase string) string {
	if phase == fsm.Dial.String() {
		return "packets get lost, or a proxy is silent: many networks let nobody out to port 25"
	}
	if phase == fsm.Greeting.String() {
		return "the server is slow or silent, or it is a TLS port, which wants SecureImplicit; -timeout waits longer"
	}
	return "the server is slow or silent; -timeout waits longer"
}

// loginHint is of what only a login has, or has for reasons of its own.
func loginHint(e *smtp.Error) string {
	switch e.Kind {
	case smtp.KindNoAuth:
		return "-mechanism takes what stands after AUTH above, EHLO_TOKEN gives a token; if AUTH is not there, it may be within TLS, or on port 587 or 465"
	case smtp.KindInClear:
		return "-options SecureExplicit (587, 25) or SecureImplicit (465) makes TLS first; -auth-in-clear sends it for everyone on the way to read"
	case smtp.KindMechanism:
		return "this side broke it off: the server's answer proves or asks the wrong thing; -mechanism names another"
	case smtp.KindProtocol:
		return "the server plays the mechanism wrong; -mechanism names another"
	case smtp.KindLost:
		return "the server hung up: some do after a wrong password"
	case smtp.KindReply:
		if e.Reply.Temporary() {
			return "it may pass; some servers say so of a wrong password too"
		}
		switch e.Reply.Code {
		case 504, 534, 538:
			return "not that mechanism, or not here: -mechanism names another, -options SecureExplicit or SecureImplicit makes TLS"
		}
		return "look at -user and EHLO_PASSWORD (or EHLO_TOKEN); some servers want a password made for programs, or a full address as the name"
	default:
		return ""
	}
}
