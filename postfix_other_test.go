//go:build !linux

package ehlo_test

import (
	"errors"
	"os"
)

const canRunPostfix = false

func startGroup(string, *os.File, string, ...string) (exited <-chan struct{}, kill func(), err error) {
	return nil, nil, errors.ErrUnsupported
}
