package setup

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"testing"
)

// Help goes to standard output, what is wrong to standard error; a Ctrl-C is no
// misuse.
func TestProcess_Refuse(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx            context.Context
		err            error
		status         int
		stdout, stderr string
	}{
		{t.Context(), flag.ErrHelp, ExitDone, "the help", ""},
		{t.Context(), errors.New("odd"), ExitUsage, "", "program: odd\nprogram: -h tells what there is\n"},
		{canceled, errors.New("interrupted"), ExitFailed, "", "program: interrupted\n"},
	} {
		var stdout, stderr bytes.Buffer
		p := Process{Stdout: &stdout, Stderr: &stderr}
		if got := p.Refuse(c.ctx, "program", "the help", c.err); got != c.status || stdout.String() != c.stdout || stderr.String() != c.stderr {
			t.Errorf("%v: status %d, %q, %q", c.err, got, stdout.String(), stderr.String())
		}
	}
}
