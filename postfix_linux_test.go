package ehlo_test

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

const canRunPostfix = true

// guard runs before the daemon, in the same process group. Its end of the pipe falls silent when the test binary is
// gone, however it went: a panic, the test timeout, SIGKILL. The kernel's own signal at the death of a parent is no
// help here, it is lost when the daemon changes its user.
const guard = `(read -r _ <&3; rm -rf "$0"; kill -9 0) & exec "$@" 3<&-`

// startGroup starts a program, and whatever that starts, in a process group of its own. exited is closed when the
// program has ended; kill ends the group and returns when no process of it is left. If the test binary dies first,
// the group dies too and dir is removed.
func startGroup(dir string, out *os.File, program string, args ...string) (exited <-chan struct{}, kill func(), err error) {
	// Daemons outlive their parent by a moment. Let them become our children then, so that we can wait for them.
	const prSetChildSubreaper = 36
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		return nil, nil, os.NewSyscallError("prctl", errno)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", append([]string{"-c", guard, dir, program}, args...)...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = out, out, []*os.File{r}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		w.Close()
		return nil, nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // how it ended is in its log
	}()
	group := -cmd.Process.Pid
	return ended, sync.OnceFunc(func() {
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-ended
		for {
			if _, err := syscall.Wait4(group, nil, 0, nil); err != nil && !errors.Is(err, syscall.EINTR) {
				break // ECHILD: none left
			}
		}
		w.Close()
	}), nil
}
