package session

// A goroutine's stack begins small, with 2 kB mostly, and where a call does not fit
// all is copied to one of twice the size, or of twice that: later with more frames,
// which is what it costs. Whoever knows how deep the calls below will go calls one of
// these first, while there are few. They have a frame that is large, and return an
// octet of it so that it is not left out. A resting session is not meant: its
// goroutine is a new one.

// deepenToDial makes room for the phases without TLS, and for hooks that
// trace them: the stack has 8 kB then.
//
//go:noinline
func deepenToDial(i int) byte {
	var frame [5 << 10]byte
	return frame[i]
}

// deepenToShakeHands makes room for crypto/tls, whose key exchange has large
// frames: 32 kB.
//
//go:noinline
func deepenToShakeHands(i int) byte {
	var frame [20 << 10]byte
	return frame[i]
}
