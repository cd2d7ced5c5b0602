package faults

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Trial is one traced run of the program.
type Trial struct {
	Binary string
	Args   []string
	// Fault is what happens, nothing if it is the zero value.
	Fault Fault
	// Also are processes that are traced from the beginning, as RoleLibrary: monitors of containers that run.
	Also []int
	// Patience bounds the run; 0 is half a minute. What is still at work then is killed.
	Patience time.Duration
}

// Report is what was seen in a Trial.
type Report struct {
	Exit   int // exit status, -1 for one that a signal ended
	Output string
	Counts Counts
	Hit    bool   // the fault came about
	Victim string // the role and process that it hit
	Stuck  []string
	// Unknown counts, by number, system calls that are neither in [Calls] nor known to change nothing.
	Unknown map[uint64]int
}

// Trace runs the program and returns when it and everything that it has started and that is sysctr itself has ended, but for what belongs to a
// container: that is let go. It needs root, and must not be called twice at the same time.
func Trace(t Trial) (Report, error) {
	type answer struct {
		report Report
		err    error
	}
	done := make(chan answer)
	go func() {
		runtime.LockOSThread() // ptrace(2) knows threads; this one ends with the goroutine, and lets go what it may still trace
		r, err := trace(t)
		done <- answer{r, err}
	}()
	a := <-done
	return a.report, a.err
}

func trace(t Trial) (Report, error) {
	output, err := os.CreateTemp("", "sysctr-fault-")
	if err != nil {
		return Report{}, err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	tr := &tracer{Trial: t, tasks: map[int]*task{}, early: map[int]bool{}, calls: byNumber(), harmless: harmless()}
	tr.report = Report{Counts: Counts{}, Unknown: map[uint64]int{}}
	if err := tr.begin(output); err != nil {
		return Report{}, errors.Join(err, tr.killAll())
	}
	patience := t.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	err = tr.run(time.Now().Add(patience))
	text, readErr := os.ReadFile(output.Name())
	tr.report.Output = string(text)
	return tr.report, errors.Join(err, readErr)
}

// tracer is the state of one Trial.
type tracer struct {
	Trial
	main   int
	tasks  map[int]*task // by thread
	early  map[int]bool  // threads that stopped before their maker's stop told of them
	report Report
	leave  bool // what is still there belongs to containers, and is let go at its next stop
	calls  map[uint64][]Call
	info   syscallInfo // here, where it cannot move while the kernel writes it

	harmless map[uint64]bool
}

// task is one traced thread.
type task struct {
	process *process
	error   unix.Errno // that the call under way returns, 0 for its own
}

type process struct {
	pid  int
	role Role
}

const traceOptions = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_TRACEFORK | unix.PTRACE_O_TRACEVFORK | unix.PTRACE_O_TRACEEXEC

// begin starts the program behind a shell that waits until it is traced.
func (tr *tracer) begin(output *os.File) error {
	gate, open, err := os.Pipe()
	if err != nil {
		return err
	}
	defer open.Close()
	argv := append([]string{"/bin/sh", "-c", `read x; exec "$@" </dev/null`, "sh", tr.Binary}, tr.Args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = gate, output, output
	cmd.Dir = "/"
	err = cmd.Start()
	_ = gate.Close()
	if err != nil {
		return err
	}
	tr.main = cmd.Process.Pid
	for _, pid := range append([]int{tr.main}, tr.Also...) {
		role := RoleLibrary
		if pid == tr.main {
			role = roleNone
		}
		if err := seize(pid); err != nil {
			return fmt.Errorf("trace process %d: %w", pid, err)
		}
		tr.tasks[pid] = &task{process: &process{pid: pid, role: role}}
	}
	_, err = io.WriteString(open, "\n")
	return err
}

// run is the loop over all stops.
func (tr *tracer) run(deadline time.Time) error {
	for {
		if len(tr.tasks) == 0 {
			return nil
		}
		if !tr.leave && !tr.working() {
			tr.leave = true
			tr.interruptAll()
		}
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD|unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait for what is traced: %w", err)
		case pid == 0 && time.Now().After(deadline):
			if tr.report.Stuck != nil || !tr.ask() {
				return tr.killAll()
			}
			deadline = time.Now().Add(3 * time.Second)
		case pid == 0:
			time.Sleep(20 * time.Microsecond)
		case status.Exited() || status.Signaled():
			tr.ended(pid, status)
		case status.Stopped():
			tr.stopped(pid, status)
		}
	}
}

// working tells whether something of sysctr is under way that is no container's.
func (tr *tracer) working() bool {
	for _, t := range tr.tasks {
		if t.process.pid == tr.main || t.process.role != RoleLibrary {
			return true
		}
	}
	return false
}

func (tr *tracer) interruptAll() {
	for tid := range tr.tasks {
		_ = ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0) // it stops, or has ended
	}
}

// ask names whatever is still at work, and has it say in the output what it waits for: that is what a Go program does before SIGQUIT ends it. It
// tells whether anybody was asked.
func (tr *tracer) ask() bool {
	asked := false
	for _, p := range tr.atWork() {
		tr.report.Stuck = append(tr.report.Stuck, fmt.Sprintf("%s %d (%s)", p.role, p.pid, where(p.pid)))
		asked = p.role != RoleLibrary && unix.Kill(p.pid, unix.SIGQUIT) == nil || asked
	}
	return asked
}

// atWork are the processes that are traced, without those of containers once they are let go.
func (tr *tracer) atWork() []*process {
	var list []*process
	for _, t := range tr.tasks {
		if !slices.Contains(list, t.process) && (t.process.role != RoleLibrary || !tr.leave) {
			list = append(list, t.process)
		}
	}
	return list
}

// killAll ends whatever is still at work.
func (tr *tracer) killAll() error {
	for _, p := range tr.atWork() {
		if err := unix.Kill(p.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	for len(tr.tasks) > 0 {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil //nolint:nilerr // nothing is left to wait for
		}
		if status.Exited() || status.Signaled() {
			tr.ended(pid, status)
		} else {
			_ = ptrace(unix.PTRACE_DETACH, pid, 0, 0)
		}
	}
	return nil
}

func where(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/wchan", pid))
	return string(text)
}

func (tr *tracer) ended(tid int, status unix.WaitStatus) {
	if tid == tr.main {
		tr.report.Exit = -1
		if status.Exited() {
			tr.report.Exit = status.ExitStatus()
		}
	}
	delete(tr.tasks, tid)
	delete(tr.early, tid)
}
