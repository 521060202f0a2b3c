// Command watch connects to a mail server and prints what happens:
//
//	go run ./examples/watch mx.example.org
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: watch HOST") }
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := watch(ctx, session.Config{HostName: flag.Arg(0), Options: session.Extended | session.SecureExplicit})
	stop()
	if err != nil {
		log.Fatal(err, " ", smtp.Code(err)) // status 1
	}
}

func watch(ctx context.Context, c session.Config) error {
	s, err := session.New(c)
	if err != nil {
		return err
	}
	happenings, _ := s.Subscribe(events.Filter{})
	ended := make(chan error, 1)
	go func() {
		err := s.Connect(ctx)
		if err == nil {
			err = s.Disconnect(ctx)
		}
		ended <- err
	}()
	for e := range happenings { // closed at the end of the life
		fmt.Printf("%-13v %v\n", e.Kind(), e.Head().State)
	}
	return <-ended
}
