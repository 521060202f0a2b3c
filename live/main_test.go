package live

import (
	"testing"

	"go.uber.org/goleak"
)

// No goroutine outlives the tests (invariant 3).
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
