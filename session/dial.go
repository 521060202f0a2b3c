package session

import (
	"context"
	"net"
	"net/netip"
	"strconv"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/fsm"
	"github.com/ehlo-go/ehlo/smtp"
	"github.com/ehlo-go/ehlo/transport"
)

// dial opens the connection: a race of the addresses, or the proxy's answer.
func (a *actor) dial(ctx context.Context) (fsm.Trigger, error) {
	ctx = events.NewScope(ctx) // a dialer may use another session while a DialVeto is asked
	won, err := a.connect(ctx)
	if err != nil {
		return 0, err
	}
	a.retry.dialing = won.Addr
	a.retry.spent = append(a.retry.spent, won.Failed...)
	if err := a.take(won.Conn); err != nil {
		return 0, err
	}
	if h, ok := a.heard(events.KindDial); ok {
		e := events.OnDial{Header: h, Local: won.Conn.LocalAddr().String(), Remote: a.remote, Dials: won.Dials}
		if a.plan.proxy != nil {
			e.Proxy = a.plan.proxy.String()
		}
		a.tell(e)
	}
	if a.plan.security == implicit {
		return fsm.Wrapped, nil
	}
	return fsm.Dialed, nil
}

func (a *actor) connect(ctx context.Context) (transport.Dialed, error) {
	dialer, limit := a.s.config.Dialer, a.plan.timeouts.Dial
	veto, err := a.putDialToVeto()
	if err != nil {
		return transport.Dialed{}, err
	}
	if a.plan.proxy != nil {
		ctx, stop := transport.Limited(ctx, limit)
		defer stop()
		conn, err := a.plan.proxy.Dial(ctx, dialer, net.JoinHostPort(a.plan.name, strconv.Itoa(a.plan.port)))
		return transport.Dialed{Conn: conn, Dials: 1}, err
	}
	if a.plan.socket != "" {
		ctx, stop := transport.Limited(ctx, limit)
		defer stop()
		conn, err := transport.DialSocket(ctx, dialer, a.plan.socket)
		return transport.Dialed{Conn: conn, Dials: 1}, err
	}
	defer a.answers.Close()
	race := transport.Race{Dialer: dialer, Port: uint16(a.plan.port), Delay: a.s.config.RaceDelay, Limit: limit}
	if a.plan.options.Has(Tunnel) {
		// One dial to exactly this host and port. The next attempt takes the next
		// address, if there is one.
		a.answers.Only(1)
		for _, addr := range a.answers.Addrs() { // none, if hooks have left all out
			a.retry.after = addr
		}
	}
	won, err := race.Dial(ctx, a.answers)
	return veto.outcome(won, err)
}

// take makes a new connection the life's, unless the life was cut meanwhile.
func (a *actor) take(c net.Conn) error {
	a.s.mu.Lock()
	err := a.endedLocked()
	if err == nil {
		a.conn = transport.NewConn(c, &a.s.mu, a.plan.timeouts.Line)
		a.l.conn = a.conn
	}
	a.s.mu.Unlock()
	if err != nil {
		_ = c.Close()
		return err
	}
	a.dialed, a.secure, a.verified = true, false, false
	a.caps, a.extended = smtp.Capabilities{}, false // an earlier attempt knew other ones
	a.peer = peerOf(c)
	a.facts.Peer = a.peer
	if a.peer.IsValid() {
		a.remote = a.peer.String()
	} else {
		a.remote = c.RemoteAddr().String()
	}
	return nil
}

// peerOf returns the address of the other end, invalid if it has none of IP.
func peerOf(c net.Conn) netip.AddrPort {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	addr := tcp.AddrPort()
	return netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
}
