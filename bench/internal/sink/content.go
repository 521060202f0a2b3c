package sink

import (
	"bufio"
	"bytes"
	"io"
)

// The end of DATA's content, and the line end before it.
const (
	endOfData = "\r\n.\r\n"
	lineEnd   = "\r\n"
)

// readData reads to the lone dot and returns how many octets were before it, dots
// that were stuffed included, and if they are kept the content itself, without
// them.
//
// What is not kept is not looked at but for its end. Behind the dot no client
// sends anything before the answer, so the dot is what the octets that have come
// end with.
func readData(in *bufio.Reader, keep bool) (octets int64, content []byte, err error) {
	if keep {
		return keepData(in)
	}
	tail := append(make([]byte, 0, 2*len(endOfData)), lineEnd...) // that of DATA
	for !bytes.Equal(tail, []byte(endOfData)) {
		if _, err := in.Peek(1); err != nil {
			return octets, nil, err
		}
		here, _ := in.Peek(in.Buffered())
		tail = append(tail, here[max(0, len(here)-len(endOfData)):]...)
		tail = append(tail[:0], tail[max(0, len(tail)-len(endOfData)):]...)
		octets += int64(len(here))
		if _, err := in.Discard(len(here)); err != nil {
			return octets, nil, err
		}
	}
	return octets - int64(len(".\r\n")), nil, nil
}

// keepData reads line by line, takes off the dots that were stuffed (RFC 5321
// 4.5.2), and counts them.
func keepData(in *bufio.Reader) (octets int64, content []byte, err error) {
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return octets, content, err
		}
		if string(line) == ".\r\n" {
			return octets, content, nil
		}
		octets += int64(len(line))
		content = append(content, bytes.TrimPrefix(line, []byte("."))...)
	}
}

// readChunk reads the n octets of a BDAT.
func readChunk(in *bufio.Reader, n int, keep bool) ([]byte, error) {
	if !keep {
		_, err := in.Discard(n)
		return nil, err
	}
	content := make([]byte, n)
	_, err := io.ReadFull(in, content)
	return content, err
}
