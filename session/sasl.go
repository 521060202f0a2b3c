package session

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-sasl"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/smtp"
)

const (
	maxCommand  = 512   // octets of a command line with its CRLF (RFC 5321 4.5.3.1.4)
	maxResponse = 12288 // of a response to a challenge (RFC 4954 4)
	maxSteps    = 32    // more challenges than any mechanism has
)

// negotiate goes through one mechanism, from AUTH to the final reply. again says
// that the server does not take the mechanism, and nothing secret has left.
func (a *actor) negotiate(ctx context.Context, l *login, c sasl.Client, initial []byte) (r smtp.Reply, again bool, err error) {
	line := "AUTH " + l.mechanism
	withheld := initial != nil // until asked for
	if encoded := encodeInitial(initial); withheld && len(line)+1+len(encoded)+2 <= maxCommand {
		l.keep(initial, encoded)
		line += " " + encoded
		withheld = false
	}
	silent := initial == nil || withheld || !auth.Reveals(l.mechanism)
	limit := a.plan.timeouts.Auth
	r, err = a.exchange(ctx, "AUTH", line, limit, true)
	for step := 0; err == nil && r.Code == 334; step++ {
		var response []byte
		if response, err = l.respond(c, initial, withheld, step); err != nil {
			return r, false, a.cancelAuth(ctx, own(ctx, err))
		}
		withheld, silent = false, false
		encoded := base64.StdEncoding.EncodeToString(response)
		l.keep(response, encoded)
		r, err = a.exchange(ctx, "AUTH", encoded, limit, true)
	}
	if err != nil {
		return smtp.Reply{}, false, err
	}
	if r.Positive() {
		if !auth.Done(c) {
			return r, false, &smtp.Error{Kind: smtp.KindProtocol, Reply: r, Err: errors.New("success before the exchange was complete")}
		}
		return r, false, nil
	}
	e := asError(refusal(r))
	e.Command = "AUTH"
	if silent && (r.Code == 504 || r.Code == 534) {
		return r, true, e
	}
	if why := auth.Refused(c); why != nil {
		e.Err = why
	}
	return r, false, e
}

// respond answers the challenge in l.
func (l *login) respond(c sasl.Client, initial []byte, withheld bool, step int) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(l.challenge)
	switch {
	case err != nil:
		return nil, &smtp.Error{Kind: smtp.KindProtocol, Err: errors.New("a challenge that is no base64")}
	case step == maxSteps:
		return nil, &smtp.Error{Kind: smtp.KindProtocol, Err: fmt.Errorf("more than %d challenges", maxSteps)}
	case withheld:
		return initial, nil // the challenge is empty, or ought to be
	}
	response, err := c.Next(challenge)
	if err == nil && base64.StdEncoding.EncodedLen(len(response))+2 > maxResponse {
		err = fmt.Errorf("a response of %d octets: more than a line of %d holds (RFC 4954 4)", len(response), maxResponse)
	}
	return response, err
}

// cancelAuth takes a mechanism back that cannot go on because of err (RFC 4954
// 4: "*", which is never said after a final reply).
func (a *actor) cancelAuth(ctx context.Context, err error) error {
	r, failed := a.exchange(ctx, "AUTH", "*", a.plan.timeouts.Auth, true)
	if failed != nil {
		return failed
	}
	if !r.Negative() {
		return &smtp.Error{Kind: smtp.KindProtocol, Reply: r, Err: fmt.Errorf("%d where AUTH was cancelled: %w", r.Code, err)}
	}
	if r.Code == 421 {
		return refusal(r)
	}
	return err
}

// encodeInitial encodes an initial response: "=" is an empty one.
func encodeInitial(b []byte) string {
	if len(b) == 0 {
		return "="
	}
	return base64.StdEncoding.EncodeToString(b)
}

// keep remembers what is sent, whole and in its parts, plain and encoded.
func (l *login) keep(response []byte, encoded string) {
	if len(response) == 0 {
		return
	}
	l.secrets = append(l.secrets, encoded)
	for part := range strings.FieldsFuncSeq(string(response), func(r rune) bool { return r == 0 || r == 1 }) {
		part = strings.TrimPrefix(part, "auth=Bearer ")
		l.secrets = append(l.secrets, part, base64.StdEncoding.EncodeToString([]byte(part)))
	}
}

// hide takes out of a reply, and of an error that quotes one, what is part of
// the SASL exchange: challenges, and what the server repeats of our responses.
func (l *login) hide(r smtp.Reply, err error) (smtp.Reply, error) {
	if r.Code == 334 {
		l.challenge, r.Text = r.Text, ""
	}
	r.Text = l.hidden(r.Text)
	if e, ok := errors.AsType[*smtp.Error](err); ok {
		e.Reply.Text = l.hidden(e.Reply.Text)
		if e.Err != nil && l.hidden(e.Err.Error()) != e.Err.Error() {
			e.Err = errors.New(notShown)
		}
	}
	return r, err
}

const notShown = "[not shown: it repeats what AUTH has sent]"

func (l *login) hidden(text string) string {
	for _, secret := range l.secrets {
		if strings.Contains(text, secret) {
			return notShown
		}
	}
	return text
}
