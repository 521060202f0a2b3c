package smtp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestMessage_Validate_H4_SaysWhatWasExpected(t *testing.T) {
	content := strings.NewReader("Subject: x\r\n\r\n")
	fine := Message{Mail: Mail{From: "a@b"}, Recipients: To("c@d", "Postmaster"), Content: content}
	if err := fine.Validate(); err != nil {
		t.Error(err)
	}
	if content.Len() != int(content.Size()) {
		t.Error("the content was read")
	}
	for says, change := range map[string]func(*Message){
		"From":                              func(m *Message) { m.From = "a" },
		"both":                              func(m *Message) { m.HoldFor, m.HoldUntil = time.Second, time.Unix(1e9, 0) },
		"at least one":                      func(m *Message) { m.Recipients = nil },
		"Recipients[1]: Address: mailbox":   func(m *Message) { m.Recipients = To("c@d", "e", "f@g") },
		"Recipients[0]: Notify is FAILURE,": func(m *Message) { m.Recipients[0].Notify = NotifyNever | NotifyFailure },
		"Content":                           func(m *Message) { m.Content = nil },
		"Size is -1":                        func(m *Message) { m.Size = -1 },
		"AllOrNothing":                      func(m *Message) { m.Policy = policies },
		"RefuseBareNewlines":                func(m *Message) { m.Newlines = newlines },
	} {
		m := fine
		m.Recipients = To("c@d", "Postmaster")
		change(&m)
		err := m.Validate()
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), says) || strings.Count(err.Error(), ErrInvalid.Error()) != 1 {
			t.Errorf("%v, want it to say %q", err, says)
		}
	}
}

func TestMessage_Validate_AUsualMessageCostsNoAllocation(t *testing.T) {
	m := Message{Mail: Mail{From: "sender@mail.example.org"}, Recipients: To("user@example.com"), Content: strings.NewReader("")}
	if n := testing.AllocsPerRun(100, func() {
		if err := m.Validate(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
