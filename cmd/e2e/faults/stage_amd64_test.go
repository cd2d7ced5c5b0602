package faults_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/faults"
	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
)

// everything asks for all points and rounds; without it a test takes a part of them that fits into a minute.
func everything() bool { return os.Getenv("SYSCTR_FAULTS") != "" }

// most is how many points of each call and role are taken.
func most() int {
	if n, err := strconv.Atoi(os.Getenv("SYSCTR_FAULTS")); err == nil {
		return n
	}
	if everything() {
		return 3
	}
	return 1
}

// stage is sysctr on this machine with directories of the test's own.
type stage struct {
	faults.World
	t *testing.T
	// told are the findings so far: each is told once, since the next trial finds again what nobody took away.
	told map[string]bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	need.Command(t, "lxc-start", "run make test-hosts")
	binary := e2e.Place(t)
	boot, err := alive.BootID()
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, told: map[string]bool{}, World: faults.World{
		State: e2e.StateDir, Run: e2e.RunDir, Proc: "/proc", Locks: "/run/lxc/lock" + e2e.RunDir + "/lxc", Boot: boot,
		Binary: binary, Prefix: fmt.Sprintf("f%dx", os.Getpid()), Marks: map[string][]faults.Mark{},
	}}
	for _, pattern := range []string{"/sys/fs/cgroup/*", "/sys/fs/cgroup"} {
		for _, kind := range []string{"c", "mon"} {
			s.Groups = append(s.Groups, filepath.Join(pattern, "sysctr", kind))
		}
	}
	t.Cleanup(s.end)
	// The first creation looks at every path of the host, tens of thousands, and that is far too slow for one whose calls are traced.
	s.must("create", s.name("first"))
	s.must("destroy", s.name("first"), "--yes")
	return s
}

func (s *stage) end() {
	s.Marks = nil
	if r := s.run("destroy", "all", "--yes", "--force"); r.Code != 0 && r.Code != 4 {
		s.t.Errorf("destroy all at the end of the test: %+v", r)
	}
	clear(s.told)
	if found := s.settled(faults.Empty); len(found) > 0 {
		s.t.Errorf("at the end of the test: %q", found)
	}
}

func (s *stage) name(n string) string { return s.Prefix + n }

// run runs sysctr without a fault. It also runs in cleanups.
func (s *stage) run(args ...string) e2e.Result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		s.t.Fatalf("sysctr %q: %v, %v\n%s%s", args, ctx.Err(), err, &stdout, &stderr)
	}
	return e2e.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

func (s *stage) must(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.Code != 0 {
		s.t.Fatalf("sysctr %q: %+v", args, r)
	}
	return r.Stdout
}

// states returns the state of every container, by name.
func (s *stage) states() map[string]string {
	s.t.Helper()
	var envelope struct {
		Items []struct{ Name, State string }
	}
	out := s.must("list", "-o", "json")
	if err := json.Unmarshal([]byte(out), &envelope); err != nil {
		s.t.Fatalf("list -o json: %v: %s", err, out)
	}
	states := map[string]string{}
	for _, c := range envelope.Items {
		states[c.Name] = c.State
	}
	return states
}

// init returns the process id of a running container's init and of its monitor.
func (s *stage) pids(n string) (init, monitor int) {
	s.t.Helper()
	var live struct{ Init, Monitor struct{ PID int } }
	text, err := os.ReadFile(filepath.Join(s.Run, "containers", n, "live.json"))
	if err := errors.Join(err, json.Unmarshal(text, &live)); err != nil {
		s.t.Fatalf("read the liveness of %s: %v", n, err)
	}
	return live.Init.PID, live.Monitor.PID
}

// mark writes files into a running container, which must not get lost from then on. The second may be taken out of the delta.
func (s *stage) mark(n string) {
	s.t.Helper()
	init, _ := s.pids(n)
	s.Marks[n] = []faults.Mark{{Path: "mark", Content: "of " + n}, {Path: "taken", Content: "taken from " + n, Taken: true}}
	for _, mark := range s.Marks[n] {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/root/%s", init, mark.Path), []byte(mark.Content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// settled checks the world when what an ended command left at work has finished, too; it gives that a few seconds. It returns new findings.
func (s *stage) settled(m faults.Moment) []string {
	s.t.Helper()
	var lines []string
	for deadline := time.Now().Add(3 * time.Second); ; time.Sleep(5 * time.Millisecond) { // others' processes; nothing tells of their end
		lines = nil
		for _, f := range s.Check(m) {
			if !s.told[f.String()] {
				lines = append(lines, f.String())
			}
		}
		if len(lines) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for _, line := range lines {
		s.told[line] = true
	}
	return lines
}

// again runs a command until none of those that a fault interrupted is at work any more.
func (s *stage) again(args ...string) e2e.Result {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		r := s.run(args...)
		busy := r.Code == 6 || r.Code == 3 && strings.Contains(r.Stderr, "another sysctr command")
		if !busy || time.Now().After(deadline) {
			return r
		}
	}
}

// log writes to the file that SYSCTR_FAULTS_LOG names, for who watches a long run: the output of a test is shown at its end.
func (s *stage) log(format string, args ...any) {
	path := os.Getenv("SYSCTR_FAULTS_LOG")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	fmt.Fprintf(file, format, args...)
}
