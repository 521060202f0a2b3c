package smtptest

// checkExternal is EXTERNAL (RFC 4422, appendix A): the user is who the verified
// certificate says, and may act as nobody else; without such a certificate the
// identity is believed.
func (c *Conn) checkExternal(identity string) error {
	user := c.certified()
	if user == "" {
		user = identity
	}
	if user == "" || identity != "" && identity != user {
		return errCredentials
	}
	c.SetUser(user)
	return nil
}

// certified returns the first e-mail address of the client's verified
// certificate, else its common name; empty: there is none.
func (c *Conn) certified() string {
	state, _ := c.TLS()
	if len(state.VerifiedChains) == 0 {
		return ""
	}
	leaf := state.VerifiedChains[0][0]
	if len(leaf.EmailAddresses) > 0 {
		return leaf.EmailAddresses[0]
	}
	return leaf.Subject.CommonName
}
