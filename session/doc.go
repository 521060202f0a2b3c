// Package session is the actor: one SMTP client session, from a host's name to
// ready, and what is asked of it then.
//
//	s, err := session.New(session.Config{HostName: "mx.example.org", Options: session.Extended | session.SecureExplicit})
//	…
//	defer s.Close()
//	err = s.Connect(ctx)                                                     // to ready, in time or not at all
//	err = s.Authenticate(ctx, session.WithUserName("ann"), session.WithPassword(password))
//	receipt, err := s.Send(ctx, &smtp.Message{…})                            // or Begin, by steps
//	reply, err := s.Verify(ctx, "bob")                                       // Expand, Help, Noop, Reset, Command
//	ch, stop := s.Subscribe(events.Filter{})                                 // what happens, as events
//	err = s.Disconnect(ctx)
//
// # The life of a session
//
// [New] makes a [Session] without a goroutine and without I/O. [Session.Connect]
// begins a life: it walks the table of package fsm through resolve, dial, tls,
// greeting, ehlo and starttls to ready, with retries in between. From there on the
// life has a goroutine of its own, which waits, parked, for its caller and its server
// at once; after [Session.Start] it has one from the beginning. The life ends by
// Disconnect (QUIT), by Close, when the server leaves, or when an attempt fails
// for good. Nothing reconnects by itself; Connect may be called again.
//
// # Invariants
//
//   - One goroutine at a time has a life: that of Connect until it is ready, then
//     its own. Only this one touches the connection. Others post requests,
//     or cut: set a past deadline, under the lock that guards all deadlines.
//   - The loop in actor.go is the only place where phases begin and end. A phase
//     does its I/O and returns a trigger; looplab/fsm decides.
//   - A secret reaches nothing but the wire. Where a server repeats one, in any
//     form that can be told, its words are not shown.
//   - A cancel that comes after success cuts nothing: both are decided under the
//     session's lock.
//   - A connect ends in exactly one of OnConnect and a final OnError, a
//     connection in exactly one OnDisconnect.
//
// # Files
//
// config.go, options.go and arguments.go are what callers give; plan.go makes of
// it what will be done, and hooks.go who hears of it. session.go has the public
// methods, life.go what begins and cuts a life, mailbox.go its requests:
// command.go for those of one line, authenticate.go for a login. actor.go is the
// loop, with scope.go for what encloses attempts and phases, stack.go for the
// room it needs and finish.go for the one end; resolve.go, dial.go, tls.go,
// greeting.go, ehlo.go, starttls.go, ready.go, auth.go, mail.go, backoff.go and
// quit.go are the phases. sasl.go is what one mechanism says, and secret.go what
// is not repeated of it. send.go and transaction.go are how a message is given,
// content.go where its octets come from, envelope.go what is asked, flight.go how
// commands travel together, answers.go what comes back, body.go what the content
// is made into, pour.go how it goes out, progress.go how far it is, end.go the
// answer to it, and delivery.go what becomes of it. exchange.go is a command and
// its reply, retry.go what follows a failed attempt, veto.go asks the hooks that
// decide, fault.go completes errors, emit.go tells transitions and events, and
// view.go is what others may read.
package session
