package tracing

import (
	"errors"

	"go.opentelemetry.io/otel/codes"

	"github.com/ehlo-go/ehlo/smtp"
)

// end ends the span, marked as failed if err is not nil.
func (s *scope) end(err error) {
	if err != nil {
		errorType, description := failure(err)
		s.span.SetAttributes(KeyErrorType.String(errorType))
		s.span.SetStatus(codes.Error, description)
	}
	s.span.End()
}

// failure puts an error into words from our own tables only. The error's text
// may quote the server, and a server's sentence may name a person.
func failure(err error) (errorType, description string) {
	e, ok := errors.AsType[*smtp.Error](err)
	if !ok {
		return smtp.KindOther.String(), ""
	}
	if sentinel := e.Kind.Row().Err; sentinel != nil {
		description = sentinel.Error()
	}
	return e.ErrorType(), description
}
