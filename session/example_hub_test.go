package session_test

import (
	"context"
	"fmt"
	"log"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// One Hub in the Config of all sessions: one channel, and one goroutine that reads,
// however many there are. The header of an event says of which session it is.
func ExampleConfig_hub() {
	server, config := memory(smtptest.Config{})
	defer server.Close()
	config.Hub = new(events.Hub)
	config.Options = session.Extended

	commands, ends := 0, map[uint64]events.Reason{}
	h := events.Handlers{
		OnCommand:    func(events.OnCommand) { commands++ },
		OnDisconnect: func(e events.OnDisconnect) { ends[e.Session] = e.Reason },
	}
	ch, cancel := config.Hub.Subscribe(events.Filter{Kinds: h.Kinds(), Buffer: 100})
	dispatched := make(chan error, 1)
	go func() { dispatched <- h.Dispatch(ch) }()

	ctx := context.Background()
	for range 3 {
		s, err := session.New(config)
		if err != nil {
			log.Fatal(err)
		}
		if err := s.Connect(ctx); err != nil {
			log.Fatal(err)
		}
		_ = s.Noop(ctx)
		_ = s.Disconnect(ctx)
		<-s.Done()
	}
	cancel() // what is in the channel is still read
	fmt.Println(<-dispatched, commands, "commands,", len(ends), "sessions over")
	// Output: <nil> 3 commands, 3 sessions over
}
