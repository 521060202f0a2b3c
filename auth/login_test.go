package auth

import (
	"testing"

	"github.com/ehlo-go/ehlo/smtp"
)

func TestLogin_H10_CountsStepsWhateverThePrompt(t *testing.T) {
	for _, prompts := range [][2]string{
		{"Username:", "Password:"},
		{"User Name\x00", "Password\x00"},
		{"Password:", "Username:"},
		{"", ""},
	} {
		c := clientOf(t, Credentials{Mechanism: "LOGIN", UserName: "tim", Password: "tanstaaf"})
		if name, initial, err := c.Start(); name != "LOGIN" || initial != nil || err != nil {
			t.Errorf("Start: %s %q %v", name, initial, err)
		}
		for i, want := range []string{"tim", "tanstaaf"} {
			if Done(c) {
				t.Errorf("done before response %d", i)
			}
			if response, err := c.Next([]byte(prompts[i])); string(response) != want || err != nil {
				t.Errorf("%q: %q %v, want %q", prompts[i], response, err, want)
			}
		}
		if !Done(c) {
			t.Error("not done")
		}
		if response, err := c.Next([]byte("Password:")); response != nil || kindOf(err) != smtp.KindProtocol {
			t.Errorf("third challenge: %q %v", response, err)
		}
	}
}
