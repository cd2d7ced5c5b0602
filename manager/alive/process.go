package alive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Process identifies one process of this boot: its id and its start time in clock ticks since boot (field 22 of /proc/PID/stat, proc(5)).
// The zero Process is none, and not alive.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start"`
}

// IsZero reports whether p identifies no process.
func (p Process) IsZero() bool { return p == Process{} }

// Self returns the calling process.
func Self() (Process, error) { return Look(os.Getpid()) }

// Look returns the process that has the id pid now, ErrGone if there is none or it is a zombie.
func Look(pid int) (Process, error) {
	if pid <= 0 {
		return Process{}, fmt.Errorf("%w: %d is no process id", ErrGone, pid)
	}
	stat, err := readStat(pid)
	if err != nil {
		return Process{}, err
	}
	if stat.dead() {
		return Process{}, fmt.Errorf("%w: %d is a zombie", ErrGone, pid)
	}
	return Process{PID: pid, Start: stat.start}, nil
}

// Alive reports whether the process still runs. A zombie does not. If the kernel cannot be asked, for want of memory or descriptors, the
// answer is true: what is not known to be dead must not be swept.
func (p Process) Alive() bool {
	if p.PID <= 0 {
		return false
	}
	stat, err := readStat(p.PID)
	if err != nil {
		return !errors.Is(err, ErrGone)
	}
	return stat.start == p.Start && !stat.dead()
}

// stat is what is read of /proc/PID/stat.
type stat struct {
	state   byte
	threads int64
	start   uint64
}

// dead reports whether nothing of the process runs any more. A leader that has left its threads behind is shown as a zombie too, and any
// process can do that to itself: so the threads count.
func (s stat) dead() bool {
	return (s.state == 'Z' || s.state == 'X' || s.state == 'x') && s.threads <= 1
}

const maxStat = 4096 // bytes; 52 numbers and a name of at most 64 bytes

func readStat(pid int) (stat, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return stat{}, goneOr(pid, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxStat))
	if err != nil {
		return stat{}, goneOr(pid, err)
	}
	parsed, err := parseStat(content)
	if err != nil {
		return stat{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return parsed, nil
}

func goneOr(pid int, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("%w: %d", ErrGone, pid)
	}
	return fmt.Errorf("look at process %d: %w", pid, err)
}

// parseStat reads the text of /proc/PID/stat. The name in the second field is the process's own choice and may hold spaces, parentheses
// and newlines; nothing behind it holds a parenthesis.
func parseStat(content []byte) (stat, error) {
	end := bytes.LastIndexByte(content, ')')
	if end < 0 {
		return stat{}, errors.New("stat has no name in parentheses")
	}
	fields := bytes.Fields(content[end+1:]) // the first of them is field 3
	if len(fields) < 20 || len(fields[0]) != 1 {
		return stat{}, fmt.Errorf("stat has %d fields after the name", len(fields))
	}
	threads, err := strconv.ParseInt(string(fields[20-3]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("stat has no number of threads: %w", err)
	}
	start, err := strconv.ParseUint(string(fields[22-3]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("stat has no start time: %w", err)
	}
	return stat{state: fields[0][0], threads: threads, start: start}, nil
}
