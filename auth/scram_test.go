package auth

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/xdg-go/scram"

	"github.com/ehlo-go/ehlo/smtp"
)

// vectorChooser returns the Authenticator of the RFCs' user, whose client nonces
// are all the same.
func vectorChooser(t testing.TB, mechanism, nonce string) *chooser {
	t.Helper()
	c := newChooser(Credentials{UserName: "user", Password: "pencil"})
	client := made(t)(c.choose(t.Context(), []string{mechanism}, nil)) // makes the keys
	if Done(client) || c.scram.keys[mechanism] == nil {
		t.Fatal("no keys")
	}
	c.scram.keys[mechanism].client.WithNonceGenerator(func() string { return nonce })
	return c
}

func kindOf(err error) smtp.Kind {
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		return e.Kind
	}
	return smtp.KindOther
}

func TestSCRAM_VectorsOfTheRFCs(t *testing.T) {
	for _, c := range []struct {
		mechanism, nonce   string
		first, serverFirst string
		final, serverFinal string
	}{
		{ // RFC 5802 5
			"SCRAM-SHA-1", "fyko+d2lbbFgONRv9qkxdawL",
			"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
			"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
			"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
			"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
		},
		{ // RFC 7677 3
			"SCRAM-SHA-256", "rOprNGfwEbeRWgbNEkqO",
			"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
			"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
			"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
			"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
		},
	} {
		t.Run(c.mechanism, func(t *testing.T) {
			client := made(t)(vectorChooser(t, c.mechanism, c.nonce).choose(t.Context(), []string{c.mechanism}, nil))
			name, first, err := client.Start()
			if name != c.mechanism || string(first) != c.first || err != nil {
				t.Fatalf("Start: %s %q %v", name, first, err)
			}
			final, err := client.Next([]byte(c.serverFirst))
			if string(final) != c.final || err != nil {
				t.Fatalf("final %q %v, want %q", final, err, c.final)
			}
			if Done(client) {
				t.Error("done without the server's proof")
			}
			last, err := client.Next([]byte(c.serverFinal))
			if last == nil || len(last) != 0 || err != nil || !Done(client) {
				t.Errorf("after the proof: %q %v, done %t", last, err, Done(client))
			}
			if _, err := client.Next(nil); kindOf(err) != smtp.KindProtocol || Done(client) {
				t.Errorf("a third challenge: %v, done %t", err, Done(client))
			}
		})
	}
}

// scramServer returns the server's side for user "user,=", password "pencil".
func scramServer(t testing.TB, mechanism string) *scram.Server {
	t.Helper()
	hash := scram.SHA256
	if strings.HasPrefix(mechanism, scramSHA1) {
		hash = scram.SHA1
	}
	known, err := hash.NewClient("user,=", "pencil", "")
	if err != nil {
		t.Fatal(err)
	}
	credentials, err := known.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "salt", Iters: minIterations})
	if err != nil {
		t.Fatal(err)
	}
	server, err := hash.NewServer(func(string) (scram.StoredCredentials, error) { return credentials, nil })
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// talk runs an exchange to its end; what the server says with an error goes to
// the client too, as RFC 5802 has it.
func talk(client sasl.Client, server *scram.ServerConversation) error {
	_, response, err := client.Start()
	for !server.Done() && err == nil {
		var challenge string
		challenge, err = server.Step(string(response))
		if challenge == "" {
			return err
		}
		var clientErr error
		if response, clientErr = client.Next([]byte(challenge)); clientErr != nil {
			return clientErr
		}
	}
	return err
}

