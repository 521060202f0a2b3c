package smtp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// terms are what a server offers that says these lines to EHLO, without TLS.
func terms(lines ...string) Terms {
	return Terms{Capabilities: ParseCapabilities(Reply{Code: 250, Text: strings.Join(append([]string{"mx.example"}, lines...), "\n")}), Extended: true}
}

// everything is a server that offers all there is, under verified TLS.
func everything() Terms {
	t := terms("SIZE", "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8", "DSN", "AUTH PLAIN", "REQUIRETLS", "DELIVERBY", "FUTURERELEASE", "MT-PRIORITY", "RRVS")
	t.Verified = true
	return t
}

var ascii = ContentFacts{Size: -1}

func TestMail_AppendCommand_VectorsOfTheRFCs(t *testing.T) {
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, tt := range []struct {
		name  string
		mail  Mail
		facts ContentFacts
		want  string
	}{
		{"RFC 5321 4.5.5", Mail{}, ascii, "MAIL FROM:<>"},
		{"RFC 5321", Mail{From: "<>"}, ascii, "MAIL FROM:<>"},
		{"RFC 5321 D.1", Mail{From: "Smith@bar.com"}, ascii, "MAIL FROM:<Smith@bar.com>"},
		{"RFC 1870 6", Mail{From: "ned@thor.innosoft.com"}, ContentFacts{Size: 500000}, "MAIL FROM:<ned@thor.innosoft.com> SIZE=500000"},
		{"an empty message", Mail{}, ContentFacts{}, "MAIL FROM:<> SIZE=0"},
		{"RFC 6152 3", Mail{From: "ned@ymir.claremont.edu"}, ContentFacts{Size: -1, EightBit: true}, "MAIL FROM:<ned@ymir.claremont.edu> BODY=8BITMIME"},
		{"not looked into", Mail{}, ContentFacts{Size: -1, Unscanned: true}, "MAIL FROM:<> BODY=8BITMIME"},
		{"7-bit by the caller's word", Mail{Body: Body7Bit}, ContentFacts{Size: -1, Unscanned: true}, "MAIL FROM:<> BODY=7BIT"},
		{"8-bit by the caller's word", Mail{Body: Body8BitMIME}, ascii, "MAIL FROM:<> BODY=8BITMIME"},
		{"RFC 3030 4.2", Mail{From: "ned@ymir.claremont.edu", Body: BodyBinaryMIME}, ContentFacts{Size: -1, EightBit: true}, "MAIL FROM:<ned@ymir.claremont.edu> BODY=BINARYMIME"},
		{"RFC 6531 3.4", Mail{From: "grüße@bücher.example"}, ascii, "MAIL FROM:<grüße@xn--bcher-kva.example> SMTPUTF8"},
		{"RFC 6531, header", Mail{From: "a@b"}, ContentFacts{Size: -1, UTF8Header: true}, "MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8"},
		{"RFC 6531, recipient", Mail{From: "a@b"}, ContentFacts{Size: -1, UTF8Recipients: true}, "MAIL FROM:<a@b> SMTPUTF8"},
		{"RFC 6531, asked for", Mail{From: "a@b", UTF8: true}, ascii, "MAIL FROM:<a@b> SMTPUTF8"},
		{"a domain needs no SMTPUTF8", Mail{From: "a@bücher.example"}, ascii, "MAIL FROM:<a@xn--bcher-kva.example>"},
		{"RFC 3461 10.1", Mail{From: "Alice@Pure-Heart.ORG", Return: ReturnHeaders, EnvelopeID: "QQ314159"}, ascii, "MAIL FROM:<Alice@Pure-Heart.ORG> RET=HDRS ENVID=QQ314159"},
		{"RFC 3461 4", Mail{Return: ReturnFull, EnvelopeID: "a b+c=d"}, ascii, "MAIL FROM:<> RET=FULL ENVID=a+20b+2Bc+3Dd"},
		{"RFC 4954 5", Mail{Auth: "e+mc2@example.com"}, ascii, "MAIL FROM:<> AUTH=e+2Bmc2@example.com"},
		{"RFC 4954 5, unknown", Mail{From: "a@b", Auth: "<>"}, ascii, "MAIL FROM:<a@b> AUTH=<>"},
		{"RFC 4954 5, A-labels", Mail{Auth: `"a b"@bücher.example`}, ascii, `MAIL FROM:<> AUTH="a+20b"@xn--bcher-kva.example`},
		{"RFC 8689 3", Mail{From: "roger@example.org", RequireTLS: true}, ascii, "MAIL FROM:<roger@example.org> REQUIRETLS"},
		{"RFC 2852 5", Mail{From: "eljefe@bigbiz.com", DeliverBy: DeliverBy{Within: 2 * time.Minute, Mode: ByReturn}}, ascii, "MAIL FROM:<eljefe@bigbiz.com> BY=120;R"},
		{"RFC 2852, trace", Mail{DeliverBy: DeliverBy{Within: 90 * time.Second, Mode: ByReturn, Trace: true}}, ascii, "MAIL FROM:<> BY=90;RT"},
		{"RFC 2852, past", Mail{DeliverBy: DeliverBy{Within: -5 * time.Second, Mode: ByNotify}}, ascii, "MAIL FROM:<> BY=-5;N"},
		{"RFC 4865, for", Mail{HoldFor: 24 * time.Hour}, ascii, "MAIL FROM:<> HOLDFOR=86400"},
		{"RFC 4865, until", Mail{HoldUntil: at("2006-01-26T12:00:00-08:00")}, ascii, "MAIL FROM:<> HOLDUNTIL=2006-01-26T20:00:00Z"},
		{"RFC 6710", Mail{From: "eljefe@bigbiz.com", Priority: new(-3)}, ascii, "MAIL FROM:<eljefe@bigbiz.com> MT-PRIORITY=-3"},
		{"RFC 6710, 0 is not unset", Mail{Priority: new(0)}, ascii, "MAIL FROM:<> MT-PRIORITY=0"},
		{
			"all", Mail{
				From: "ä@b", UTF8: true, Return: ReturnFull, EnvelopeID: "x", Auth: "<>", RequireTLS: true, DeliverBy: DeliverBy{Within: time.Hour, Mode: ByNotify, Trace: true}, HoldFor: time.Minute, Priority: new(9),
			}, ContentFacts{Size: 7, EightBit: true},
			"MAIL FROM:<ä@b> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=FULL ENVID=x AUTH=<> REQUIRETLS BY=3600;NT HOLDFOR=60 MT-PRIORITY=9",
		},
	} {
		offered := everything()
		if tt.facts.Size < 0 { // SIZE is not what it is about
			offered.Capabilities = ParseCapabilities(Reply{Code: 250, Text: strings.Replace(offered.Capabilities.domain+"\n"+offered.Capabilities.lines, "SIZE", "XSIZE", 1)})
		}
		got, err := tt.mail.AppendCommand([]byte("x"), offered, tt.facts)
		if err != nil || string(got) != "x"+tt.want {
			t.Errorf("%s:\ngot  %s, %v\nwant x%s", tt.name, got, err, tt.want)
		}
		if said := strings.Contains(tt.want, "SMTPUTF8"); tt.mail.AsksUTF8(offered, tt.facts) != said {
			t.Errorf("%s: AsksUTF8 is %v", tt.name, !said)
		}
	}
}

