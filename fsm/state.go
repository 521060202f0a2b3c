package fsm

// State is where a session is in its life.
type State uint8

// The states.
const (
	Idle     State = iota // new: no Connect yet
	Resolve               // asking DNS for the host's addresses
	Dial                  // racing the addresses; a proxy's answer too
	TLS                   // handshake right after TCP (implicit TLS, RFC 8314)
	Greeting              // waiting for the server's first reply
	Ehlo                  // EHLO or HELO sent
	StartTLS              // STARTTLS and its handshake (RFC 3207)
	Ready                 // connected; parked, or serving one command
	Auth                  // AUTH and its challenges (RFC 4954)
	Mail                  // one mail transaction: MAIL, RCPT and the content (RFC 5321 3.3)
	Backoff               // waiting before the next attempt
	Quit                  // QUIT sent
	Closed                // the life has ended
	states                // how many there are
)

// States returns every state in order.
func States() []State {
	all := make([]State, states)
	for i := range all {
		all[i] = State(i)
	}
	return all
}

// String returns the state's name in lower case: "starttls".
func (s State) String() string {
	names := [states]string{
		Idle: "idle", Resolve: "resolve", Dial: "dial", TLS: "tls", Greeting: "greeting", Ehlo: "ehlo",
		StartTLS: "starttls", Ready: "ready", Auth: "auth", Mail: "mail", Backoff: "backoff", Quit: "quit", Closed: "closed",
	}
	if s >= states {
		return "unknown"
	}
	return names[s]
}

// Connecting reports a state between Connect and ready, back-off included.
func (s State) Connecting() bool {
	switch s {
	case Resolve, Dial, TLS, Greeting, Ehlo, StartTLS, Backoff:
		return true
	case Idle, Ready, Auth, Mail, Quit, Closed:
	}
	return false
}

// Trigger is what moves a session from one state to the next.
type Trigger uint8

// The triggers.
const (
	Connect      Trigger = iota // a life begins
	Resolved                    // addresses are known, or none are needed
	Dialed                      // TCP stands; the greeting comes next
	Wrapped                     // TCP stands; TLS comes before the greeting
	Secured                     // the handshake is done
	Greeted                     // 2yz greeting
	Upgrade                     // EHLO is answered and STARTTLS comes next
	Hello                       // EHLO or HELO is answered and nothing is left to do
	Authenticate                // a request to authenticate comes next
	Deliver                     // a request to send a message comes next
	Answered                    // the request is answered
	Retry                       // the attempt failed and another will follow
	Again                       // the wait before it is over
	Leave                       // Disconnect
	Close                       // Close, a final failure, or the connection was lost
	triggers                    // how many there are
)

// Triggers returns every trigger in order.
func Triggers() []Trigger {
	all := make([]Trigger, triggers)
	for i := range all {
		all[i] = Trigger(i)
	}
	return all
}

// String returns the trigger's name in lower case.
func (t Trigger) String() string {
	names := [triggers]string{
		Connect: "connect", Resolved: "resolved", Dialed: "dialed", Wrapped: "wrapped", Secured: "secured",
		Greeted: "greeted", Upgrade: "upgrade", Hello: "hello",
		Authenticate: "authenticate", Deliver: "deliver", Answered: "answered", Retry: "retry", Again: "again", Leave: "leave", Close: "close",
	}
	if t >= triggers {
		return "unknown"
	}
	return names[t]
}
