package smtp

import (
	"strings"
	"testing"
)

func TestQueueID_OfTheServersThereAre(t *testing.T) {
	for text, want := range map[string]string{
		"2.0.0 Ok: queued as 4Zx1Yb2QPzz9rV":                                    "4Zx1Yb2QPzz9rV",
		"2.6.0 Ok, id=12345-01, from MTA([127.0.0.1]:10025): 250 2.0.0 Ok: x":   "12345-01",
		"2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as ABC12": "ABC12",
		"OK id=1rAbCd-0001Xy-2Z":                                                "1rAbCd-0001Xy-2Z",
		"2.0.0 44KCx2fo012345 Message accepted for delivery":                    "44KCx2fo012345",
		"2.0.0 2f1e3d4c Message accepted for delivery":                          "2f1e3d4c",
		"2.6.0 <x@mail.example> [InternalId=123456789, Hostname=AM0PR01.example] 9876 bytes in 0.1, 65 KB/sec Queued mail for delivery": "123456789",
		"2.0.0 OK  1700000000 a1-20020a170902b40100b001cc0b0a4f3bsi123plr.45 - gsmtp":                                                   "a1-20020a170902b40100b001cc0b0a4f3bsi123plr.45",
		"2.0.0 OK 1700000000 d9443c01a7336-1d3e8si12.3 - gsmtp":                                                                         "d9443c01a7336-1d3e8si12.3",
		"Ok 0100018c0a1b2c3d-01234567-89ab-cdef-0123-456789abcdef-000000":                                                               "0100018c0a1b2c3d-01234567-89ab-cdef-0123-456789abcdef-000000",
		"2.0.0 <user@example.org> uHCsBwEGZWUEXgAAyDyFLw Saved":                                                                         "uHCsBwEGZWUEXgAAyDyFLw",
		"Ok: queued as <ABC>.":                            "ABC",
		"first line\n2.0.0 Ok: queued as ABC\nlast line":  "ABC",
		"2.0.0 Ok: queued as " + strings.Repeat("x", 128): strings.Repeat("x", 128),
		"2.0.0 Ok: queued as " + strings.Repeat("x", 129): "",
		"2.0.0 Ok: queued as \x1b[31mred":                 "",
		"2.0.0 Ok: queued as grüße":                       "",
		"2.0.0 Ok: queued as":                             "",
		"2.0.0 Ok: queued as <>":                          "",
		"OK id=":                                          "",
		"2.0.0 Message accepted for delivery":             "",
		"OK: queued":                                      "",
		"Ok":                                              "",
		"Ok thanks":                                       "",
		"the same as before":                              "",
		"Ok well-known":                                   "",
		"OK now - gsmtp":                                  "",
		"2.1.5 Ok":                                        "",
		"":                                                "",
		"2.0.0":                                           "",
		"the acid=test":                                   "",
		strings.Repeat("x ", 300) + "queued as ABC": "ABC",
		"Saved":                                                    "",
		"2.0.0 Message Saved":                                      "",
		"2.0.0 Ok: queued as ABC\x7f":                              "",
		"Ok " + strings.Repeat("x", 32):                            "",
		"Ok see " + strings.Repeat("x-", 16):                       "",
		"2.0.0 Ok: queued as ABC (id=DEF)":                         "ABC",
		"2.0.0 your message is not queued as you may have thought": "you",
	} {
		if got := QueueID(Reply{Code: 250, Text: text}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := QueueID(Reply{Code: 451, Text: text}); got != "" {
			t.Errorf("a refusal: %q has the id %q", text, got)
		}
	}
}

func TestQueueID_CostsNoAllocation(t *testing.T) {
	r := Reply{Code: 250, Text: "2.0.0 Ok: queued as 4Zx1Yb2QPzz9rV"}
	if n := testing.AllocsPerRun(100, func() { _ = QueueID(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzQueueID(f *testing.F) {
	for _, s := range []string{
		"2.0.0 Ok: queued as ABC", "OK id=1r", "2.0.0 ABC Message accepted for delivery", "<x> [InternalId=1, H=y]", "OK  1700000000 a-b - gsmtp", "Ok 0100018c-0", "<a@b> X Saved", "queued as", "[(<", "2.", "\n\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id := QueueID(Reply{Code: 250, Text: s})
		if len(id) > maxQueueID || !strings.Contains(s, id) {
			t.Fatalf("%q: %q", s, id)
		}
		for i := range len(id) {
			if id[i] <= ' ' || id[i] >= 0x7f {
				t.Fatalf("%q: %q", s, id)
			}
		}
	})
}
