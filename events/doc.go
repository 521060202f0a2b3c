// Package events is what a session tells: typed events, channels and callbacks
// that carry them, and hooks that enclose what it does.
//
// There are three layers, each usable alone:
//
//  1. Level. The methods State, Done, Err and Wait of a session. Correctness
//     hangs on these, not on events.
//  2. Hooks. Small optional interfaces ([LifeHook], [ConnectHook],
//     [AttemptHook], [PhaseHook], [CommandHook], [EventHook], [EndHook],
//     [MissHook]), called in order on the session's goroutine; [DialVeto],
//     [PeerVeto] and [SendVeto] decide. Tracing is nothing but a hook, and so are
//     [Log] and the registry of live sessions. A [Sleeper] is left out
//     while it has nothing to do.
//  3. Channels. Session.Subscribe returns a channel of its own, a [Hub] one for
//     very many sessions; [Handlers] turn it into callbacks.
//
// [Feeds], [Hooks], [SortHooks], [Scope], [NewScope], [InHook] and [Inside] are for
// package session, which is what produces events; a program needs none of them.
//
// # The grammar of a life
//
// A life is what one Connect or Start begins. Its events, state changes left
// out, always parse as:
//
//	life    = {attempt OnRetry} attempt (OnError{Final} | OnConnect {work} OnDisconnect)
//	attempt = OnResolve OnDial [OnSecure] OnGreeting OnHello [OnSecure OnHello]
//	          or a beginning of that, then [OnTimeout|OnCancel] [OnDisconnect]
//	work    = OnCommand | OnAuthenticate | OnRecipient | OnProgress | OnMessage | OnTimeout | OnCancel
//
// OnStateChange comes before the events of its transition. OnDial tells the
// connection that won, and only that one has an OnDisconnect.
//
// # Delivery
//
// The sender never blocks. A channel has room for its buffer and for two more:
// a closing [Lagged] and the last event of the life, which comes whatever was
// asked for. What does not fit is counted and announced by Lagged. For every
// channel, received + missed = emitted of the kinds asked for; the first state
// and Lagged itself are not counted. A [Hub] makes the same promises; it has no first
// state, and its Lagged speaks of all sessions.
//
// With nobody listening an event costs one atomic load, one more with a [Hub], and
// no allocation. A change of state costs an atomic store and a lock besides.
package events