func TestSCRAM_AllFourFormsWithAnotherServer(t *testing.T) {
	key := ecdsaKey(t)
	ours13, theirs13 := tlsStates(t, tls.VersionTLS13, key)
	ours12, theirs12 := tlsStates(t, tls.VersionTLS12, key)
	ourEnd := *ours12
	ourEnd.TLSUnique = nil
	leaf, err := scram.NewTLSServerEndpointBinding(&ourEnd)
	if err != nil {
		t.Fatal(err)
	}
	exporter, err := scram.NewTLSExporterBinding(theirs13)
	if err != nil {
		t.Fatal(err)
	}
	unique := scram.NewTLSUniqueBinding(theirs12.TLSUnique)
	none := scram.ChannelBinding{}

	for _, hash := range []string{scramSHA1, scramSHA256} {
		for _, c := range []struct {
			name   string
			offer  []string
			tls    *tls.ConnectionState
			server scram.ChannelBinding
			want   string // mechanism and GS2 header
			ok     bool
		}{
			{"no TLS", []string{hash}, nil, none, hash + " n,a=boss=2C=3D,", true},
			{"TLS, no PLUS offered", []string{hash}, ours13, none, hash + " y,a=boss=2C=3D,", true},
			{"PLUS taken out of the offer", []string{hash}, ours13, exporter, hash + " y,a=boss=2C=3D,", false},
			{"PLUS of another hash offered", []string{hash, "SCRAM-SHA-512-PLUS"}, ours13, exporter, hash + " n,a=boss=2C=3D,", true},
			{"PLUS without TLS", []string{hash, hash + plus}, nil, exporter, hash + " n,a=boss=2C=3D,", true},
			{"exporter", []string{hash, hash + plus}, ours13, exporter, hash + "-PLUS p=tls-exporter,a=boss=2C=3D,", true},
			{"unique", []string{hash + plus, hash}, ours12, unique, hash + "-PLUS p=tls-unique,a=boss=2C=3D,", true},
			{"end-point", []string{hash + plus}, &ourEnd, leaf, hash + "-PLUS p=tls-server-end-point,a=boss=2C=3D,", true},
			{"man in the middle", []string{hash + plus}, ours12, scram.NewTLSUniqueBinding([]byte("another")), hash + "-PLUS p=tls-unique,a=boss=2C=3D,", false},
			{"unsupported type", []string{hash + plus, hash}, ours13, unique, hash + "-PLUS p=tls-exporter,a=boss=2C=3D,", false},
		} {
			t.Run(hash+" "+c.name, func(t *testing.T) {
				a := Credentials{UserName: "user,=", Password: "pencil", Identity: "boss,="}.Authenticator()
				client := made(t)(a(t.Context(), c.offer, c.tls))
				server := scramServer(t, hash).NewConversationWithChannelBinding(c.server)
				spy := &spy{Client: client}
				err = talk(spy, server)
				first, _, _ := strings.Cut(spy.first, "n=user=2C=3D,r=")
				if first != c.want {
					t.Errorf("began %q, want %q", first, c.want)
				}
				if server.Valid() != c.ok || Done(client) != c.ok || err == nil != c.ok {
					t.Errorf("server valid %t, client done %t, %v; want %t", server.Valid(), Done(client), err, c.ok)
				}
				if c.ok && (server.Username() != "user,=" || server.AuthzID() != "boss,=") {
					t.Errorf("server took us for %q acting as %q", server.Username(), server.AuthzID())
				}
				if reason := Refused(client); !c.ok && (reason == nil || !strings.Contains(reason.Error(), "server says e=")) {
					t.Errorf("the client knows no reason: %v", reason)
				}
			})
		}
	}
}

// spy keeps how a client began.
type spy struct {
	sasl.Client
	first string
}

func (s *spy) Start() (string, []byte, error) {
	name, first, err := s.Client.Start()
	s.first = name + " " + string(first)
	return name, first, err
}