func TestRecipient_AppendCommand_VectorsOfTheRFCs(t *testing.T) {
	since := time.Date(2014, 4, 3, 23, 1, 0, 0, time.UTC)
	for _, tt := range []struct {
		name string
		to   Recipient
		want string
	}{
		{"RFC 5321 D.1", Recipient{Address: "Jones@foo.com"}, "RCPT TO:<Jones@foo.com>"},
		{"RFC 5321 4.1.1.3", Recipient{Address: "postMASTER"}, "RCPT TO:<Postmaster>"},
		{
			"RFC 3461 10.1", Recipient{Address: "Bob@Big-Bucks.COM", Notify: NotifySuccess, Original: Original{Address: "Bob@Big-Bucks.COM"}},
			"RCPT TO:<Bob@Big-Bucks.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Big-Bucks.COM",
		},
		{"RFC 3461 10.1, failure", Recipient{Address: "Carol@Ivory.EDU", Notify: NotifyFailure, Original: Original{Address: "Carol@Ivory.EDU"}}, "RCPT TO:<Carol@Ivory.EDU> NOTIFY=FAILURE ORCPT=rfc822;Carol@Ivory.EDU"},
		{"RFC 3461 10.1, never", Recipient{Address: "George@Tax-ME.GOV", Notify: NotifyNever}, "RCPT TO:<George@Tax-ME.GOV> NOTIFY=NEVER"},
		{"RFC 3461 4.1", Recipient{Address: "a@b", Notify: NotifySuccess | NotifyFailure | NotifyDelay}, "RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE,DELAY"},
		{"RFC 3461 4", Recipient{Address: "a@b", Original: Original{Address: "a+b c=d@e"}}, "RCPT TO:<a@b> ORCPT=rfc822;a+2Bb+20c+3Dd@e"},
		{"RFC 3461, another type", Recipient{Address: "a@b", Original: Original{Type: "x400", Address: "/G=Bob/"}}, "RCPT TO:<a@b> ORCPT=x400;/G+3DBob/"},
		{"RFC 6533 3", Recipient{Address: "a@b", Original: Original{Address: "grüße@c"}}, `RCPT TO:<a@b> ORCPT=utf-8;gr\x{FC}\x{DF}e@c`},
		{"RFC 6531 3.4", Recipient{Address: "grüße@bücher.example"}, "RCPT TO:<grüße@xn--bcher-kva.example>"},
		{"RFC 7293 4", Recipient{Address: "receiver@example.com", ValidSince: ValidSince{Time: since}}, "RCPT TO:<receiver@example.com> RRVS=2014-04-03T23:01:00Z;R"},
		{"RFC 7293 4, continue", Recipient{Address: "receiver@example.com", ValidSince: ValidSince{Time: since.In(time.FixedZone("", -3600)), Continue: true}}, "RCPT TO:<receiver@example.com> RRVS=2014-04-03T23:01:00Z;C"},
		{"H5", Recipient{Address: `"a@b> ORCPT=x"@c`}, `RCPT TO:<"a@b> ORCPT=x"@c>`},
	} {
		got, err := tt.to.AppendCommand([]byte("x"), everything(), true)
		if err != nil || string(got) != "x"+tt.want {
			t.Errorf("%s:\ngot  %s, %v\nwant x%s", tt.name, got, err, tt.want)
		}
	}
}

