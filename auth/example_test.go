package auth_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
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

// An Authenticator of one's own: the certificate if the server takes it, else the
// password, and never LOGIN.
func ExampleAuthenticator() {
	certificate := auth.Credentials{Mechanism: "EXTERNAL"}.Authenticator()
	password := auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator()
	var a auth.Authenticator = func(ctx context.Context, mechanisms []string, state *tls.ConnectionState) (sasl.Client, error) {
		if slices.Contains(mechanisms, "EXTERNAL") {
			return certificate(ctx, mechanisms, state)
		}
		return password(ctx, slices.DeleteFunc(slices.Clone(mechanisms), func(name string) bool { return name == "LOGIN" }), state)
	}
	start(a(context.Background(), []string{"PLAIN", "EXTERNAL"}, nil))
	start(a(context.Background(), []string{"LOGIN", "PLAIN"}, nil))
	// Output:
	// EXTERNAL "" <nil>
	// PLAIN "\x00tim\x00tanstaaf" <nil>
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
	choose := auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator()
	c, _ := choose(context.Background(), []string{"PLAIN"}, nil)
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
	choose := auth.Credentials{UserName: "tim", Password: "tanstaaf"}.Authenticator()
	c, _ := choose(context.Background(), []string{"LOGIN"}, nil)
	fmt.Println(auth.Done(c)) // a 235 now would be odd
	_, _ = c.Next([]byte("Username:"))
	_, _ = c.Next([]byte("Password:"))
	fmt.Println(auth.Done(c))
	// Output:
	// false
	// true
}

func ExampleRefused() {
	choose := auth.Credentials{UserName: "tim@example.com", Token: auth.StaticToken("ya29.vF9dft4")}.Authenticator()
	c, _ := choose(context.Background(), []string{"XOAUTH2"}, nil)
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
