package setup

import (
	"context"
	"fmt"

	"github.com/ehlo-go/ehlo/auth"
	"github.com/ehlo-go/ehlo/examples/internal/show"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtp"
)

// Login is who -auth logs in, and how.
type Login struct {
	auth.Credentials
	inClear bool
}

// complete asks for the password if nothing else is missing, and says what is.
// Nothing was dialled yet.
func (l *Login) complete(ctx context.Context, ask Asker) error {
	with := l.Credentials
	with.Password = "given"
	if ask != nil && l.Password == "" && l.Validate() != nil && with.Validate() == nil {
		password, err := ask(ctx, "Password of "+show.HeadOf(smtp.Escape(l.UserName), show.Columns/2)+": ")
		if err != nil {
			return fmt.Errorf("the password: %w", err)
		}
		l.Password = password
	}
	if err := l.Validate(); err != nil {
		return fmt.Errorf("-auth: %w (-user gives the name, EHLO_PASSWORD the password unless a terminal can be asked, EHLO_TOKEN a token)", err)
	}
	return nil
}

// LogIn logs in the embedded server's own user, unless the command line tells who.
func (set *Settings) LogIn() {
	if set.Login == nil {
		set.Config.Extended = true
		set.Login = &Login{Credentials: auth.Credentials{UserName: embeddedUser, Password: embeddedSecret}}
	}
}

// Argument returns that of Authenticate.
func (l *Login) Argument() session.AuthOption {
	a := l.Authenticator()
	if l.inClear {
		a = auth.AllowClear(a)
	}
	return session.WithAuthenticator(a)
}
