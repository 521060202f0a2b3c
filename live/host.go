package live

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Guard lets to next only requests that ask for a host that the page may be asked
// by, see Hosts; others get 421. It is for what stands beside the page, such as
// metrics and net/http/pprof; the page guards itself.
func (p Page) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.answersTo(r.Host) {
			misdirected(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// answersTo reports whether the page may be asked by a Host field. A name of
// somebody else's that has come to point here (DNS rebinding) is how a page
// elsewhere could read this one, as one of its own origin; no name can do so where
// a literal was asked for, and localhost is nobody's to point elsewhere (RFC 6761
// 6.3).
func (p Page) answersTo(field string) bool {
	host, _, err := net.SplitHostPort(field)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(field, "["), "]") // there is no port
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.ContainsFunc(p.Hosts, func(permitted string) bool {
		return permitted == "*" || host != "" && strings.EqualFold(strings.TrimSuffix(permitted, "."), host)
	})
}

func misdirected(w http.ResponseWriter) {
	http.Error(w, "this is not asked for by that name: ask for an IP address or localhost, or add the name to Page.Hosts", http.StatusMisdirectedRequest)
}
