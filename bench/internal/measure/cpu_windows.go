package measure

import (
	"fmt"
	"syscall"
	"time"
)

// CPU returns what this process has used, by itself and in the system. Windows
// counts it in ticks of about 16 ms.
func CPU() (time.Duration, error) {
	self, err := syscall.GetCurrentProcess()
	if err != nil {
		return 0, fmt.Errorf("measure: %w", err)
	}
	var created, ended, kernel, user syscall.Filetime
	if err := syscall.GetProcessTimes(self, &created, &ended, &kernel, &user); err != nil {
		return 0, fmt.Errorf("measure: GetProcessTimes: %w", err)
	}
	return span(kernel) + span(user), nil
}

// span is a length of time in units of 100 ns; Filetime.Nanoseconds takes it for a
// date.
func span(t syscall.Filetime) time.Duration {
	return time.Duration(int64(t.HighDateTime)<<32|int64(t.LowDateTime)) * 100
}
