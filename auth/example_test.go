package auth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/smtp"
)

// start prints how a client begins.
func start(c sasl.Client, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	mechanism, initial, err := c.Start()
	fmt.Printf("%s %q %v\n", mechanism, initial, err)
}

func ExampleCredentials_Authenticator() {
	choose := auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator()
	start(choose(context.Background(), []string{"LOGIN", "PLAIN", "CRAM-MD5"}, nil))
	start(choose(context.Background(), []string{"GSSAPI"}, nil))
	// Output:
	// PLAIN "\x00tim\x00tanstaaf" <nil>
	// authentication not offered: server offers GSSAPI; these credentials want SCRAM-SHA-256-PLUS, SCRAM-SHA-1-PLUS, SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN; with TLS there may be more (SecureExplicit, SecureImplicit)
}

func ExampleCredentials_Validate() {
	fmt.Println(auth.Credentials{}.Validate())
	fmt.Println(auth.Credentials{Mechanism: "XOAUTH2", UserName: "tim", Password: "tanstaaf"}.Validate())
	// Output:
	// invalid argument: UserName is missing: authentication needs a user name
	// invalid argument: XOAUTH2: Token is missing
}

func ExampleCredentials() {
	fmt.Println(auth.Credentials{UserName: "tim", Password: "tanstaaf"})
	// Output: auth.Credentials[user=[redacted] password=[redacted] identity=unset token=unset mechanism= host= port=0]
}

// An Authenticator of one's own: always the same mechanism.
func ExampleAuthenticator() {
	var a auth.Authenticator = func(_ context.Context, mechanisms []string, _ *tls.ConnectionState) (sasl.Client, error) {
		return auth.NewExternal("")
	}
	start(a(context.Background(), []string{"EXTERNAL"}, nil))
	// Output: EXTERNAL "" <nil>
}

func ExampleTokenSource() {
	source := auth.TokenSource(func(ctx context.Context) (auth.Token, error) {
		// Ask the identity provider here.
		return auth.Token{Value: "ya29.vF9dft4", Expiry: time.Now().Add(time.Hour)}, nil
	})
	choose := auth.Credentials{UserName: "tim@example.com", Token: source}.Authenticator()
	start(choose(context.Background(), []string{"PLAIN", "XOAUTH2"}, nil))
	// Output: XOAUTH2 "user=tim@example.com\x01auth=Bearer ya29.vF9dft4\x01\x01" <nil>
}

func ExampleToken() {
	fmt.Println(auth.Token{Value: "ya29.vF9dft4"})
	// Output: auth.Token{[redacted]}
}

func ExampleStaticToken() {
	choose := auth.Credentials{Token: auth.StaticToken("ya29.vF9dft4")}.Authenticator()
	start(choose(context.Background(), []string{"OAUTHBEARER"}, nil))
	// Output: OAUTHBEARER "n,,\x01auth=Bearer ya29.vF9dft4\x01\x01" <nil>
}

