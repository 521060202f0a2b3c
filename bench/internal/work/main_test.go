package work

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/ehlo-go/ehlo/bench/internal/sink"
)

func TestMain(m *testing.M) {
	sink.Main()
	goleak.VerifyTestMain(m)
}
