package show

import (
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/smtp"
)

// JSONLines writes each event as one JSON object on a line. Text of the server
// is escaped as for a terminal before it becomes JSON: JSON itself lets DEL and
// the C1 controls through.
type JSONLines struct{ enc *json.Encoder }

// NewJSONLines returns a writer to out.
func NewJSONLines(out io.Writer) JSONLines {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return JSONLines{enc}
}

// Show writes a line.
func (j JSONLines) Show(e events.Event) { _ = j.enc.Encode(lineOf(e)) }

// End does nothing.
func (j JSONLines) End() {}

// head is what all lines begin with.
type head struct {
	Event   string    `json:"event"`
	Session uint64    `json:"session"`
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"` // RFC 3339 with nanoseconds
	Attempt int       `json:"attempt"`
	State   string    `json:"state"`
	Life    uint64    `json:"life"`
}

// failure is an error, taken apart. Phase is the name of a state, Code that of
// smtp.Code, Type that of error.type on spans.
type failure struct {
	Phase   string `json:"phase"`
	Command string `json:"command"`
	Type    string `json:"type"`
	Code    int    `json:"code"`
	Reply   string `json:"reply"`
	Error   string `json:"error"`
}

func failureOf(err error) failure {
	f := failure{Code: smtp.Code(err), Error: Say(err)}
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		f.Phase, f.Command, f.Type, f.Reply = e.Phase, smtp.Escape(e.Command), e.ErrorType(), e.Reply.String()
	} else if err != nil {
		f.Type = smtp.KindOther.String()
	}
	return f
}

// certificate is what of the server's own is worth a line.
type certificate struct {
	Subject  string    `json:"subject"`
	Issuer   string    `json:"issuer"`
	Names    []string  `json:"names"`
	NotAfter time.Time `json:"not_after"`
}

// lineOf returns the object for an event; the names are those of its fields.
func lineOf(e events.Event) any {
	h := e.Head()
	begin := head{e.Kind().String(), h.Session, h.Seq, h.Time.UTC(), h.Attempt, h.State.String(), h.Life}
	switch e := e.(type) {
	case events.OnStateChange:
		return struct {
			head
			From string `json:"from"`
			To   string `json:"to"`
		}{begin, e.From.String(), e.To.String()}
	case events.OnResolve:
		addrs := make([]string, 0, len(e.Addrs))
		for _, a := range e.Addrs {
			addrs = append(addrs, smtp.Escape(a.String()))
		}
		return struct {
			head
			Host    string   `json:"host"`
			Addrs   []string `json:"addrs"`
			Queried bool     `json:"queried"`
		}{begin, smtp.Escape(e.Host), addrs, e.Queried}
	case events.OnDial:
		return struct {
			head
			Local  string `json:"local"`
			Remote string `json:"remote"`
			Proxy  string `json:"proxy"`
			Dials  int    `json:"dials"`
		}{begin, smtp.Escape(e.Local), smtp.Escape(e.Remote), smtp.Escape(e.Proxy), e.Dials}
	case events.OnGreeting:
		return struct {
			head
			Code  int    `json:"code"`
			Reply string `json:"reply"`
		}{begin, e.Reply.Code, e.Reply.String()}
	case events.OnHello:
		capabilities := []string{}
		for line := range e.Capabilities.All() {
			capabilities = append(capabilities, smtp.Escape(line))
		}
		return struct {
			head
			Name         string   `json:"name"`
			Extended     bool     `json:"extended"`
			Code         int      `json:"code"`
			Reply        string   `json:"reply"`
			Capabilities []string `json:"capabilities"`
		}{begin, smtp.Escape(e.Name), e.Extended, e.Reply.Code, e.Reply.String(), capabilities}
	case events.OnSecure:
		return secureLine(begin, e)
	case events.OnConnect:
		return struct {
			head
			Host     string  `json:"host"`
			Port     int     `json:"port"`
			Remote   string  `json:"remote"`
			Extended bool    `json:"extended"`
			Secure   bool    `json:"secure"`
			Elapsed  float64 `json:"elapsed"`
		}{begin, smtp.Escape(e.Host), e.Port, smtp.Escape(e.Remote), e.Extended, e.Secure, e.Elapsed.Seconds()}
	case events.OnCommand:
		return struct {
			head
			Verb    string  `json:"verb"`
			Code    int     `json:"code"`
			Reply   string  `json:"reply"`
			Error   string  `json:"error"`
			Elapsed float64 `json:"elapsed"`
		}{begin, smtp.Escape(e.Verb), e.Reply.Code, e.Reply.String(), Say(e.Err), e.Elapsed.Seconds()}
	case events.OnAuthenticate:
		return struct {
			head
			Mechanism    string `json:"mechanism"`
			ReplyCode    int    `json:"reply_code"`
			EnhancedCode string `json:"enhanced_code"`
			Reply        string `json:"reply"` // with success too, unlike that of failure
			failure
			Elapsed float64 `json:"elapsed"`
		}{begin, smtp.Escape(e.Mechanism), e.Reply.Code, e.Reply.Enhanced.String(), e.Reply.String(), failureOf(e.Err), e.Elapsed.Seconds()}
	case events.OnRecipient:
		return struct {
			head
			Address string `json:"address"`
			Reply   string `json:"reply"` // with success too
			failure
		}{begin, smtp.Escape(e.Address), e.Reply.String(), failureOf(e.Err)}
	case events.OnProgress:
		return struct {
			head
			Octets int64 `json:"octets"`
			Size   int64 `json:"size"`
		}{begin, e.Octets, e.Size}
	case events.OnMessage:
		return messageLine(begin, e)
	case events.OnRetry:
		return struct {
			head
			failure
			Delay float64 `json:"delay"`
		}{begin, failureOf(e.Err), e.Delay.Seconds()}
	case events.OnTimeout:
		return struct {
			head
			failure
		}{begin, failureOf(e.Err)}
	case events.OnCancel:
		return struct {
			head
			failure
		}{begin, failureOf(e.Err)}
	case events.OnError:
		return struct {
			head
			Final bool `json:"final"`
			failure
		}{begin, e.Final, failureOf(e.Err)}
	case events.OnDisconnect:
		return struct {
			head
			Reason string `json:"reason"`
			Code   int    `json:"code"`
			Reply  string `json:"reply"`
			Error  string `json:"error"`
		}{begin, e.Reason.String(), smtp.Code(e.Err), e.Reply.String(), Say(e.Err)}
	case events.Lagged:
		return struct {
			head
			Missed uint64 `json:"missed"`
		}{begin, e.Missed}
	}
	return begin
}

