package transport_test

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/smtptest"
	"github.com/ehlo-go/ehlo/transport"
)

func ExampleScan() {
	facts := transport.Scan([]byte("Subject: dots\n\n.\n\xc3\xa9"))
	fmt.Println("octets:", facts.Octets, "8-bit:", facts.EightBit, "clean:", facts.Clean())
	// Output: octets: 24 8-bit: true clean: false
}

func ExampleEncoder() {
	e := transport.Encoder{Dots: true}
	for _, block := range []string{"Subject: dots\n\n.", "\nthe end"} {
		pieces, err := e.Encode([]byte(block))
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, piece := range pieces { // or net.Buffers(pieces).WriteTo(conn)
			fmt.Printf("%q\n", piece)
		}
	}
	end, err := e.End()
	fmt.Printf("%q %v\n", end, err)
	// Output:
	// "Subject: dots\r\n\r\n.."
	// "\r\nthe end"
	// "\r\n.\r\n" <nil>
}

// A chunk and its header leave in one write. The server has a minute for each 64
// KiB, and five seconds in all to be slower than 1000 octets a second.
func ExampleConn_WritePieces() {
	client, server := smtptest.Pipe(0)
	var lock sync.Mutex
	conn := transport.NewConn(client, &lock, time.Minute)
	pace := transport.Pace{Block: time.Minute, Rate: 1000, Credit: 5 * time.Second}
	n, err := conn.WritePieces([][]byte{[]byte("BDAT 5 LAST\r\n"), []byte("hello")}, &pace)
	_ = conn.Close()
	octets, _ := io.ReadAll(server)
	fmt.Printf("%d %v %q\n", n, err, octets)
	// Output: 18 <nil> "BDAT 5 LAST\r\nhello"
}
