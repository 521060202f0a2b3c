package live_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ehlo-go/ehlo/events"
	"github.com/ehlo-go/ehlo/live"
	"github.com/ehlo-go/ehlo/session"
	"github.com/ehlo-go/ehlo/smtptest"
)

// connected returns a session that r knows, here to a server in memory.
func connected(r *live.Registry, on map[string]smtptest.Step) (s *session.Session, end func()) {
	server := smtptest.NewMemoryServer(smtptest.Config{On: on})
	s, err := session.New(session.Config{
		HostAddress: server.Host(), Dialer: server, LocalName: "client.example",
		Hooks: []events.Hook{r}, // of all sessions that are to be known
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := s.Connect(context.Background()); err != nil {
		log.Fatal(err)
	}
	return s, func() {
		_ = s.Close()
		<-s.Done()
		_ = server.Close()
	}
}

// A program that keeps a page of its sessions.
func Example() {
	var registry live.Registry
	_, end := connected(&registry, nil)
	defer end()

	mux := http.NewServeMux()
	mux.Handle("/debug/smtp/", registry.Handler(live.Page{Title: "relay-7"}))

	w := httptest.NewRecorder() // in a program http.ListenAndServe("127.0.0.1:6060", mux)
	mux.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost:6060/debug/smtp/", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "<b>1</b> ready"))
	// Output: 200 true
}

func ExampleRegistry_Handler() {
	var registry live.Registry
	page := registry.Handler(live.Page{ReadOnly: true})

	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("POST", "http://localhost:6060/debug/smtp/", nil))
	fmt.Println(w.Code, w.Header().Get("Allow"))
	// Output: 405 GET, HEAD
}

// The page is asked for by a name, and so is what stands beside it.
func ExamplePage_Guard() {
	page := live.Page{Hosts: []string{"relay-7.example.org"}}
	var registry live.Registry
	mux := http.NewServeMux()
	mux.Handle("/debug/smtp/", registry.Handler(page))
	mux.Handle("/version", page.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "7") })))

	for _, host := range []string{"relay-7.example.org", "attacker.example"} {
		for _, path := range []string{"/debug/smtp/", "/version"} {
			w := httptest.NewRecorder()
			mux.ServeHTTP(w, httptest.NewRequest("GET", "http://"+host+path, nil))
			fmt.Println(w.Code, host+path)
		}
	}
	// Output:
	// 200 relay-7.example.org/debug/smtp/
	// 200 relay-7.example.org/version
	// 421 attacker.example/debug/smtp/
	// 421 attacker.example/version
}

func ExampleRegistry_Sessions() {
	var registry live.Registry
	_, end := connected(&registry, nil)
	defer end()

	for _, s := range registry.Sessions() {
		fmt.Println(s.State, s.Remote, s.Attempt, s.Written > 0, s.Reply.Code)
	}
	// Output: ready 192.0.2.25:25 1 true 250
}

func ExampleRegistry_Counts() {
	var registry live.Registry
	_, end := connected(&registry, nil)
	fmt.Println(registry.Counts())
	end()
	fmt.Println(registry.Counts())
	// Output:
	// map[ready:1]
	// map[]
}

func ExampleRegistry_Abort() {
	var registry live.Registry
	s, end := connected(&registry, nil)
	defer end()

	fmt.Println(registry.Abort(s.ID()))
	<-s.Done()
	fmt.Println(s.Err(), registry.Abort(s.ID()))
	// Output:
	// true
	// session closed false
}

func ExampleRegistry_Phases() {
	var registry live.Registry
	_, end := connected(&registry, nil)
	defer end()

	for _, p := range registry.Phases() {
		fmt.Println(p.Phase, p.Count, p.Quantile(0.95) <= p.Longest)
	}
	// Output:
	// resolve 1 true
	// dial 1 true
	// greeting 1 true
	// ehlo 1 true
}

func ExampleRegistry_Failures() {
	var registry live.Registry
	s, end := connected(&registry, map[string]smtptest.Step{"NOOP": smtptest.Say("500 \x1b[2Jwhat?")})
	defer end()

	_ = s.Noop(context.Background())
	for _, f := range registry.Failures() {
		fmt.Println(f.Event, f.Text)
	}
	// Output: OnCommand ready: NOOP: refused by the server: 500 \x1b[2Jwhat?
}
