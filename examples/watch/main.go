// Command watch connects to a mail server and prints what happens:
//
//	go run ./examples/watch mx.example.org
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: watch HOST")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := session.New(session.Config{HostName: os.Args[1], Options: session.Extended | session.SecureExplicit})
	if err != nil {
		log.Fatal(err)
	}
	happenings, _ := s.Subscribe(events.Filter{})
	go func() {
		if s.Connect(ctx) == nil {
			_ = s.Disconnect(ctx)
		}
	}()
	for e := range happenings { // closed at the end of the life
		fmt.Printf("%-13v %v\n", e.Kind(), e.Head().State)
	}
	fmt.Println(s.Err(), smtp.Code(s.Err()))
}
