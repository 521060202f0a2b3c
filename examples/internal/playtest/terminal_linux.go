package playtest

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// PseudoTerminal returns both ends of one: what a person types and sees, and
// what a program has as its terminal.
func PseudoTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	var unlock, number int32
	for request, arg := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if err := Control(person, request, unsafe.Pointer(arg)); err != nil {
			t.Skipf("no pseudo-terminal: %v", err)
		}
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// Control asks a terminal for something, as ioctl(2) does.
func Control(f *os.File, request uintptr, arg unsafe.Pointer) error {
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), request, uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// Resize sets the width of a terminal.
func Resize(t *testing.T, f *os.File, columns uint16) {
	t.Helper()
	size := struct{ rows, columns, x, y uint16 }{24, columns, 0, 0}
	if err := Control(f, syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
		t.Fatal(err)
	}
}