func TestAppendCommand_WhatIsNeededAndNotOfferedIsRefused(t *testing.T) {
	hold := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	verified := func(t Terms) Terms { t.Verified = true; return t }
	for _, tt := range []struct {
		mail   Mail
		facts  ContentFacts
		enough Terms // with which it goes
		lacks  Terms
		says   string // what the refusal names
	}{
		{Mail{From: "ü@b"}, ascii, terms("SMTPUTF8"), terms("DSN"), "SMTPUTF8"},
		{Mail{UTF8: true}, ascii, terms("SMTPUTF8"), terms(), "SMTPUTF8"},
		{Mail{}, ContentFacts{Size: -1, EightBit: true, UTF8Header: true}, terms("SMTPUTF8", "8BITMIME"), terms("8BITMIME"), "SMTPUTF8"},
		{Mail{}, ContentFacts{Size: -1, UTF8Header: true}, terms("SMTPUTF8", "8BITMIME"), terms("SMTPUTF8"), "8BITMIME"},
		{Mail{}, ContentFacts{Size: -1, EightBit: true}, terms("8bitmime"), terms(), "8BITMIME"},
		{Mail{Body: Body8BitMIME}, ascii, terms("8BITMIME"), terms(), "8BITMIME"},
		{Mail{Body: BodyBinaryMIME}, ascii, terms("BINARYMIME", "CHUNKING"), terms("CHUNKING"), "BINARYMIME"},
		{Mail{Body: BodyBinaryMIME}, ascii, terms("BINARYMIME", "CHUNKING"), terms("BINARYMIME", "8BITMIME"), "CHUNKING"},
		{Mail{Return: ReturnFull}, ascii, terms("DSN"), terms(), "DSN"},
		{Mail{EnvelopeID: "x"}, ascii, terms("DSN"), terms(), "DSN"},
		{Mail{Auth: "<>"}, ascii, terms("AUTH PLAIN"), terms(), "AUTH"},
		{Mail{RequireTLS: true}, ascii, verified(terms("REQUIRETLS")), verified(terms()), "REQUIRETLS"},
		{Mail{RequireTLS: true}, ascii, verified(terms("REQUIRETLS")), terms("REQUIRETLS"), "verified"},
		{Mail{DeliverBy: DeliverBy{Within: time.Minute, Mode: ByReturn}}, ascii, terms("DELIVERBY 60"), terms(), "DELIVERBY"},
		{Mail{DeliverBy: DeliverBy{Within: time.Minute, Mode: ByReturn}}, ascii, terms("DELIVERBY"), terms("DELIVERBY 61"), "at least 61 s"},
		{Mail{DeliverBy: DeliverBy{Within: time.Minute, Mode: ByReturn}}, ascii, terms("DELIVERBY 60,x"), terms("DELIVERBY 61,x"), "at least 61 s"},
		{Mail{DeliverBy: DeliverBy{Within: time.Minute, Mode: ByNotify}}, ascii, terms("DELIVERBY 61"), terms(), "DELIVERBY"},
		{Mail{HoldFor: time.Minute}, ascii, terms("FUTURERELEASE 60 2006-01-01T00:00:00Z"), terms(), "FUTURERELEASE"},
		{Mail{HoldFor: time.Minute}, ascii, terms("FUTURERELEASE"), terms("FUTURERELEASE 59 2040-01-01T00:00:00Z"), "at most 59 s"},
		{Mail{HoldUntil: hold}, ascii, terms("FUTURERELEASE 1 2030-01-01T00:00:00Z"), terms("FUTURERELEASE 1 2029-12-31T23:59:59Z"), "2029-12-31T23:59:59Z at the latest"},
		{Mail{HoldUntil: hold}, ascii, terms("FUTURERELEASE 1 soon"), terms(), "FUTURERELEASE"},
		{Mail{Priority: new(0)}, ascii, terms("MT-PRIORITY"), terms("PRIORITY"), "MT-PRIORITY"},
		{Mail{Priority: new(0)}, ascii, terms("MT-PRIORITY STANAG4406"), terms(), "MT-PRIORITY"},
	} {
		if _, err := tt.mail.AppendCommand(nil, tt.enough, tt.facts); err != nil {
			t.Errorf("%+v on %v: %v", tt.mail, tt.enough.Capabilities, err)
		}
		simple := tt.enough
		simple.Extended = false
		for _, lacks := range []Terms{tt.lacks, simple} {
			got, err := tt.mail.AppendCommand([]byte("x"), lacks, tt.facts)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindNotOffered || !e.Permanent || string(got) != "x" {
				t.Errorf("%+v %+v on %v: %q, %v", tt.mail, tt.facts, lacks.Capabilities, got, err)
			} else if lacks.Extended && !strings.Contains(e.Error(), tt.says) || !strings.Contains(e.Error(), "want") && !strings.Contains(e.Error(), "must") {
				t.Errorf("%+v: %v, want it to say %q and what would do", tt.mail, err, tt.says)
			}
		}
	}
	for _, to := range []Recipient{
		{Address: "a@b", Notify: NotifyNever}, {Address: "a@b", Original: Original{Address: "c"}}, {Address: "a@b", ValidSince: ValidSince{Time: hold}}, {Address: "ü@b"},
	} {
		got, err := to.AppendCommand([]byte("x"), terms("SIZE"), false)
		if !errors.Is(err, ErrNotOffered) || string(got) != "x" {
			t.Errorf("%+v: %q, %v", to, got, err)
		}
	}
}