func ExamplePermit() {
	c, _ := auth.NewPlain("", "tim", "tanstaaf")
	_, err := auth.Permit(c, "PLAIN", false)
	fmt.Println(errors.Is(err, smtp.ErrInClear))
	_, err = auth.Permit(c, "PLAIN", true)
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleAllowClear() {
	choose := auth.AllowClear(auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator())
	c, _ := choose(context.Background(), []string{"PLAIN"}, nil)
	_, err := auth.Permit(c, "PLAIN", false)
	fmt.Println(err)
	// Output: <nil>
}

func ExampleReveals() {
	fmt.Println(auth.Reveals("PLAIN"), auth.Reveals("SCRAM-SHA-256"))
	// Output: true false
}

func ExampleDone() {
	c, _ := auth.NewLogin("tim", "tanstaaf")
	fmt.Println(auth.Done(c)) // a 235 now would be odd
	_, _ = c.Next([]byte("Username:"))
	_, _ = c.Next([]byte("Password:"))
	fmt.Println(auth.Done(c))
	// Output:
	// false
	// true
}

func ExampleRefused() {
	c, _ := auth.NewXOAuth2("tim@example.com", "ya29.vF9dft4")
	_, _ = c.Next([]byte(`{"status":"401","schemes":"bearer","scope":"https://mail.example/"}`))
	err := auth.Refused(c) // after the 535
	if e, ok := errors.AsType[*auth.TokenError](err); ok {
		fmt.Println(e.Status)
	}
	fmt.Println(err)
	// Output:
	// 401
	// token refused: 401 (scope https://mail.example/)
}

func ExampleTokenError() {
	fmt.Println(&auth.TokenError{Status: "invalid_token\r\n"})
	// Output: token refused: invalid_token\r\n
}

func ExampleWithOffer() {
	choose := auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator()
	offered := []string{"SCRAM-SHA-1-PLUS", "PLAIN"}
	ctx := auth.WithOffer(context.Background(), offered)
	start(choose(ctx, offered[1:], nil)) // the first was refused
	// Output: PLAIN "\x00tim\x00tanstaaf" <nil>
}

func ExampleNewSCRAM() {
	shared, err := auth.NewSCRAM("SCRAM-SHA-256", "tim", "tanstaaf", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := shared.Client([]string{"PLAIN", "SCRAM-SHA-256"}, nil)
	fmt.Println(c, err)
	// Output: auth.SCRAM-SHA-256 <nil>
}

func ExampleSCRAM_Client() {
	shared, _ := auth.NewSCRAM("SCRAM-SHA-1", "tim", "tanstaaf", "")
	c, _ := shared.Client([]string{"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"}, nil) // no TLS, no channel binding
	_, initial, _ := c.Start()
	fmt.Printf("%s\n", initial[:len("n,,n=tim,r=")])
	_, err := c.Next([]byte("r=not ours,s=W22Z,i=4096"))
	fmt.Println(err)
	// Output:
	// n,,n=tim,r=
	// protocol error: SCRAM-SHA-1: server's message does not begin with a nonce that extends ours (RFC 5802 5.1)
}

func ExampleNewPlain() {
	start(auth.NewPlain("", "tim", "tanstaaf"))
	// Output: PLAIN "\x00tim\x00tanstaaf" <nil>
}

func ExampleNewLogin() {
	c, _ := auth.NewLogin("tim", "tanstaaf")
	user, _ := c.Next([]byte("Username:"))
	password, _ := c.Next([]byte("Password:"))
	fmt.Printf("%s %s\n", user, password)
	// Output: tim tanstaaf
}

func ExampleNewExternal() {
	start(auth.NewExternal("boss@example.com"))
	// Output: EXTERNAL "boss@example.com" <nil>
}

func ExampleNewAnonymous() {
	start(auth.NewAnonymous("tim@example.com"))
	// Output: ANONYMOUS "tim@example.com" <nil>
}

func ExampleNewOAuthBearer() {
	start(auth.NewOAuthBearer("tim@example.com", "ya29.vF9dft4", "mx.example.com", 587))
	// Output: OAUTHBEARER "n,a=tim@example.com,\x01host=mx.example.com\x01port=587\x01auth=Bearer ya29.vF9dft4\x01\x01" <nil>
}

func ExampleNewXOAuth2() {
	start(auth.NewXOAuth2("tim@example.com", "ya29.vF9dft4"))
	// Output: XOAUTH2 "user=tim@example.com\x01auth=Bearer ya29.vF9dft4\x01\x01" <nil>
}

func ExampleNewCRAMMD5() {
	c, _ := auth.NewCRAMMD5("tim", "tanstaaftanstaaf")
	response, _ := c.Next([]byte("<1896.697170952@postoffice.reston.mci.net>")) // RFC 2195 2
	fmt.Printf("%s\n", response)
	// Output: tim b913a602c7eda7a495b4e6e7334d3890
}
