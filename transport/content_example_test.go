package transport_test

import (
	"fmt"

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
