package lxc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
)

// TestLauncher looks at what a start leaves of itself: liblxc's monitor, which is a copy of a small process, and nothing else in the monitor's
// control groups. What is in them dies with the container.
func TestLauncher(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	before := membership(t)
	live := h.start(t, h.create(t, "command")).Live
	if diff := cmp.Diff(before, membership(t)); diff != "" {
		t.Errorf("the starter is in other control groups than before (-before +after):\n%s", diff)
	}
	tree, err := h.Layout.Tree(live.MonitorCgroup)
	if err != nil {
		t.Fatal(err)
	}
	if pids, err := tree.Processes(); err != nil || !slices.Equal(pids, []int{live.Monitor.PID}) {
		t.Errorf("the monitor's groups hold %v, %v; want its monitor, %d", pids, err, live.Monitor.PID)
	}
	first := s.Launchers()
	h.start(t, h.create(t, "command"))
	if diff := cmp.Diff(first, s.Launchers()); diff != "" || len(first) != 1 {
		t.Errorf("one start after the other takes one launcher, not %v and then %v", first, s.Launchers())
	}
}

// membership is where this process is in each hierarchy.
func membership(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// TestLauncherFails has launchers die and hang. One start fails, nothing of it is left, and the next one works.
func TestLauncherFails(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	for _, test := range []struct {
		summary string
		signal  unix.Signal
	}{{"killed", unix.SIGKILL}, {"stopped", unix.SIGSTOP}} {
		t.Run(test.summary, func(t *testing.T) {
			s.Patience(time.Minute)
			h.start(t, h.create(t, "command"))
			launcher := s.Launchers()[0]
			if err := unix.Kill(launcher, test.signal); err != nil {
				t.Fatal(err)
			}
			s.Patience(100 * time.Millisecond)
			rec := h.create(t, "command")
			if _, err := s.Start(context.Background(), rec.Name); err == nil || !strings.Contains(err.Error(), "the launcher failed") {
				t.Errorf("a start by a launcher that is %s: %v", test.summary, err)
			}
			if err := unix.Kill(launcher, 0); err != unix.ESRCH {
				t.Errorf("the launcher is still there: %v", err)
			}
			h.dead(t, rec.Name)
			s.Patience(time.Minute)
			h.start(t, rec)
		})
	}
}

// TestLauncherErrors tells a configuration that liblxc refuses from a container that it cannot start; neither costs the launcher.
func TestLauncherErrors(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	var launchers []int
	for _, test := range []struct{ summary, config, want string }{
		{"no configuration that can be read", "lxc.rootfs.path\n", "load the LXC configuration"},
		{"a root that is not there", "lxc.rootfs.path = dir:/nonexistent\nlxc.net.0.type = empty\n", "start through liblxc"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			dir := filepath.Join(h.Dirs.LXC(), "refused")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "config"), []byte(test.config), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := s.Launch("refused", "/bin/true"); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err := s.Launch("refused", "/bin/true\x00"); err == nil {
				t.Error("a command with a NUL is started")
			}
			if launchers == nil {
				launchers = s.Launchers()
			}
			if diff := cmp.Diff(launchers, s.Launchers()); diff != "" {
				t.Errorf("the launcher is another one: %s", diff)
			}
		})
	}
}

// TestLauncherRefuses sends a launcher what no starter sends. It ends at once, whatever it was sent, and starts nothing.
func TestLauncherRefuses(t *testing.T) {
	t.Parallel()
	message := func(size uint32, text string) []byte {
		return append(binary.NativeEndian.AppendUint32(nil, size), text...)
	}
	for _, test := range []struct {
		summary string
		input   []byte
		code    int
	}{
		{"nothing: the starter has ended", nil, 0},
		{"half a length", []byte{1}, 0},
		{"no words", message(0, ""), 1},
		{"less than announced", message(100, "/x\x00n\x00c\x00"), 1},
		{"a word without an end", message(5, "a\x00b\x00c"), 1},
		{"a name without a command", message(4, "a\x00b\x00"), 1},
		{"more than a starter has to say", message(1<<20+1, strings.Repeat("a\x00", 1<<19+1)), 1},
		{"more words than a starter has", message(1<<14, strings.Repeat("a\x00", 1<<13)), 1},
		{"all ones", bytes.Repeat([]byte{0xff}, 64), 1},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			cmd := exec.CommandContext(ctx, "/proc/self/exe", lxc.LauncherVerb)
			cmd.Stdin = bytes.NewReader(test.input)
			out, _ := cmd.CombinedOutput() // its status is looked at
			if code := cmd.ProcessState.ExitCode(); code != test.code || len(out) > 0 {
				t.Errorf("status %d, want %d; it says %q", code, test.code, out)
			}
		})
	}
}
