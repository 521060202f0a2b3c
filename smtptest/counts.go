package smtptest

import "maps"

// Counts is how often things happened at a [Server] since it was made. Unlike
// transcript and messages it has no limit: nothing is left out however long a
// test runs.
type Counts struct {
	Connections int // accepted
	Closed      int // how many of them have ended, by whichever side
	// Greetings are those with 2yz that the server said by itself or that a step at
	// "GREETING" said. What a Config.Script says by hand is not recognised as one.
	Greetings int
	// Handshakes of TLS that ended well on this side; a TLS 1.3 client may finish
	// slightly earlier.
	Handshakes int
	// Commands are the lines of commands by their verb in upper case, those of
	// [Server.Commands]: each counts once it has come whole and before it is
	// answered, also if it is refused. What [Silence] reads over does not.
	Commands map[string]int
	// Unknown are lines of verbs that mean nothing here, so that no client makes
	// Commands grow: neither SMTP's nor in Config.On.
	Unknown int
	// Responses are the lines that answered a 334, "*" too.
	Responses int
	// Contents came whole, to the dot of DATA or the last octet of a BDAT LAST,
	// whatever was answered.
	Contents int
	// Messages were accepted, those of [Server.Messages]: each counts before its
	// reply is written.
	Messages int
}

// Counts returns what happened so far, all of it at one moment; the map is the
// caller's own. Who has the answer to a command finds the command counted. What
// a client sent just before it hung up is counted when [Server.Close] has
// returned.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record.mu.Lock()
	defer s.record.mu.Unlock()
	c := s.record.counts
	c.Connections, c.Closed = s.accepted, s.accepted-s.alive
	c.Commands = maps.Clone(c.Commands)
	return c
}

// count changes the counts.
func (r *record) count(change func(*Counts)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.counts)
}

// countLine counts a line of the client: a command, or what answers a 334.
func (c *Conn) countLine(verb string, answer bool) {
	known := c.knows(verb)
	c.server.record.count(func(n *Counts) {
		switch {
		case answer:
			n.Responses++
		case known:
			n.Commands[verb]++
		default:
			n.Unknown++
		}
	})
}

// countGreeting counts what a greeting with this code is.
func (c *Conn) countGreeting(code int) {
	if code/100 == 2 {
		c.server.record.count(func(n *Counts) { n.Greetings++ })
	}
}

// countContent counts content whose last octet is here.
func (c *Conn) countContent() { c.server.record.count(func(n *Counts) { n.Contents++ }) }
