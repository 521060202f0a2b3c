package ehlo_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if mode := os.Getenv(sinkEnv); mode != "" {
		os.Exit(runSink(mode))
	}
	goleak.VerifyTestMain(m)
}
