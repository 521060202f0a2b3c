package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ehlo-go/ehlo/examples/internal/setup"
)

func TestParse_MisuseIsStatus2(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"-nonsense":      {"-nonsense"},
		"mx.example.org": {"mx.example.org"},
		"-port":          {"-port", "smtp"},
		"-timeout":       {"-timeout", "soon"},
		"Sideways":       {"-options", "Extended|Sideways"},
		"0x1_0000_0000":  {"-options", "0x1_0000_0000"},
		"-ca":            {"-ca", filepath.Join(t.TempDir(), "none.pem")},
		"no certificate": {"-ca", empty},
		"-proxy":         {"-proxy", "http://[::1"},
		"socks5://":      {"-proxy", "127.0.0.1:1080"},
		"-proxy: want":   {"-proxy", "ftp://127.0.0.1"},
	} {
		r := play(t, append(args, "-json")...).Want(setup.ExitUsage)
		if r.Stdout != "" || !strings.Contains(r.Stderr, want) || !strings.Contains(r.Stderr, "-h") {
			t.Errorf("%q: standard output %q, standard error %q", args, r.Stdout, r.Stderr)
		}
	}
}
