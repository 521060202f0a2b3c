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

// TestSecrets_PrintNowhere prints every type that holds a secret, before and
// after it was used, also as a field of another.
func TestSecrets_PrintNowhere(t *testing.T) {
	const secret = "t4nst44ft4nst44f"
	ctx := t.Context()
	credentials := Credentials{UserName: "nobody", Password: secret, Identity: "tim", Token: StaticToken(secret), Mechanism: "PLAIN"}
	shared := newSCRAM(t, scramSHA256, "tim", secret, "", vectorNonce)
	values := map[string]any{
		"Credentials":   credentials,
		"*Credentials":  &credentials,
		"Token":         Token{Value: secret},
		"*Token":        &Token{Value: secret},
		"TokenSource":   StaticToken(secret),
		"Authenticator": credentials.Authenticator(),
		"SCRAM":         shared,
		"context":       WithOffer(ctx, []string{"PLAIN"}),
	}
	for name, c := range map[string]sasl.Client{
		"PLAIN":       made(t)(NewPlain("", "tim", secret)),
		"LOGIN":       made(t)(NewLogin("tim", secret)),
		"CRAM-MD5":    made(t)(NewCRAMMD5("tim", secret)),
		"OAUTHBEARER": made(t)(NewOAuthBearer("tim", secret, "", 0)),
		"XOAUTH2":     made(t)(NewXOAuth2("tim", secret)),
		"SCRAM once":  made(t)(shared.Client([]string{scramSHA256}, nil)),
		"EXTERNAL":    made(t)(NewExternal(secret)),
		"ANONYMOUS":   made(t)(NewAnonymous(secret)),
	} {
		_, _, _ = c.Start()
		if name == "LOGIN" || strings.HasPrefix(name, "SCRAM") {
			if _, err := c.Next([]byte(vectorFirst)); err != nil {
				t.Fatal(err)
			}
		}
		values[name] = c
		values[name+" allowed"] = made(t)(AllowClear(fixed(c, nil))(ctx, nil, nil))
	}
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
		"auth.SCRAM-SHA-1":       newSCRAM(t, "scram-sha-1", "u", "p", "", ""),
		"auth.LOGIN":             made(t)(NewLogin("u", "p")),
	} {
		if got := fmt.Sprintf("%+v", v); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
