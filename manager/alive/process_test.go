package alive_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

func TestProcessLife(t *testing.T) {
	cmd, p := start(t, "sleep", "1000")
	if !p.Alive() || p.IsZero() {
		t.Fatalf("%+v runs, and is called dead", p)
	}
	if again, err := alive.Look(p.PID); err != nil || again != p {
		t.Errorf("a second look gives %+v, %v; want %+v", again, err, p)
	}
	other := alive.Process{PID: p.PID, Start: p.Start + 1}
	if other.Alive() {
		t.Error("a process that started later under the same id is called alive")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the unreaped process is called dead", func() bool { return !p.Alive() })
	if _, err := alive.Look(p.PID); !errors.Is(err, alive.ErrGone) {
		t.Errorf("a look at a zombie: error %v, want ErrGone", err)
	}
	_ = cmd.Wait()
	if p.Alive() {
		t.Error("the reaped process is called alive")
	}
	if _, err := alive.Look(p.PID); !errors.Is(err, alive.ErrGone) {
		t.Errorf("a look at nothing: error %v, want ErrGone", err)
	}
}

func TestNoProcess(t *testing.T) {
	for _, p := range []alive.Process{{}, {PID: -1}, {PID: 1 << 30}} {
		if p.Alive() {
			t.Errorf("%+v is called alive", p)
		}
		if _, err := p.Open(); !errors.Is(err, alive.ErrGone) {
			t.Errorf("Open of %+v: error %v, want ErrGone", p, err)
		}
		if _, err := alive.Look(p.PID); !errors.Is(err, alive.ErrGone) {
			t.Errorf("Look at %d: error %v, want ErrGone", p.PID, err)
		}
	}
}

func TestSelf(t *testing.T) {
	self, err := alive.Self()
	if err != nil || self.PID != os.Getpid() || !self.Alive() {
		t.Errorf("Self = %+v, %v", self, err)
	}
}

// TestOddName runs processes whose names try to be the fields behind the name.
func TestOddName(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{") Z 1 (", "a b", "a\nb", ")", "((", "x) Z 1 1 1"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.Symlink(sleep, path); err != nil {
			t.Fatal(err)
		}
		_, p := start(t, path, "1000")
		if self, err := alive.Self(); err != nil || p.Start < self.Start || !p.Alive() {
			t.Errorf("%q: start time %d, own %d, alive %v, %v", name, p.Start, self.Start, p.Alive(), err)
		}
	}
}

// TestLeaderLeft holds that a process whose first thread has ended is alive as long as another one runs: a container could else look
// dead at will.
func TestLeaderLeft(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ALIVE_TEST_HELPER=leaderless")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the helper says %q, %v", line, err)
	}
	eventually(t, "the first thread is a zombie", func() bool {
		content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
		return err == nil && strings.Contains(string(content), ") Z ")
	})
	p, err := alive.Look(cmd.Process.Pid)
	if err != nil || !p.Alive() {
		t.Fatalf("%+v, %v: called dead although a thread runs", p, err)
	}
	handle, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := handle.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v although a thread runs", err)
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := handle.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("called alive after its last thread")
	}
}

func TestBootID(t *testing.T) {
	id, err := alive.BootID()
	if err != nil || alive.CheckBootID(id) != nil {
		t.Errorf("BootID = %q, %v", id, err)
	}
	for _, bad := range []string{"", id + "0", id[1:], strings.ToUpper("a" + id[1:]), strings.Replace(id, "-", "0", 1), "../" + id[3:]} {
		if alive.CheckBootID(bad) == nil {
			t.Errorf("%q is called a boot id", bad)
		}
	}
}

func TestSignalNumber(t *testing.T) {
	for name, want := range map[string]unix.Signal{
		"SIGTERM": 15, "SIGKILL": 9, "SIGPWR": 30, "SIGRTMIN": 34, "SIGRTMIN+3": 37, "SIGRTMIN+30": 64, "SIGRTMAX": 64, "SIGRTMAX-30": 34,
	} {
		if got, err := alive.SignalNumber(name); err != nil || got != want {
			t.Errorf("SignalNumber(%s) = %d, %v; want %d", name, got, err, want)
		}
	}
	for _, name := range []string{
		"", "TERM", "sigterm", "15", "SIG", "SIGRTMIN+", "SIGRTMIN3", "SIGRTMIN-3", "SIGRTMIN++3", "SIGRTMIN+31", "SIGRTMIN+-1", "SIGRTMIN+ 3",
		"SIGRTMAX+1", "SIGRTMAX-31", "SIGRTMIN+3 ", "SIGTERM\n", "SIGRTMIN+99999999999999999999",
	} {
		if got, err := alive.SignalNumber(name); err == nil {
			t.Errorf("SignalNumber(%q) = %d, want an error", name, got)
		}
	}
}

// FuzzParseStat holds that any name in any line gives back the numbers that stand behind it.
func FuzzParseStat(f *testing.F) {
	f.Add("sleep", int64(1), uint64(123))
	f.Add(") Z 1 1 1 (", int64(4), uint64(1<<63))
	f.Add("a\nb)", int64(0), uint64(0))
	f.Fuzz(func(t *testing.T, name string, threads int64, started uint64) {
		line := fmt.Sprintf("42 (%s) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 %d 0 %d 5 6\n", name, threads, started)
		state, gotThreads, gotStart, err := alive.ParseStat([]byte(line))
		if err != nil || state != 'S' || gotThreads != threads || gotStart != started {
			t.Fatalf("%q: %c %d %d %v", line, state, gotThreads, gotStart, err)
		}
		_, _, _, _ = alive.ParseStat([]byte(name)) // must not panic
	})
}
