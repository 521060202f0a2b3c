package smtptest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
)

// dialogue returns a server in memory with steps, and a client's connection to it that
// has been greeted.
func dialogue(on map[string]smtptest.Step) (server *smtptest.Server, conn net.Conn, lines *bufio.Scanner) {
	server = smtptest.NewMemoryServer(smtptest.Config{On: on})
	conn, err := server.DialContext(context.Background(), "tcp", server.Addr())
	if err != nil {
		log.Fatal(err)
	}
	lines = bufio.NewScanner(conn)
	lines.Scan()
	return server, conn, lines
}

// An answer in one piece that is none, one that comes octet by octet, and one after
// which the server is gone.
func ExampleThen() {
	server, conn, lines := dialogue(map[string]smtptest.Step{
		"NOOP": smtptest.SayRaw("250 one\n250 two\r\n"),
		"HELP": smtptest.Trickle("214 in a hurry\r\n", time.Millisecond),
		"RSET": smtptest.Then(smtptest.Usual(), smtptest.Say("421 4.3.2 going down"), smtptest.Close()),
	})
	defer server.Close()
	io.WriteString(conn, "NOOP\r\nHELP\r\nRSET\r\n")
	for lines.Scan() {
		fmt.Println(lines.Text())
	}
	// Output:
	// 250 one
	// 250 two
	// 214 in a hurry
	// 250 forgotten
	// 421 4.3.2 going down
}

// A reply without an end: a client has to have a bound.
func ExampleFlood() {
	server, conn, lines := dialogue(map[string]smtptest.Step{"NOOP": smtptest.Flood("250-and so on\r\n")})
	defer server.Close()
	io.WriteString(conn, "NOOP\r\n")
	for range 1000 {
		lines.Scan()
	}
	conn.Close()
	fmt.Println(lines.Text(), server.WaitClosed(context.Background()))
	// Output: 250-and so on <nil>
}

// The connections break while the client is idle.
func ExampleServer_ResetConns() {
	server, _, lines := dialogue(nil)
	defer server.Close()
	server.ResetConns()
	fmt.Println(lines.Scan(), lines.Err())

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	fmt.Println(server.WaitClosed(ctx), server.Open())
	// Output:
	// false read tcp 192.0.2.1:40000->192.0.2.25:25: read: connection reset by peer
	// <nil> 0
}

// WaitClosed gives up with its context.
func ExampleServer_WaitClosed() {
	server, conn, _ := dialogue(nil)
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(errors.Is(server.WaitClosed(ctx), context.Canceled))
	conn.Close()
	fmt.Println(server.WaitClosed(context.Background()))
	// Output:
	// true
	// <nil>
}

// DATA played by hand: what came, without the dots that were stuffed.
func ExampleConn_ReadContent() {
	server, conn, lines := dialogue(map[string]smtptest.Step{"DATA": func(c *smtptest.Conn) {
		c.Reply(354, "go on")
		content, err := c.ReadContent()
		c.Reply(250, fmt.Sprintf("got %q %v", content, err))
	}})
	defer server.Close()
	io.WriteString(conn, "DATA\r\n")
	lines.Scan()
	io.Copy(conn, strings.NewReader("..a dot\r\n.\r\n"))
	lines.Scan()
	fmt.Println(lines.Text())
	// Output: 250 got ".a dot\r\n" <nil>
}
