package transport

import "time"

// Pace limits how slowly a server may take what is written.
type Pace struct {
	// Block is the wait for 64 KiB, or the less that is left; 0 is none.
	Block time.Duration
	// Rate is the least rate in octets a second, on average; 0 is any.
	Rate int64
	// Credit is how much longer than by Rate the write may take.
	Credit time.Duration
	// Moved, if not nil, is told each time of how many octets more have been
	// taken. It runs in the middle of the write and must not write itself. Its error
	// ends the write, if anything is left of it.
	Moved func(octets int64) error

	begun   time.Time
	written int64
}

// begin is now, for what is to be measured from here on.
func (p *Pace) begin() {
	p.written = 0
	if p.Rate > 0 {
		p.begun = time.Now()
	}
}

// deadline returns when the next 64 KiB of n octets, or all if they are fewer,
// have to be taken; zero is never.
func (p *Pace) deadline(n int) time.Time {
	by := in(p.Block)
	if p.Rate <= 0 {
		return by
	}
	due := p.begun.Add(p.Credit + p.span(p.written+int64(min(n, maxWrite))))
	if by.IsZero() || due.Before(by) {
		return due
	}
	return by
}

// span returns how long n octets take at Rate.
func (p *Pace) span(n int64) time.Duration {
	const most = 1 << 30 // seconds, so that sums do not overflow
	return time.Duration(min(float64(n)/float64(p.Rate), most) * float64(time.Second))
}

// Left returns the credit that is left after a write: for the next one.
func (p *Pace) Left() time.Duration {
	if p.Rate <= 0 {
		return 0
	}
	return p.Credit + p.span(p.written) - time.Since(p.begun)
}

func (p *Pace) moved(n int64) error {
	p.written += n
	if p.Moved == nil || n <= 0 {
		return nil
	}
	return p.Moved(n)
}
