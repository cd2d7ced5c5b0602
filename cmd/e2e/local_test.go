package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

const (
	stateDir = "/var/lib/sysctr"
	runDir   = "/run/sysctr"
)

// local is sysctr on this machine itself, without systemd as PID 1: its directories are this process's own mounts, its control groups the
// machine's. At the end of the test every container is destroyed, and nothing may be left of any.
type local struct {
	binary string // in a folder of the test's own: whatever runs it is ours
	prefix string // of the names of all containers, unlike that of any other process
}

// newLocal prepares the machine; the caller is in a mount and a network namespace of its own (need.NetworkNamespace).
func newLocal(t *testing.T) *local {
	t.Helper()
	need.Command(t, "lxc-start", "run make test-hosts")
	need.Namespaced(t)
	l := &local{binary: filepath.Join(t.TempDir(), "sysctr"), prefix: fmt.Sprintf("t%dx", os.Getpid())}
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", l.binary, "./cmd/sysctr")
	build.Dir = e2e.Source(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build sysctr: %v\n%s", err, out)
	}
	// As systemd leaves a host: what is mounted and unmounted there reaches the starters' namespaces.
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		t.Fatalf("share the mounts: %v", err)
	}
	state := filepath.Join(t.TempDir(), "state")
	l.mount(t, stateDir, 0o700, func() error {
		if err := os.Mkdir(state, 0o700); err != nil {
			return err
		}
		return unix.Mount(state, stateDir, "", unix.MS_BIND, "")
	})
	l.mount(t, runDir, 0o711, func() error {
		return unix.Mount("sysctr", runDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0711,size=25%")
	})
	l.mount(t, "/etc/sysctr", 0o755, func() error {
		return unix.Mount("none", "/etc/sysctr", "tmpfs", 0, "mode=0755,size=64m")
	})
	e2e.Network(t)
	l.must(t, "host", "init")
	t.Cleanup(func() { l.end(t) })
	return l
}

// mount makes a mount that goes with the process's namespace.
func (l *local) mount(t *testing.T, at string, mode os.FileMode, do func() error) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(at, mode), do()); err != nil {
		t.Fatalf("mount %s: %v", at, err)
	}
}

// end destroys what the test left and looks for what sysctr did.
func (l *local) end(t *testing.T) {
	t.Helper()
	if r := l.run(t, "destroy", "all", "--yes", "--force"); r.Code != 0 && r.Code != 4 {
		t.Errorf("destroy all at the end of the test: %+v", r)
	}
	if left := l.leaks(t); len(left) > 0 {
		t.Errorf("left on the machine:\n%s", strings.Join(left, "\n"))
		l.clear(t)
	}
}

// name is the real name of a container that the story calls n.
func (l *local) name(n string) string { return l.prefix + n }

// patience is for one command of sysctr, the slowest included.
const patience = 3 * time.Minute

// run runs sysctr with an empty standard input. A command that fails is a Result.
func (l *local) run(t testing.TB, args ...string) e2e.Result {
	t.Helper()
	return l.runInput(t, "", args...)
}

func (l *local) runInput(t testing.TB, input string, args ...string) e2e.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // also in cleanups
	defer cancel()
	cmd := exec.CommandContext(ctx, l.binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		t.Fatalf("sysctr %q has not ended after %v\nstdout: %s\nstderr: %s", args, patience, &stdout, &stderr)
	case err != nil && !errors.As(err, &exit):
		t.Fatalf("sysctr %q: %v", args, err)
	}
	return e2e.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// must runs sysctr, which has to succeed, and returns its standard output without the last newline.
func (l *local) must(t testing.TB, args ...string) string {
	t.Helper()
	r := l.run(t, args...)
	if r.Code != 0 {
		t.Fatalf("sysctr %q: exit status %d\nstdout: %s\nstderr: %s", args, r.Code, r.Stdout, r.Stderr)
	}
	return strings.TrimSuffix(r.Stdout, "\n")
}

// sh runs a shell script in a container; it has to succeed.
func (l *local) sh(t testing.TB, n, script string) string {
	t.Helper()
	return l.must(t, "exec", l.name(n), "--", "/bin/sh", "-euc", script)
}

// try is sh for a script that may fail.
func (l *local) try(t testing.TB, n, script string) e2e.Result {
	t.Helper()
	return l.run(t, "exec", l.name(n), "--", "/bin/sh", "-euc", script)
}

// command is sysctr, not started yet.
func (l *local) command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, l.binary, args...)
	cmd.WaitDelay = time.Second // a starter of it may go on and hold the streams
	return cmd
}

// begin starts sysctr and does not wait for it. Its output is kept together.
func (l *local) begin(t testing.TB, args ...string) *running {
	t.Helper()
	r := &running{Cmd: l.command(t, args...)}
	r.Stdout, r.Stderr = &r.out, &r.out
	if err := r.Start(); err != nil {
		t.Fatalf("sysctr %q: %v", args, err)
	}
	return r
}

// running is a sysctr that was begun.
type running struct {
	*exec.Cmd
	out bytes.Buffer
}

// end waits for it and returns its exit status, -1 for one that a signal ended, and what it said.
func (r *running) end() (int, string) {
	_ = r.Wait() // the status says it
	return r.ProcessState.ExitCode(), r.out.String()
}

// listed is a container as list -o json shows it.
type listed struct {
	Name   string `json:"name"`
	State  string `json:"state"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason"`
	PID    int    `json:"pid"`
	IDs    string `json:"ids"`
}

func (l *local) list(t testing.TB, targets ...string) []listed {
	t.Helper()
	var envelope struct{ Items []listed }
	out := l.must(t, append([]string{"list", "-o", "json"}, targets...)...)
	if err := json.Unmarshal([]byte(out), &envelope); err != nil {
		t.Fatalf("list -o json: %v: %s", err, out)
	}
	return envelope.Items
}

// look returns one container, the zero value if there is none.
func (l *local) look(t testing.TB, n string) listed {
	t.Helper()
	for _, c := range l.list(t) {
		if c.Name == l.name(n) {
			return c
		}
	}
	return listed{}
}

// live is what the tests read of a container's liveness file.
type live struct {
	Phase                  string
	Ready                  bool
	Init, Monitor, Starter struct{ PID int }
}

// live reads the liveness file; without one it is the zero value.
func (l *local) live(n string) live {
	var v live
	text, err := os.ReadFile(filepath.Join(runDir, "containers", l.name(n), "live.json"))
	if err == nil {
		_ = json.Unmarshal(text, &v) // it is replaced by rename, so it is whole
	}
	return v
}

// until asks again and again, and ends the test when the answer does not come in time.
func until(t testing.TB, what string, ask func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ask(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond) // between two looks at what another process does
	}
}

// write makes a file with exactly this mode, and removes it at the end of the test.
func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(path) })
}
