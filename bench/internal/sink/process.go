package sink

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"

	"github.com/ehlo-go/ehlo/smtptest"
)

// processEnv makes a program that calls [Main] the sink.
const processEnv = "EHLO_BENCH_SINK"

// setup is what the process is told on its standard input. After it each line
// asks for the counts.
type setup struct {
	Certificate, Key []byte // DER
	Hosts            []string
}

// Process is a sink in a process of its own.
type Process struct {
	Addresses Addresses
	Roots     *x509.CertPool // trust its certificate

	command *exec.Cmd
	stdin   io.WriteCloser

	mu      sync.Mutex // one question at a time
	answers *json.Decoder
}

// Start starts this program once more as a sink; its main, or TestMain, has to
// begin with [Main]. It ends with Close, and with this process, however that ends.
func Start() (*Process, error) {
	hosts := Hosts(16)
	p := &Process{}
	about, err := p.certify(hosts)
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p.command = exec.Command(self)
	p.command.Env = append(os.Environ(), processEnv+"=1")
	p.command.Stderr = os.Stderr
	if p.stdin, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	stdout, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("sink: %w", err)
	}
	p.answers = json.NewDecoder(stdout)
	if err := p.ask(about, &p.Addresses); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// certify makes the certificate here, so that its authority is known here, and
// nowhere else.
func (p *Process) certify(hosts []string) (setup, error) {
	authority, err := smtptest.NewAuthority()
	if err != nil {
		return setup{}, err
	}
	cert, err := authority.Certificate(smtptest.CertOptions{Names: hosts})
	if err != nil {
		return setup{}, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return setup{}, err
	}
	p.Roots = authority.Pool()
	return setup{Certificate: cert.Certificate[0], Key: key, Hosts: hosts}, nil
}

func (p *Process) ask(question, answer any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := json.NewEncoder(p.stdin).Encode(question); err != nil {
		return fmt.Errorf("sink: %w", err)
	}
	if err := p.answers.Decode(answer); err != nil {
		return fmt.Errorf("sink: no answer, its process has ended: %w", err)
	}
	return nil
}

// Counts asks it what it has taken.
func (p *Process) Counts() (c Counts, err error) {
	err = p.ask("counts", &c)
	return c, err
}

// Close ends the process and waits for it.
func (p *Process) Close() error {
	_ = p.stdin.Close()
	return p.command.Wait()
}

// Main serves and ends the process, if it was started to be a sink; else it does
// nothing. It leaves Ctrl-C to the process that measures, and ends with it.
func Main() {
	if os.Getenv(processEnv) == "" {
		return
	}
	signal.Ignore(os.Interrupt)
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run is a sink's process: until its input ends.
func run(stdin io.Reader, stdout io.Writer) error {
	questions, answers := json.NewDecoder(stdin), json.NewEncoder(stdout)
	var about setup
	if err := questions.Decode(&about); err != nil {
		return fmt.Errorf("sink: its setup: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(about.Key)
	if err != nil {
		return fmt.Errorf("sink: its key: %w", err)
	}
	s, err := Listen(tls.Certificate{Certificate: [][]byte{about.Certificate}, PrivateKey: key}, about.Hosts, nil)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if err := answers.Encode(s.Addresses()); err != nil {
		return err
	}
	for {
		var question string
		switch err := questions.Decode(&question); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("sink: %w", err)
		}
		if err := answers.Encode(s.Counts()); err != nil {
			return err
		}
	}
}
