package auth

import (
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestCRAMMD5_VectorOfTheRFC(t *testing.T) { // RFC 2195 2
	c := clientOf(t, Credentials{Mechanism: "CRAM-MD5", UserName: "tim", Password: "tanstaaftanstaaf"})
	if name, initial, err := c.Start(); name != "CRAM-MD5" || initial != nil || err != nil || Done(c) {
		t.Errorf("Start: %s %q %v, done %t", name, initial, err, Done(c))
	}
	response, err := c.Next([]byte("<1896.697170952@postoffice.reston.mci.net>"))
	if string(response) != "tim b913a602c7eda7a495b4e6e7334d3890" || err != nil || !Done(c) {
		t.Errorf("%q %v, done %t", response, err, Done(c))
	}
	if response, err := c.Next([]byte("<1@example>")); response != nil || kindOf(err) != smtp.KindProtocol {
		t.Errorf("second challenge: %q %v (H10)", response, err)
	}
}
