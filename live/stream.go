package live

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"
)

// The bounds of a stream of events.
const (
	slowestWrite  = 5 * time.Second // for what a reader has to take
	longestStream = 5 * time.Minute // then a browser asks again, and a server can be shut down
)

// stream sends the body each time it has changed, until the reader or the
// request's context ends, or a bound is reached. Where nothing changes a comment
// finds out whether the reader is there.
func (h *handler) stream(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query().Get("state"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many readers are kept up to date already", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), longestStream)
	defer cancel()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx
	w.Header().Set("Connection", "close")     // its deadline is ours
	out := http.NewResponseController(w)
	send := func(message []byte) error {
		if err := out.SetWriteDeadline(time.Now().Add(slowestWrite)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(message); err != nil {
			return err
		}
		return out.Flush()
	}
	if r.Method == http.MethodHead {
		return
	}
	tick := time.NewTicker(h.page.Refresh)
	defer tick.Stop()
	var last []byte
	for ctx.Err() == nil {
		body, err := h.body(f)
		if err != nil {
			return
		}
		message := []byte(":\n\n")
		if !bytes.Equal(body, last) {
			message, last = event(body), body
		}
		if send(message) != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// event frames a body as one event: each of its lines a field, whatever ends it.
func event(body []byte) []byte {
	b := make([]byte, 0, len(body)+len(body)/16)
	b = append(b, "event: body\n"...)
	body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		b = append(append(append(b, "data: "...), line...), '\n')
	}
	return append(b, '\n')
}
