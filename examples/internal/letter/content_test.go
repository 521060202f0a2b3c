package letter

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A read that nothing interrupts is left alone when the context ends.
func TestUntil_Cancel(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = out.Close() // ends a read that nothing interrupts
		_, _ = io.Copy(io.Discard, in)
		_ = in.Close()
	}()
	ctx, cancel := context.WithCancel(t.Context())
	r := until(ctx, in)
	cancel()
	read := make(chan error, 1)
	go func() {
		_, err := r.Read(make([]byte, 1))
		read <- err
	}()
	select {
	case err := <-read:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it still reads")
	}
}