const (
	vectorNonce = "rOprNGfwEbeRWgbNEkqO"
	vectorFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	vectorFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// vector returns a client of RFC 7677's exchange, started.
func vector(t testing.TB) sasl.Client {
	t.Helper()
	client := made(t)(vectorChooser(t, scramSHA256, vectorNonce).choose(t.Context(), []string{scramSHA256}, nil))
	if _, _, err := client.Start(); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestSCRAM_H9_BadServersAreRefused(t *testing.T) {
	const nonce = "r=rOprNGfwEbeRWgbNEkqOx,"
	for name, c := range map[string]struct {
		says []string
		kind smtp.Kind // of the last step's error
	}{
		"1 iteration":             {[]string{nonce + "s=W22Z,i=1"}, smtp.KindMechanism},
		"4,095 iterations":        {[]string{nonce + "s=W22Z,i=4095"}, smtp.KindMechanism},
		"1,000,001 iterations":    {[]string{nonce + "s=W22Z,i=1000001"}, smtp.KindMechanism},
		"2,147,483,647":           {[]string{nonce + "s=W22Z,i=2147483647"}, smtp.KindMechanism},
		"as many as 64 bits hold": {[]string{nonce + "s=W22Z,i=18446744073709551615"}, smtp.KindMechanism},
		"more than 64 bits hold":  {[]string{nonce + "s=W22Z,i=18446744073709551616"}, smtp.KindProtocol},
		"-4096":                   {[]string{nonce + "s=W22Z,i=-4096"}, smtp.KindProtocol},
		"+4096":                   {[]string{nonce + "s=W22Z,i=+4096"}, smtp.KindProtocol},
		"04096":                   {[]string{nonce + "s=W22Z,i=04096"}, smtp.KindProtocol},
		"no count":                {[]string{nonce + "s=W22Z,i="}, smtp.KindProtocol},
		"nonce not ours":          {[]string{"r=another,s=W22Z,i=4096"}, smtp.KindProtocol},
		"long nonce not ours":     {[]string{"r=" + strings.Repeat("x", 40) + ",s=W22Z,i=4096"}, smtp.KindProtocol},
		"nonce only ours":         {[]string{"r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096"}, smtp.KindProtocol},
		"nonce with a control":    {[]string{"r=rOprNGfwEbeRWgbNEkqO\x1b,s=W22Z,i=4096"}, smtp.KindProtocol},
		"no salt":                 {[]string{nonce + "s=,i=4096"}, smtp.KindProtocol},
		"salt no base64":          {[]string{nonce + "s=!,i=4096"}, smtp.KindProtocol},
		"extension m":             {[]string{"m=x," + nonce + "s=W22Z,i=4096"}, smtp.KindProtocol},
		"extension m behind":      {[]string{nonce + "s=W22Z,i=4096,m=x"}, smtp.KindProtocol},
		"odd extension":           {[]string{nonce + "s=W22Z,i=4096,"}, smtp.KindProtocol},
		"extension without value": {[]string{nonce + "s=W22Z,i=4096,x="}, smtp.KindProtocol},
		"extension without name":  {[]string{nonce + "s=W22Z,i=4096,xyz"}, smtp.KindProtocol},
		"extension of a digit":    {[]string{nonce + "s=W22Z,i=4096,1=x"}, smtp.KindProtocol},
		"in another order":        {[]string{"s=W22Z," + nonce + "i=4096"}, smtp.KindProtocol},
		"nothing":                 {[]string{""}, smtp.KindProtocol},
		"endless":                 {[]string{nonce + "s=W22Z,i=4096,x=" + strings.Repeat("x", maxScramMessage)}, smtp.KindProtocol},
		"proof first":             {[]string{vectorFinal}, smtp.KindProtocol},
		"wrong proof":             {[]string{vectorFirst, "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="}, smtp.KindProtocol},
		"half a proof":            {[]string{vectorFirst, "v=6rriTRBi23WpRR/wtup+mA=="}, smtp.KindProtocol},
		"empty proof":             {[]string{vectorFirst, "v="}, smtp.KindProtocol},
		"no proof":                {[]string{vectorFirst, ""}, smtp.KindProtocol},
		"first message twice":     {[]string{vectorFirst, vectorFirst}, smtp.KindProtocol},
		"work after an error":     {[]string{"", nonce + "s=W22Z,i=2147483647"}, smtp.KindProtocol},
		"proof after an error":    {[]string{"", vectorFinal}, smtp.KindProtocol},
		"first message after e=":  {[]string{"e=other-error", vectorFirst}, smtp.KindProtocol},
		"proof after e=":          {[]string{vectorFirst, "e=other-error", vectorFinal}, smtp.KindProtocol},
	} {
		t.Run(name, func(t *testing.T) {
			client := vector(t)
			var err error
			for i, say := range c.says {
				if _, err = client.Next([]byte(say)); err == nil && i == len(c.says)-1 {
					t.Error("taken")
				}
			}
			if kindOf(err) != c.kind {
				t.Errorf("%v, want %v", err, c.kind)
			}
			if c.kind == smtp.KindMechanism && !strings.Contains(fmt.Sprint(err), "iterations: want 4096 to 1000000") {
				t.Errorf("%v does not say what is wanted", err)
			}
			if Done(client) {
				t.Error("235 would be believed")
			}
			if strings.Contains(fmt.Sprint(err), "pencil") {
				t.Errorf("the password is in %v", err)
			}
		})
	}
}

func TestSCRAM_H9_SuccessWithoutProofIsNotBelieved(t *testing.T) {
	client := vector(t)
	if Done(client) {
		t.Error("done at the start")
	}
	if _, err := client.Next([]byte(vectorFirst)); err != nil || Done(client) {
		t.Errorf("done %t before the proof, %v", Done(client), err)
	}
}

func TestSCRAM_TheBoundsOfIterationsAreTaken(t *testing.T) {
	for _, count := range []string{"4096", "1000000"} {
		f, err := parseServerFirst("r=abc,s=W22Z,i="+count+",x=y", "a")
		if err != nil || fmt.Sprint(f.Iters) != count || f.Iters < minIterations || f.Iters > maxIterations {
			t.Errorf("%s: %v %v", count, f, err)
		}
	}
}

func TestSCRAM_AServersErrorIsAnsweredAndKept(t *testing.T) {
	for _, before := range [][]string{nil, {vectorFirst}} {
		client := vector(t)
		for _, say := range before {
			if _, err := client.Next([]byte(say)); err != nil {
				t.Fatal(err)
			}
		}
		if Refused(client) != nil {
			t.Error("a reason before the server gave one")
		}
		response, err := client.Next([]byte("e=unknown-user,x=y"))
		if response == nil || len(response) != 0 || err != nil || Done(client) {
			t.Fatalf("%q %v, done %t", response, err, Done(client))
		}
		if got := fmt.Sprint(Refused(client)); got != "SCRAM-SHA-256: server says e=unknown-user" {
			t.Error(got)
		}
	}
}

func TestSCRAM_H8_OnlyTheErrorsOfTheRFCAreRepeated(t *testing.T) { // RFC 5802 7
	for says, want := range map[string]string{
		"invalid-encoding": "", "extensions-not-supported": "", "invalid-proof": "", "channel-bindings-dont-match": "",
		"server-does-support-channel-binding": "", "channel-binding-not-supported": "", "unsupported-channel-binding-type": "",
		"unknown-user": "", "invalid-username-encoding": "", "no-resources": "", "other-error": "",
		"invalid-proof,x=pencil": "invalid-proof", "pencil": "other-error", "": "other-error", "invalid-proof pencil": "other-error",
		"\x1b[2J": "other-error", "Invalid-Proof": "other-error",
	} {
		if want == "" {
			want = says
		}
		client := vector(t)
		if _, err := client.Next([]byte("e=" + says)); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(Refused(client)); got != "SCRAM-SHA-256: server says e="+want {
			t.Errorf("%q: %s, want %s", says, got, want)
		}
	}
}

func TestSCRAM_H9_ASaltEachTimeDoesNotGrowTheCache(t *testing.T) {
	c := newChooser(Credentials{UserName: "user", Password: "pencil"})
	seen := map[*keys]bool{}
	for i := range 3 * maxKeyFactors {
		client := made(t)(c.choose(t.Context(), []string{scramSHA1}, nil))
		k := c.scram.keys[scramSHA1]
		_, first, _ := client.Start()
		nonce := string(first[strings.LastIndex(string(first), "r="):])
		salt := base64.StdEncoding.EncodeToString([]byte{1, byte(i)})
		if _, err := client.Next([]byte(nonce + "x,s=" + salt + ",i=4096")); err != nil {
			t.Fatal(err)
		}
		seen[k] = true
		if n := len(k.factors); n > maxKeyFactors {
			t.Fatalf("%d salts", n)
		}
	}
	if len(seen) != 3 {
		t.Errorf("%d clients of xdg's for %d salts, want 3", len(seen), 3*maxKeyFactors)
	}
}

func TestSCRAM_OneSaltIsDerivedOnce(t *testing.T) {
	c := vectorChooser(t, scramSHA256, vectorNonce)
	before := c.scram.keys[scramSHA256]
	for range 3 * maxKeyFactors {
		client := made(t)(c.choose(t.Context(), []string{scramSHA256}, nil))
		_, _, _ = client.Start()
		if _, err := client.Next([]byte(vectorFirst)); err != nil {
			t.Fatal(err)
		}
	}
	if c.scram.keys[scramSHA256] != before || len(before.factors) != 1 {
		t.Errorf("the keys were thrown away: %d factors", len(before.factors))
	}
}

func TestSCRAM_WhatSASLprepForbidsIsAnErrorEachTime(t *testing.T) {
	for name, c := range map[string]struct {
		user, password, identity, text string
	}{
		"password unprepared":   {"u", "sesame\u0007", "", "Password holds what SASLprep forbids"},
		"user unprepared":       {"u\U0001F600", "p", "", "UserName holds what SASLprep forbids"},
		"identity unprepared":   {"u", "p", "\U0001F600", "Identity holds what SASLprep forbids"},
		"user of soft hyphens":  {"\u00AD", "p", "", "UserName is empty after SASLprep"},
		"password soft hyphens": {"u", "\u00AD", "", "Password is empty after SASLprep"},
	} {
		t.Run(name, func(t *testing.T) {
			a := Credentials{UserName: c.user, Password: c.password, Identity: c.identity}.Authenticator()
			for range 2 {
				client, err := a(t.Context(), []string{"PLAIN", scramSHA1}, nil)
				if client != nil || kindOf(err) != smtp.KindMechanism || !strings.Contains(fmt.Sprint(err), c.text) {
					t.Errorf("%v %v", client, err)
				}
				if strings.Contains(fmt.Sprint(err), "sesame") || strings.Contains(fmt.Sprint(err), `\a`) {
					t.Errorf("the password is in %v", err)
				}
			}
		})
	}
}

func TestSCRAM_KeysAreMadeOnFirstUseAndOnce(t *testing.T) {
	c := newChooser(Credentials{UserName: "u", Password: "p"})
	if made(t)(c.choose(t.Context(), []string{"PLAIN"}, nil)); len(c.scram.keys) != 0 {
		t.Error("keys of SCRAM were made for PLAIN")
	}
	var all sync.WaitGroup
	got := make([]*keys, 8)
	for i := range got {
		all.Go(func() { got[i], _ = c.scram.get(scramSHA256, scram.SHA256, c.Credentials) })
	}
	all.Wait()
	if got[0] == nil || len(slices.Compact(got)) != 1 || len(c.scram.keys) != 1 {
		t.Errorf("%d keys: %v", len(c.scram.keys), got)
	}
	state, _ := tlsStates(t, tls.VersionTLS13, ecdsaKey(t))
	if made(t)(c.choose(t.Context(), []string{scramSHA256 + plus}, state)); len(c.scram.keys) != 1 {
		t.Error("-PLUS has keys of its own")
	}
}

func TestSCRAM_H10_AChallengeBeforeTheStart(t *testing.T) {
	client := clientOf(t, Credentials{Mechanism: scramSHA1, UserName: "u", Password: "p"})
	if response, err := client.Next([]byte(vectorFirst)); response != nil || kindOf(err) != smtp.KindProtocol {
		t.Errorf("%q %v", response, err)
	}
}

func FuzzSCRAM(f *testing.F) {
	f.Add(vectorFirst, vectorFinal)
	f.Add(vectorFirst, "e=invalid-proof")
	f.Add("r="+vectorNonce+"x,s=,i=4096", "v=")
	f.Add("m=", ",")
	f.Fuzz(func(t *testing.T, first, final string) {
		client := vector(t)
		if i := strings.Index(first, ",i="); len(first)-i > 8 { // not too much work
			first = first[:min(len(first), max(i, 0)+7)]
		}
		_, err := client.Next([]byte(first))
		if Done(client) {
			t.Fatal("done at the first message")
		}
		response, err2 := client.Next([]byte(final))
		if err != nil && err2 == nil {
			t.Fatal("went on after an error")
		}
		proof, _, _ := strings.Cut(final, ",")
		if Done(client) && (err2 != nil || len(response) > 0 || first != vectorFirst || !sameBase64(proof, vectorFinal)) {
			t.Fatalf("done after %q, %q", first, final)
		}
	})
}

// sameBase64 says that two fields hold the same octets: the decoder reads over
// line ends and loose bits.
func sameBase64(a, b string) bool {
	x, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(a, "v="))
	y, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(b, "v="))
	return string(x) == string(y)
}
