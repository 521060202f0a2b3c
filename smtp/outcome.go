package smtp

// Outcome is how a message, or one recipient of it, ended. There is always
// exactly one.
type Outcome uint8

// The outcomes.
const (
	// NotSent: the server did not answer for it, and cannot have it whole.
	NotSent Outcome = iota
	// Accepted: the server has taken it over (RFC 5321 4.2.5).
	Accepted
	// Rejected: the server said no, for now (4yz) or for good (5yz).
	Rejected
	// Unknown: all of it was handed over and no valid answer came. The server may
	// have it; sending it again may deliver it twice.
	Unknown
)

// String returns "not_sent", "accepted", "rejected" or "unknown".
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not_sent"
	case Accepted:
		return "accepted"
	case Rejected:
		return "rejected"
	case Unknown:
		return "unknown"
	}
	return "_OTHER"
}
