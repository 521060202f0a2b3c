package sink

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// keywords are the lines of EHLO's answer, but for the first and for STARTTLS.
var keywords = []string{"PIPELINING", "SIZE 0", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING"}

// The octets that a server of today writes.
const (
	greeting = "220 sink.test ESMTP\r\n"
	goAhead  = "354 End data with <CR><LF>.<CR><LF>\r\n"
	queued   = "250 2.0.0 Ok: queued as 4bXJ2k1w8qz9\r\n"
)

// blockSize is how much is read at once.
const blockSize = 256 << 10

// conversation is one connection.
type conversation struct {
	server  *Server
	tls     *tls.Config
	conn    net.Conn
	in      *bufio.Reader
	out     []byte // answers that wait
	secure  bool   // within TLS
	message Message
	chunks  int64 // octets of the BDATs so far
}

// converse serves a connection until its client leaves.
func (s *Server) converse(c net.Conn, cfg *tls.Config, secure bool) error {
	v := conversation{server: s, tls: cfg, conn: c, secure: secure, in: bufio.NewReader(c), out: []byte(greeting)}
	for {
		if v.in.Buffered() == 0 {
			if err := v.flush(); err != nil {
				return err
			}
		}
		line, err := v.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		verb, rest, _ := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		over, err := v.answer(verb, rest)
		if over || err != nil {
			return err
		}
	}
}

func (v *conversation) flush() error {
	_, err := v.conn.Write(v.out)
	v.out = v.out[:0]
	return err
}

func (v *conversation) say(reply string) { v.out = append(v.out, reply...) }

// answer does what a command asks for. over says that it was the last.
func (v *conversation) answer(verb, rest string) (over bool, err error) {
	switch strings.ToUpper(verb) {
	case "EHLO":
		v.hello()
	case "MAIL":
		v.message = Message{From: rest}
		v.say("250 2.1.0 Ok\r\n")
	case "RCPT":
		v.message.To = rest
		v.say("250 2.1.5 Ok\r\n")
	case "DATA":
		return false, v.data()
	case "BDAT":
		return false, v.chunk(rest)
	case "RSET", "NOOP":
		v.say("250 2.0.0 Ok\r\n")
	case "STARTTLS":
		return false, v.startTLS()
	case "QUIT":
		v.server.counts.sessions.Add(1)
		v.say("221 2.0.0 Bye\r\n")
		return true, v.flush()
	default:
		v.say("502 5.5.1 not known\r\n") // no client here says such a thing: its measurement fails
		return true, v.flush()
	}
	return false, nil
}

func (v *conversation) hello() {
	v.say("250-sink.test\r\n")
	if !v.secure {
		v.say("250-STARTTLS\r\n")
	}
	for _, keyword := range keywords[:len(keywords)-1] {
		v.say("250-" + keyword + "\r\n")
	}
	v.say("250 " + keywords[len(keywords)-1] + "\r\n")
}

func (v *conversation) startTLS() error {
	v.say("220 2.0.0 Ready\r\n")
	if err := v.flush(); err != nil {
		return err
	}
	c := tls.Server(v.conn, v.tls)
	if err := c.Handshake(); err != nil {
		return err
	}
	v.conn, v.secure = c, true
	v.in.Reset(c)
	return nil
}

// data takes the content behind DATA.
func (v *conversation) data() error {
	v.say(goAhead)
	if err := v.flush(); err != nil {
		return err
	}
	v.widen()
	n, content, err := readData(v.in, v.server.keep != nil)
	if err != nil {
		return err
	}
	v.take(n, content)
	v.say(queued)
	return nil
}

// chunk takes the content of one BDAT.
func (v *conversation) chunk(arguments string) error {
	size, last, _ := strings.Cut(arguments, " ")
	n, err := strconv.Atoi(size)
	if err != nil {
		return fmt.Errorf("BDAT %s: %w", arguments, err)
	}
	v.widen()
	content, err := readChunk(v.in, n, v.server.keep != nil)
	if err != nil {
		return err
	}
	v.message.Content = append(v.message.Content, content...)
	v.chunks += int64(n)
	if last == "" {
		v.say("250 2.0.0 Ok\r\n")
		return nil
	}
	v.take(v.chunks, v.message.Content)
	v.chunks = 0
	v.say(queued)
	return nil
}

// widen makes room for content, at a session's first message.
func (v *conversation) widen() {
	if v.in.Size() < blockSize {
		v.in = bufio.NewReaderSize(&rest{v.in, v.conn}, blockSize)
	}
}

// rest reads what the reader before has left, then from the connection.
type rest struct {
	before *bufio.Reader
	conn   net.Conn
}

func (r *rest) Read(b []byte) (int, error) {
	if r.before != nil && r.before.Buffered() > 0 {
		return r.before.Read(b[:min(len(b), r.before.Buffered())])
	}
	r.before = nil
	return r.conn.Read(b)
}

// take counts a message, before its answer is on its way.
func (v *conversation) take(octets int64, content []byte) {
	v.server.counts.messages.Add(1)
	v.server.counts.octets.Add(octets)
	if v.server.keep != nil {
		v.message.Content, v.message.TLS = content, v.secure
		v.server.keep(v.message)
	}
	v.message = Message{}
}
