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
		a.secrets.keep(l.mechanism, true, initial)
		line += " " + encoded
		withheld = false
	} else if len(encoded)+2 > maxResponse {
		return r, false, tooLong(initial)
	}
	silent := initial == nil || withheld || !auth.Reveals(l.mechanism)
	limit := a.plan.timeouts.Auth
	r, err = a.exchange(ctx, "AUTH", line, limit, true)
	for step := 0; err == nil && r.Code == 334; step++ {
		var response []byte
		if response, err = a.respond(c, initial, withheld, step); err != nil {
			return r, false, a.cancelAuth(ctx, own(ctx, err))
		}
		a.secrets.keep(l.mechanism, initial == nil && step == 0, response)
		withheld, silent = false, false
		r, err = a.exchange(ctx, "AUTH", base64.StdEncoding.EncodeToString(response), limit, true)
	}
	if err != nil {
		return smtp.Reply{}, false, err
	}
	if r.Positive() {
		if withheld || !auth.Done(c) {
			return r, false, &smtp.Error{Kind: smtp.KindProtocol, Reply: r, Err: errors.New("success before the exchange was complete")}
		}
		return r, false, nil
	}
	e := asError(refusal(r))
	e.Command = "AUTH"
	switch {
	case r.Code == 504, r.Code == 534: // the mechanism, and not what it said
		return r, silent, e
	case r.Permanent(), r.Code == 454: // which some servers say to a wrong token
		if why := auth.Refused(c); why != nil {
			e.Err = a.hidden(why)
		}
	}
	return r, false, e
}

// respond answers the challenge.
func (a *actor) respond(c sasl.Client, initial []byte, withheld bool, step int) ([]byte, error) {
	challenge, err := base64.StdEncoding.DecodeString(a.challenge)
	switch {
	case err != nil || strings.ContainsAny(a.challenge, "\r\n"): // which the decoder reads over
		return nil, &smtp.Error{Kind: smtp.KindProtocol, Err: errors.New("a challenge that is no base64 in one line")}
	case step == maxSteps:
		return nil, &smtp.Error{Kind: smtp.KindProtocol, Err: fmt.Errorf("more than %d challenges", maxSteps)}
	case withheld:
		return initial, nil // the challenge is empty, or ought to be
	}
	response, err := c.Next(challenge)
	if err == nil && base64.StdEncoding.EncodedLen(len(response))+2 > maxResponse {
		err = tooLong(response)
	}
	return response, err
}

func tooLong(response []byte) error {
	return &smtp.Error{Kind: smtp.KindMechanism, Err: fmt.Errorf(
		"a response of %d octets: servers take lines of %d in base64 (RFC 4954 4)", len(response), maxResponse)}
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
