package peer

import (
	"context"
	"io"
	"strconv"
)

// lent is raw behind its goroutine, whose content only its caller can read, since a
// reader may block for ever: the goroutine asks for a block, and the one that called
// Send fills it. Each is looked at, and goes out with a look at the server and a
// deadline.
type lent struct {
	conn *rawConn
	from io.Reader
	back func() // from at its beginning
	ask  chan struct{}
	want chan []byte
	got  chan error
	done chan error
	room []byte // for a header, a block and what ends DATA
}

// headroom is for "BDAT n LAST".
const headroom = 32

func newLent(c *rawConn, l *Letter, chunk int) *lent {
	from, octets := l.reader()
	s := &lent{
		conn: c, from: from, back: func() { octets.Reset(l.Content) },
		ask: make(chan struct{}), want: make(chan []byte, 1), got: make(chan error, 1), done: make(chan error),
		room: make([]byte, headroom+chunk+len(".\r\n")),
	}
	go func() {
		for range s.ask {
			s.done <- s.message(l)
		}
		s.done <- c.Close()
	}()
	return s
}

// Send reads for the goroutine until the message is answered.
func (s *lent) Send(context.Context) error {
	s.back()
	s.ask <- struct{}{}
	for {
		select {
		case err := <-s.done:
			return err
		case b := <-s.want:
			_, err := io.ReadFull(s.from, b)
			s.got <- err
		}
	}
}

func (s *lent) Close() error {
	close(s.ask)
	return <-s.done
}

// message sends one, block by block.
func (s *lent) message(l *Letter) error {
	c := s.conn
	envelope := l.Flights[0]
	if err := c.exchange(envelope.Octets, envelope.Replies); err != nil {
		return err
	}
	for left := len(l.Content); left > 0; {
		block := s.room[headroom : headroom+min(left, len(s.room)-headroom-len(".\r\n"))]
		s.want <- block
		if err := <-s.got; err != nil {
			return err
		}
		c.guard.message(block)
		left -= len(block)
		out, replies := s.dressed(block, l.Way, left == 0)
		if err := c.exchange(out, replies); err != nil {
			return err
		}
	}
	return nil
}

// dressed returns a block as it goes out, and how many replies are to come.
func (s *lent) dressed(block []byte, w Way, last bool) (out []byte, replies int) {
	end := headroom + len(block)
	if !w.Chunked {
		if !last {
			return block, 0
		}
		return s.room[headroom : end+copy(s.room[end:], ".\r\n")], 1
	}
	var room [headroom]byte
	header := strconv.AppendInt(append(room[:0], "BDAT "...), int64(len(block)), 10)
	if last {
		header = append(header, " LAST"...)
	}
	header = append(header, "\r\n"...)
	from := headroom - copy(s.room[headroom-len(header):], header)
	return s.room[from:end], 1
}
