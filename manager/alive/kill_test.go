package alive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
)

// TestKillFrozen holds that a container cannot escape by being frozen, by the operator or by itself further down.
func TestKillFrozen(t *testing.T) {
	for _, test := range []struct {
		summary string
		keys    []string
		file    string
		word    string
	}{
		{"version 1", []string{"freezer"}, "freezer.state", "FROZEN"},
		{"version 1, by itself", []string{"freezer", "pids"}, "a/freezer.state", "FROZEN"},
		{"version 2", []string{""}, "cgroup.freeze", "1"},
		{"version 2, by itself", []string{""}, "a/cgroup.freeze", "1"},
		{"hybrid, in version 1", nil, "a/freezer.state", "FROZEN"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			p := newPlace(t, test.keys...)
			process := p.sleeper(t, "a/b")
			key := "freezer"
			if strings.Contains(test.file, "cgroup.") {
				key = ""
			}
			p.write(t, key, test.file, test.word)
			if err := p.tree.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if process.Alive() {
				t.Error("the frozen process is alive")
			}
		})
	}
}

// TestKillWaitsForTheEnd holds that a process which has left its group in its last moments, and has not ended, still counts. The first process
// of a pid namespace lasts until all others of it are reaped, and the parent of one that came from outside can be made to take its time.
func TestKillWaitsForTheEnd(t *testing.T) {
	nsenter := need.Command(t, "nsenter", "install util-linux")
	p := newPlace(t)
	first := exec.Command("sleep", "1000")
	first.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	process := run(t, first)
	p.enter(t, process.PID, "")
	other := exec.Command(nsenter, "-t", strconv.Itoa(process.PID), "-p", "sh", "-c", "echo in; exec sleep 1000")
	said, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	parent := run(t, other)
	if _, err := io.ReadFull(said, make([]byte, len("in\n"))); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(parent.PID, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it stops", func() bool {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", parent.PID))
		return err == nil && strings.Contains(string(text), ") T ")
	})
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.tree.Kill(short); !errors.Is(err, alive.ErrPopulated) || !process.Alive() {
		t.Errorf("Kill of what cannot end: %v; alive: %v", err, process.Alive())
	}
	if err := unix.Kill(parent.PID, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it ends", func() bool { return !process.Alive() })
}

// TestKillForkBomb ends a bomb that forks as fast as it can, with each means there is. A limit above the killed group keeps the host safe.
func TestKillForkBomb(t *testing.T) {
	perl := need.Command(t, "perl", "install perl-base")
	for _, test := range []struct {
		summary string
		keys    []string
	}{
		{"everything", nil}, {"pids", []string{"pids"}}, {"freezer only", []string{"freezer"}}, {"version 2 only", []string{""}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			guard := newPlace(t, "pids")
			guard.write(t, "pids", "pids.max", "250")
			p := newPlace(t, test.keys...)
			if _, ok := p.group["pids"]; ok {
				p.write(t, "pids", "pids.max", "250")
			}
			bomb := exec.Command(perl, "-e", `<STDIN>; while (1) { defined(fork) or select(undef, undef, undef, 0.002) }`)
			stdin, err := bomb.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := bomb.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = bomb.Process.Kill(); _ = bomb.Wait() })
			guard.enter(t, bomb.Process.Pid, "")
			p.enter(t, bomb.Process.Pid, "x")
			if err := stdin.Close(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "it has forked", func() bool { pids, err := p.tree.Processes(); return err == nil && len(pids) > 20 })
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := p.tree.Kill(ctx); err != nil {
				t.Fatal(err)
			}
			if pids, err := p.tree.Processes(); err != nil || len(pids) != 0 {
				t.Errorf("left: %v, %v", pids, err)
			}
		})
	}
}

func TestKillSparesTheCaller(t *testing.T) {
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	p := newPlace(t, "freezer")
	own, err := layout.Beside(0, "x")
	if err != nil {
		t.Fatal(err)
	}
	back := strings.TrimSuffix(own["freezer"], "/x")
	p.enter(t, os.Getpid(), "inside")
	home := layout.Mounts()["freezer"] + back + "/cgroup.procs"
	t.Cleanup(func() {
		if err := os.WriteFile(home, []byte("0"), 0); err != nil {
			t.Error(err)
		}
	})
	if err := p.tree.Kill(t.Context()); !errors.Is(err, alive.ErrGroup) {
		t.Errorf("Kill = %v, want ErrGroup", err)
	}
	if err := p.tree.Freeze(t.Context()); !errors.Is(err, alive.ErrGroup) {
		t.Errorf("Freeze = %v, want ErrGroup", err)
	}
}
