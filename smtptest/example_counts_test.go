package smtptest_test

import (
	"fmt"
	"net/smtp"

	"github.com/ehlo-go/ehlo/smtptest"
)

// Two messages, and how many connections and logins they cost.
func ExampleServer_Counts() {
	srv, err := smtptest.NewServer(smtptest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	for range 2 {
		if err := smtp.SendMail(srv.Addr(), nil, "ann@example.org", []string{"bob@example.net"}, []byte("Subject: hello\r\n\r\nHello.\r\n")); err != nil {
			fmt.Println(err)
			return
		}
	}
	n := srv.Counts()
	fmt.Println(n.Messages, "messages over", n.Connections, "connections")
	fmt.Println(n.Commands["MAIL"], "MAIL,", n.Commands["AUTH"], "AUTH,", n.Commands["QUIT"], "QUIT")
	// Output:
	// 2 messages over 2 connections
	// 2 MAIL, 0 AUTH, 2 QUIT
}
