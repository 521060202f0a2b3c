package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is where and when a run was, and of what.
type machine struct {
	CPU    string    `json:"cpu"` // "" where it is not known
	Cores  int       `json:"cores"`
	Memory uint64    `json:"memory"` // octets that are free now, 0 where it is not known
	System string    `json:"system"`
	Go     string    `json:"go"`
	Date   time.Time `json:"date"`
	Commit string    `json:"commit"` // "" where it is not known; with "+" if files were changed
}

func thisMachine() machine {
	return machine{
		CPU: processor(), Cores: runtime.GOMAXPROCS(0), Memory: freeMemory(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Go: runtime.Version(), Date: time.Now().UTC().Truncate(time.Second), Commit: commit(),
	}
}

// write writes the head of the output.
func (m machine) write(w io.Writer) {
	cpu := m.CPU
	if cpu == "" {
		cpu = "unknown processor"
	}
	fmt.Fprintf(w, "machine  %s, %d cores, %s\n", cpu, m.Cores, m.System)
	fmt.Fprintf(w, "go       %s\n", m.Go)
	fmt.Fprintf(w, "date     %s\n", m.Date.Format(time.RFC3339))
	if m.Commit != "" {
		fmt.Fprintf(w, "commit   %s\n", m.Commit)
	}
}

// processor returns the name in /proc/cpuinfo.
func processor() string {
	name, _ := field("/proc/cpuinfo", "model name")
	return name
}

// freeMemory returns MemAvailable of /proc/meminfo, in octets.
func freeMemory() uint64 {
	text, _ := field("/proc/meminfo", "MemAvailable")
	kib, err := strconv.ParseUint(strings.TrimSuffix(text, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}

// field returns the value of a line "name : value" of a file.
func field(path, name string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// commit asks git, which may not be there.
func commit() string {
	head, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := strings.TrimSpace(string(head))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
		name += "+"
	}
	return name
}