func secureLine(begin head, e events.OnSecure) any {
	var cert *certificate
	if c := e.Certificate; c != nil {
		cert = &certificate{smtp.Escape(c.Subject.String()), smtp.Escape(c.Issuer.String()), namesOf(c), c.NotAfter.UTC()}
	}
	return struct {
		head
		Version     string       `json:"version"`
		CipherSuite string       `json:"cipher_suite"`
		ServerName  string       `json:"server_name"`
		Resumed     bool         `json:"resumed"`
		Verified    bool         `json:"verified"`
		Verdict     string       `json:"verdict"` // why it is not verified
		Certificate *certificate `json:"certificate"`
	}{begin, e.VersionName(), e.CipherSuiteName(), smtp.Escape(e.ServerName), e.Resumed, e.Verdict == nil, Say(e.Verdict), cert}
}

// recipient is one recipient of a receipt. Code and Error are of what kept the
// message from it, ReplyCode and the others of the answer that decided.
type recipient struct {
	Address      string `json:"address"`
	Outcome      string `json:"outcome"`
	ReplyCode    int    `json:"reply_code"`
	EnhancedCode string `json:"enhanced_code"`
	Reply        string `json:"reply"`
	Code         int    `json:"code"`
	Error        string `json:"error"`
}

func messageLine(begin head, e events.OnMessage) any {
	r := e.Receipt
	all := make([]recipient, len(r.Recipients))
	for i, to := range r.Recipients {
		all[i] = recipient{smtp.Escape(to.Address), to.Outcome.String(), to.Reply.Code, to.Reply.Enhanced.String(), to.Reply.String(),
			smtp.Code(to.Err), Say(to.Err)}
	}
	return struct {
		head
		Outcome      string      `json:"outcome"`
		Recipients   []recipient `json:"recipients"`
		ReplyCode    int         `json:"reply_code"`
		EnhancedCode string      `json:"enhanced_code"`
		Reply        string      `json:"reply"` // with success too, unlike that of failure
		QueueID      string      `json:"queue_id"`
		Octets       int64       `json:"octets"`
		LongLines    int         `json:"long_lines"`
		Flights      int         `json:"flights"`
		Chunked      bool        `json:"chunked"`
		failure
		SafeToRetry bool    `json:"safe_to_retry"`
		Elapsed     float64 `json:"elapsed"`
	}{begin, r.Outcome.String(), all, r.Reply.Code, r.Reply.Enhanced.String(), r.Reply.String(), smtp.Escape(r.QueueID), r.Octets, r.LongLines,
		r.Flights, r.Chunked, failureOf(e.Err), smtp.SafeToRetry(e.Err), e.Elapsed.Seconds()}
}
