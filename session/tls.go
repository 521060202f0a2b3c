package session

import (
	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
)

// handshakeFirst is implicit TLS: the handshake before the greeting (RFC 8314).
func (a *actor) handshakeFirst() (fsm.Trigger, error) { return fsm.Secured, a.handshake() }

// handshake makes the connection TLS and tells what it is.
func (a *actor) handshake() error {
	deepenToShakeHands(0)
	cfg := a.plan.tlsConfig(a.s.config.TLS)
	a.putPeerToVeto(cfg)
	verdict, err := a.conn.Handshake(cfg, a.plan.options.Has(SecureFallback), a.plan.timeouts.TLS)
	if err != nil {
		return err
	}
	a.secure, a.verified = true, verdict == nil
	state := a.conn.TLS().ConnectionState()
	a.facts.TLS, a.facts.Verdict = &state, verdict
	if h, ok := a.heard(events.KindSecure); ok {
		a.tell(events.OnSecure{Header: h, Version: state.Version, CipherSuite: state.CipherSuite, ServerName: cfg.ServerName,
			Resumed: state.DidResume, Verdict: verdict, Certificate: state.PeerCertificates[0]})
	}
	return nil
}