func TestAppendCommand_NothingIsSaidThatWasNotAskedFor(t *testing.T) {
	mail, to := Mail{From: "a@b"}, Recipient{Address: "c@d"}
	silent := everything()
	for _, offered := range []Terms{silent, terms(), {}, {Capabilities: silent.Capabilities}} {
		got, err := mail.AppendCommand(nil, offered, ascii)
		if err != nil || string(got) != "MAIL FROM:<a@b>" || mail.AsksUTF8(offered, ascii) {
			t.Errorf("%q, %v", got, err)
		}
		if got, err = to.AppendCommand(nil, offered, true); err != nil || string(got) != "RCPT TO:<c@d>" {
			t.Errorf("%q, %v", got, err)
		}
	}
	// What is only a service to the server is left out where ESMTP is not spoken.
	simple := Terms{Capabilities: silent.Capabilities}
	for _, facts := range []ContentFacts{{Size: 1}, {Size: 1, Unscanned: true}, {Size: 1, UTF8Recipients: true}, {Size: 1, EightBit: true, Allow8Bit: true}} {
		for _, body := range []Body{BodyAuto, Body7Bit} {
			mail.Body = body
			if got, err := mail.AppendCommand(nil, simple, facts); err != nil || string(got) != "MAIL FROM:<a@b>" || mail.AsksUTF8(simple, facts) {
				t.Errorf("%+v: %q, %v", facts, got, err)
			}
		}
	}
	mail.From, mail.Body = "grüße@example.org", BodyAuto // cannot be said at all
	if mail.AsksUTF8(terms("8BITMIME"), ascii) || mail.AsksUTF8(simple, ascii) || !mail.AsksUTF8(terms("SMTPUTF8"), ascii) {
		t.Error("AsksUTF8 is not what is offered")
	}
	to.ValidSince = ValidSince{Time: time.Unix(1e9, 0), Continue: true}
	if got, err := to.AppendCommand(nil, simple, false); err != nil || string(got) != "RCPT TO:<c@d>" {
		t.Errorf("RRVS with C: %q, %v", got, err)
	}
}

