package events

// Kind tells event types apart without a type switch, and is a bit of a [Mask].
type Kind uint8

// The kinds of event, one a type.
const (
	KindStateChange Kind = iota
	KindResolve
	KindDial
	KindGreeting
	KindHello
	KindSecure
	KindConnect
	KindCommand
	KindAuthenticate
	KindRecipient
	KindProgress
	KindMessage
	KindRetry
	KindTimeout
	KindCancel
	KindError
	KindDisconnect
	KindLagged
	kinds // how many there are
)

// What a [Sleeper] is asked about beside the kinds of events. No event is of
// these, and no [Mask] can hold them.
const (
	Scopes   Kind = 254 // every call that is neither of an event nor of a command
	Commands Kind = 255 // CommandStart and CommandEnd
)

// Kinds returns every kind in order.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the name of the event's type: "OnSecure".
func (k Kind) String() string {
	names := [kinds]string{
		KindStateChange: "OnStateChange", KindResolve: "OnResolve", KindDial: "OnDial", KindGreeting: "OnGreeting",
		KindHello: "OnHello", KindSecure: "OnSecure", KindConnect: "OnConnect", KindCommand: "OnCommand",
		KindAuthenticate: "OnAuthenticate",
		KindRecipient:    "OnRecipient", KindProgress: "OnProgress", KindMessage: "OnMessage",
		KindRetry: "OnRetry", KindTimeout: "OnTimeout", KindCancel: "OnCancel", KindError: "OnError",
		KindDisconnect: "OnDisconnect", KindLagged: "Lagged",
	}
	if k >= kinds {
		return "unknown"
	}
	return names[k]
}

// Mask is a set of kinds. In a [Filter] the zero value means all of them.
type Mask uint32

// MaskOf returns the set of the kinds given.
func MaskOf(of ...Kind) Mask {
	var m Mask
	for _, k := range of {
		m |= 1 << k
	}
	return m
}

// All is the set of every kind.
const All Mask = 1<<kinds - 1

// Has reports whether k is in the set.
func (m Mask) Has(k Kind) bool { return m&(1<<k) != 0 }
