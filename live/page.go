package live

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ehlo-go/ehlo/fsm"
)

// Page says how the sessions are shown. The zero value is good where the page is
// asked for by an IP address or localhost.
type Page struct {
	// Title tells pages of several programs apart; "" is "SMTP sessions".
	Title string
	// Rows is how many sessions are listed at most, those of the least IDs; 0 is
	// 100. The rest is counted.
	Rows int
	// Refresh is the time between two updates; 0 is a second, and it is never less
	// than 100 ms.
	Refresh time.Duration
	// Readers is how many are kept up to date at once; 0 is 32. Others get the page
	// as it is.
	Readers int
	// ReadOnly leaves out the buttons that abort, and what is behind them.
	ReadOnly bool
	// Hosts are the names, without a port and in any case, that the page may be asked
	// by beside IP addresses, localhost and names below it, which are always good. A
	// request whose Host is another name gets 421: it may be a page of somebody
	// else's that has made its name point here (DNS rebinding), to read this one. "*"
	// permits all, for those who check the name before.
	Hosts []string
}

func (p Page) complete() Page {
	if p.Title == "" {
		p.Title = "SMTP sessions"
	}
	if p.Rows <= 0 {
		p.Rows = 100
	}
	if p.Refresh <= 0 {
		p.Refresh = time.Second
	}
	p.Refresh = max(p.Refresh, 100*time.Millisecond)
	if p.Readers <= 0 {
		p.Readers = 32
	}
	return p
}

// files are the page's.
//
//go:embed page.html live.css live.js
var files embed.FS

// handler serves one Page.
type handler struct {
	registry *Registry
	page     Page
	template *template.Template
	streams  chan struct{} // a place for each reader that is kept up to date

	mu   sync.Mutex
	made map[filter]made // the newest bodies
}

// made is what several readers share.
type made struct {
	body []byte
	at   time.Time
}

// filter is what a reader wants listed.
type filter struct {
	state fsm.State
	only  bool // that state
}

// Handler returns the page at /debug/smtp:
//
//	mux.Handle("/debug/smtp/", registry.Handler(live.Page{}))
//
// It may be mounted anywhere, at a path that ends in a slash. Beside the page, GET
// ./?state=ready lists the sessions of one state, GET ./events is the page's body
// as server-sent events, and POST ./abort with the form's id and token closes a
// session; after it comes the page again, whether the session was still there or
// not. Nothing is registered anywhere by itself.
//
// Each stream of events ends with its request's context, when a write takes five
// seconds, and after five minutes; a browser then asks again. A ResponseWriter
// that cannot be flushed gets the page only.
func (r *Registry) Handler(p Page) http.Handler {
	p = p.complete()
	return &handler{registry: r, page: p, made: make(map[filter]made), streams: make(chan struct{}, p.Readers),
		template: template.Must(template.New("").ParseFS(files, "page.html"))} // of ours, and tested
}

// ServeHTTP looks at the last element of the path only, so that it does not
// matter where the page is.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if !h.page.answersTo(r.Host) {
		misdirected(w)
		return
	}
	switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; {
	case name == "":
		get(h.show)(w, r)
	case name == "events":
		get(h.stream)(w, r)
	case name == "live.css":
		get(file(name, "text/css; charset=utf-8"))(w, r)
	case name == "live.js":
		get(file(name, "text/javascript; charset=utf-8"))(w, r)
	case name == "abort" && !h.page.ReadOnly:
		h.abort(w, r)
	default:
		http.NotFound(w, r)
	}
}

// policy lets the page load and do nothing but what it is made of.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

func protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// file serves one of the page's, by a type that is not left to the machine's table.
func file(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		http.ServeFileFS(w, r, files, name)
	}
}

// get refuses all methods but GET and HEAD.
func get(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			refuse(w, "GET, HEAD")
			return
		}
		serve(w, r)
	}
}

func refuse(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	http.Error(w, "this is for "+allow, http.StatusMethodNotAllowed)
}

// filterOf returns what the query asks for.
func filterOf(text string) (filter, error) {
	if text == "" {
		return filter{}, nil
	}
	for _, s := range fsm.States() {
		if s.String() == text {
			return filter{state: s, only: true}, nil
		}
	}
	return filter{}, fmt.Errorf("no such state: want one of %v", fsm.States())
}

func (f filter) String() string {
	if !f.only {
		return ""
	}
	return f.state.String()
}

// wants reports a session that is to be listed.
func (f filter) wants(s fsm.State) bool { return !f.only || f.state == s }

// show answers with the whole page.
func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	f, err := filterOf(r.URL.Query().Get("state"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	body, err := h.body(f)
	if err != nil {
		http.Error(w, "the page cannot be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = h.template.ExecuteTemplate(w, "page", struct { // an error is the reader's
		Title string
		Body  template.HTML
	}{h.page.Title, template.HTML(body)})
}

// abort closes a session for a form that has the token.
func (h *handler) abort(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		refuse(w, http.MethodPost)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	if !h.registry.token.matches(r.PostForm.Get("token")) {
		http.Error(w, "the token is not that of this page: load it anew", http.StatusForbidden)
		return
	}
	id, err := strconv.ParseUint(r.PostForm.Get("id"), 10, 64)
	f, unknown := filterOf(r.PostForm.Get("state"))
	if err != nil || unknown != nil {
		http.Error(w, "want the id of a session", http.StatusBadRequest)
		return
	}
	h.registry.Abort(id)
	h.forget()
	back := "./"
	if f.only {
		back += "?state=" + f.String()
	}
	w.Header().Set("Location", back) // relative, since the path may have been stripped
	w.WriteHeader(http.StatusSeeOther)
}
