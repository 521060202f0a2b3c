package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-sasl"
)

func TestDoneAndRefused_OfAClientThatHasNeither(t *testing.T) {
	c := sasl.NewPlainClient("", "u", "p")
	if !Done(c) || Refused(c) != nil {
		t.Errorf("done %t, %v", Done(c), Refused(c))
	}
}

func TestWithOffer_ElseWhatIsLeft(t *testing.T) {
	left := []string{"PLAIN"}
	if got := offer(context.Background(), left); !slices.Equal(got, left) {
		t.Error(got)
	}
	for _, all := range [][]string{{"PLAIN", "LOGIN"}, {}, nil} {
		if got := offer(WithOffer(t.Context(), all), left); !slices.Equal(got, all) {
			t.Errorf("%v, want %v", got, all)
		}
	}
}

type field struct{ c sasl.Client }

// foreign is a client that takes no care of what it holds.
type foreign struct {
	sasl.Client
	secret string
}

// TestSecrets_PrintNowhere prints every type that holds a secret, after it was
// used, also as a field of another.
func TestSecrets_PrintNowhere(t *testing.T) {
	const secret = "t4nst44ft4nst44f"
	ctx := t.Context()
	credentials := Credentials{UserName: "nobody", Password: secret, Identity: "tim", Token: StaticToken(secret), Mechanism: "PLAIN"}
	tim := Credentials{UserName: "tim", Password: secret}
	scram := newChooser(tim)
	made(t)(scram.choose(ctx, []string{scramSHA256}, nil))
	scram.scram.keys[scramSHA256].client.WithNonceGenerator(func() string { return vectorNonce })
	values := map[string]any{
		"Credentials":   credentials,
		"*Credentials":  &credentials,
		"Token":         Token{Value: secret},
		"*Token":        &Token{Value: secret},
		"TokenSource":   StaticToken(secret),
		"Authenticator": credentials.Authenticator(),
		"context":       WithOffer(ctx, []string{"PLAIN"}),
	}
	for name, c := range map[string]sasl.Client{
		"PLAIN":       clientOf(t, Credentials{Mechanism: "PLAIN", UserName: "tim", Password: secret}),
		"LOGIN":       clientOf(t, Credentials{Mechanism: "LOGIN", UserName: "tim", Password: secret}),
		"CRAM-MD5":    clientOf(t, Credentials{Mechanism: "CRAM-MD5", UserName: "tim", Password: secret}),
		"OAUTHBEARER": clientOf(t, Credentials{Mechanism: "OAUTHBEARER", UserName: "tim", Token: StaticToken(secret)}),
		"XOAUTH2":     clientOf(t, Credentials{Mechanism: "XOAUTH2", UserName: "tim", Token: StaticToken(secret)}),
		"SCRAM":       made(t)(scram.choose(ctx, []string{scramSHA256}, nil)),
		"EXTERNAL":    clientOf(t, Credentials{Mechanism: "EXTERNAL", Identity: secret}),
		"ANONYMOUS":   clientOf(t, Credentials{Mechanism: "ANONYMOUS", UserName: secret}),
	} {
		_, _, _ = c.Start()
		if name == "LOGIN" || strings.HasPrefix(name, "SCRAM") {
			if _, err := c.Next([]byte(vectorFirst)); err != nil {
				t.Fatal(err)
			}
		}
		allowed := made(t)(AllowClear(fixed(c, nil))(ctx, nil, nil))
		values[name], values[name+" allowed"] = c, allowed
		// fmt looks into an unexported field and asks no Formatter.
		for kind, c := range map[string]sasl.Client{name: c, name + " allowed": allowed} {
			values[kind+" in a field"] = field{c}
			values[kind+" in a field, by pointer"] = &field{c}
			values[kind+" by pointer in a field"] = struct{ c *sasl.Client }{&c}
			values[kind+" in a field of a field"] = struct{ f []field }{[]field{{c}}}
		}
	}
	values["a client of another's, allowed"] = field{made(t)(AllowClear(fixed(foreign{secret: secret}, nil))(ctx, nil, nil))}
	for name, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} { // %p asks no Formatter; vet refuses it
			fmt.Fprintf(&out, verb+"\n", v)
			fmt.Fprintf(&out, verb+"\n", []any{v})
			fmt.Fprintf(&out, verb+"\n", struct{ V any }{v})
			fmt.Fprintf(&out, verb+"\n", map[string]any{"v": v})
		}
		for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
			log := slog.New(h)
			log.Info("direct", "v", v)
			log.Info("nested", "v", struct{ V any }{v})
			log.Info("many", "v", []any{v})
			log.With("v", v).WithGroup("g").Info("with")
		}
		if name == "Token" || name == "*Token" {
			b, err := json.Marshal(v)
			fmt.Fprintf(&out, "%s %v", b, err)
		}
		for kind, form := range map[string]string{
			"as it is": secret, "hex": hex.EncodeToString([]byte(secret)), "base64": base64.RawStdEncoding.EncodeToString([]byte(secret))[:16],
			"numbers": strings.Trim(fmt.Sprint([]byte(secret)), "[]"),
		} {
			if i := strings.Index(strings.ToLower(out.String()), strings.ToLower(form)); i >= 0 {
				t.Errorf("%s shows it, %s: …%.120s", name, kind, out.String()[max(0, i-60):])
			}
		}
	}
}

func TestSecrets_PrintThatTheyAreThere(t *testing.T) {
	for want, v := range map[string]any{
		"auth.Credentials[user=[redacted] password=unset identity=unset token=[redacted] mechanism=XOAUTH2 host=mx port=25]": Credentials{
			UserName: "tim", Token: StaticToken("T"), Mechanism: "XOAUTH2", Host: "mx", Port: 25},
		"auth.Token{[redacted]}": Token{Value: "T"},
		"auth.Token{unset}":      Token{},
		"auth.SCRAM-SHA-1":       clientOf(t, Credentials{Mechanism: "SCRAM-SHA-1", UserName: "u", Password: "p"}),
		"auth.LOGIN":             clientOf(t, Credentials{Mechanism: "LOGIN", UserName: "u", Password: "p"}),
	} {
		if got := fmt.Sprintf("%+v", v); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