func TestMail_AppendCommand_Body7BitIsHeldToItsWord(t *testing.T) {
	m := Mail{Body: Body7Bit}
	if _, err := m.AppendCommand(nil, terms("8BITMIME"), ContentFacts{Size: -1, EightBit: true}); !errors.Is(err, ErrInvalid) {
		t.Errorf("%v", err)
	}
	if got, err := m.AppendCommand(nil, terms("8BITMIME"), ascii); err != nil || string(got) != "MAIL FROM:<> BODY=7BIT" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestMail_AppendCommand_RFC1870_SizeIsHeldAgainstTheServers(t *testing.T) {
	for _, tt := range []struct {
		offer string
		size  int64
		want  string // "" is refused
	}{
		{"SIZE 1000", 1000, "MAIL FROM:<> SIZE=1000"},
		{"SIZE 1000", 1001, ""},
		{"SIZE 1000", -1, "MAIL FROM:<>"},
		{"SIZE", 1 << 40, "MAIL FROM:<> SIZE=1099511627776"},
		{"SIZE 0", 1 << 40, "MAIL FROM:<> SIZE=1099511627776"},
		{"SIZE many", 1, "MAIL FROM:<> SIZE=1"},
		{"SIZE -1", 1, "MAIL FROM:<> SIZE=1"},
		{"SIZE 99999999999999999999", 1, "MAIL FROM:<> SIZE=1"},
		{"DSN", 1 << 40, "MAIL FROM:<>"},
	} {
		got, err := (&Mail{}).AppendCommand([]byte("x"), terms(tt.offer), ContentFacts{Size: tt.size})
		if tt.want == "" {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindTooLarge || !e.Permanent || string(got) != "x" || !strings.Contains(e.Error(), "1001") || !strings.Contains(e.Error(), "1000") {
				t.Errorf("%s, %d: %q, %v", tt.offer, tt.size, got, err)
			}
		} else if err != nil || string(got) != "x"+tt.want {
			t.Errorf("%s, %d: %q, %v", tt.offer, tt.size, got, err)
		}
	}
}

func TestAppendCommand_RFC5321_TheLongestLinesKeepToTheirLimits(t *testing.T) {
	// Almost every octet of the local part is three of xtext.
	local := `"` + strings.Repeat("=", 61) + ` "`
	address := local + "@" + strings.Repeat("abc.", 46) + "abcde"
	m := Mail{
		From: address, Body: BodyBinaryMIME, UTF8: true, Return: ReturnFull, EnvelopeID: strings.Repeat("x", 100), RequireTLS: true,
		DeliverBy: DeliverBy{Within: -999999999 * time.Second, Mode: ByNotify, Trace: true}, HoldUntil: time.Unix(1e9, 0), Priority: new(-9), Auth: address,
	}
	line, err := m.AppendCommand(nil, everything(), ContentFacts{Size: 1<<63 - 1})
	if err != nil {
		t.Fatal(err)
	}
	// Beside the path, what the RFCs of SIZE, BODY, SMTPUTF8, DSN, AUTH, REQUIRETLS,
	// BY, HOLDUNTIL and MT-PRIORITY add to the 512.
	const mailLimit = 512 + 26 + 17 + 10 + 9 + 107 + 500 + 11 + 17 + 34 + 15
	if got := len(line) + len("\r\n"); got > mailLimit || got < 512 {
		t.Errorf("MAIL has %d octets, want at most %d", got, mailLimit)
	}
	path, _, _ := strings.Cut(strings.TrimPrefix(string(line), "MAIL FROM:"), " SIZE=")
	if len(path) != maxPath {
		t.Errorf("the path has %d octets, want the most there can be", len(path))
	}
	for param := range strings.FieldsSeq(string(line)[len("MAIL FROM:")+len(path):]) {
		if key, value, _ := strings.Cut(param, "="); key == "ENVID" && len(value) > 100 || key == "AUTH" && len(value) > 500-len(" AUTH=") {
			t.Errorf("%s has %d octets", key, len(value))
		}
	}
	r := Recipient{Address: address, Notify: NotifySuccess | NotifyFailure | NotifyDelay, Original: Original{Address: strings.Repeat("x", 493)}, ValidSince: ValidSince{Time: time.Unix(1e9, 0)}}
	if line, err = r.AppendCommand(nil, everything(), true); err != nil {
		t.Fatal(err)
	}
	const rcptLimit = 512 + 29 + 507 + 33
	if got := len(line) + len("\r\n"); got > rcptLimit || got < 512 {
		t.Errorf("RCPT has %d octets, want at most %d", got, rcptLimit)
	}
}

func TestAppendCommand_AUsualEnvelopeCostsNoAllocation(t *testing.T) {
	offered := terms("PIPELINING", "SIZE 10485760", "ETRN", "STARTTLS", "AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8", "CHUNKING")
	mail, to := Mail{From: "sender@mail.example.org"}, Recipient{Address: "user@example.com"}
	facts := ContentFacts{Size: 10240, EightBit: true}
	buffer := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() {
		var err error
		if buffer, err = mail.AppendCommand(buffer[:0], offered, facts); err != nil {
			t.Fatal(err)
		}
		if buffer, err = to.AppendCommand(buffer, offered, mail.AsksUTF8(offered, facts)); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRecipientCommand(f *testing.F) {
	for _, s := range []string{"user@example.org", `"a@b> ORCPT=x"@c`, "grüße@bücher.example", "a@[192.0.2.1]", "Postmaster", "a\r\n@b"} {
		f.Add(s, s, "rfc822", uint8(1))
	}
	f.Fuzz(func(t *testing.T, address, original, kind string, notify uint8) {
		r := Recipient{Address: address, Original: Original{Type: kind, Address: original}, Notify: Notify(notify)}
		line, err := r.AppendCommand(nil, everything(), true)
		if err != nil {
			checkPrintable(t, err.Error())
			return
		}
		if err := r.Validate(); err != nil {
			t.Fatalf("%+v goes out as %q and is invalid: %v", r, line, err)
		}
		checkParameters(t, string(line), "RCPT TO:")
	})
}

// What is binary goes untouched, and asks nothing of 8BITMIME.
func TestAppendCommand_BinaryNeedsNo8BITMIME(t *testing.T) {
	line, err := (&Mail{Body: BodyBinaryMIME}).AppendCommand(nil, terms("BINARYMIME", "CHUNKING"), ContentFacts{Size: -1, EightBit: true})
	if want := "MAIL FROM:<> BODY=BINARYMIME"; err != nil || string(line) != want {
		t.Errorf("%s, %v, want %s", line, err, want)
	}
}

func FuzzMailCommand(f *testing.F) {
	f.Add("user@example.org", "QQ314159", "<>", int64(60), int64(0))
	f.Add(`"a@b> ORCPT=x"@c`, "a b+c=d", "a@b", int64(-5), int64(5))
	f.Fuzz(func(t *testing.T, from, envelope, auth string, by, hold int64) {
		m := Mail{From: from, EnvelopeID: envelope, Auth: auth, DeliverBy: DeliverBy{Within: time.Duration(by), Mode: ByNotify}, HoldFor: time.Duration(hold)}
		line, err := m.AppendCommand(nil, everything(), ContentFacts{})
		if err != nil {
			checkPrintable(t, err.Error())
			return
		}
		if err := m.Validate(); err != nil {
			t.Fatalf("%+v goes out as %q and is invalid: %v", m, line, err)
		}
		checkParameters(t, string(line), "MAIL FROM:")
	})
}

// checkParameters reads a command as a server does: behind the path there is
// nothing but parameters of ours, each once.
func checkParameters(t *testing.T, line, verb string) {
	t.Helper()
	rest, ok := strings.CutPrefix(line, verb+"<")
	quoted := false
	for ; rest != "" && (quoted || rest[0] != '>'); rest = rest[1:] {
		if rest[0] == '"' {
			quoted = !quoted
		} else if rest[0] == '\\' {
			rest = rest[1:]
		}
	}
	rest, ok2 := strings.CutPrefix(rest, ">")
	if !ok || !ok2 || strings.ContainsAny(line, "\r\n\x00") {
		t.Fatalf("%q is no command", line)
	}
	seen := map[string]bool{}
	for param := range strings.SplitSeq(rest, " ") {
		key, value, _ := strings.Cut(param, "=")
		if param == "" && len(seen) == 0 { // before the first blank
			seen[""] = true
			continue
		}
		known := strings.Contains(" SIZE BODY SMTPUTF8 RET ENVID AUTH REQUIRETLS BY HOLDFOR HOLDUNTIL MT-PRIORITY NOTIFY ORCPT RRVS ", " "+key+" ")
		if key == "" || !known || seen[key] || strings.Contains(value, "=") || !isASCII(value) {
			t.Fatalf("%q: parameter %q", line, param)
		}
		seen[key] = true
	}
}

// A session that has the keyword and may not use it is told what keeps it.
func TestAppendCommand_WhatIsOfferedAndNotExtendedSaysSo(t *testing.T) {
	unused := terms("8BITMIME")
	unused.Extended = false
	_, err := (&Mail{}).AppendCommand(nil, unused, ContentFacts{Size: -1, EightBit: true})
	if !errors.Is(err, ErrNotOffered) || !strings.Contains(err.Error(), "want it Extended") {
		t.Error(err)
	}
	if _, err = (&Mail{}).AppendCommand(nil, terms(), ContentFacts{Size: -1, EightBit: true}); strings.Contains(err.Error(), "Extended") {
		t.Error(err)
	}
}
