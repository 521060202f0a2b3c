// Package live knows the sessions that are alive, and shows them on a page in
// the manner of net/http/pprof.
//
//	var registry live.Registry
//
//	s, err := session.New(session.Config{…, Hooks: []events.Hook{&registry}})
//	…
//	mux.Handle("/debug/smtp/", registry.Handler(live.Page{}))
//
// A [Registry] is a hook of package events. Each session that has it among its
// hooks is listed from the beginning of a life to its end: [Registry.Sessions],
// [Registry.Counts], and [Registry.Abort], which ends one. It keeps how long the
// phases took ([Registry.Phases]) and the latest errors ([Registry.Failures]),
// both within fixed bounds.
//
// # The page
//
// [Registry.Handler] lists the live sessions, how many are in each state, the
// times of the phases and the latest errors. It works without JavaScript; with
// it, it keeps itself up to date by server-sent events. What a server said is
// escaped twice, for the eye and for HTML, and the page's Content-Security-Policy
// lets nothing run or load but its own two files.
//
// The page names hosts, and shows what servers said, which may name people: give
// it to operators only, as pprof's. Whoever can reach it can read it, and abort,
// unless [Page].ReadOnly is set. A page elsewhere that makes an operator's browser
// send requests can do neither: it cannot read the token that the form has to hold,
// and where it has made a name of its own point here, that name is none of
// [Page].Hosts. [Page.Guard] does the latter for the pages beside this one.
//
// # Cost
//
// A session tells the Registry of its transitions and errors, which costs an
// allocation or two each, and no lock that a reader holds for longer than it
// takes to copy a snapshot. A reader is never waited for. However many look at
// it, the page is made at most twice in a refresh for each state that is asked
// for.
package live
