package hooks_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks"
)

// TestHookScript has it run where things are missing.
func TestHookScript(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, s stage)
		want    string // the mark
	}{
		"systemd": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
		}, "apt\n"},
		"no systemd or sysctr": {func(t *testing.T, s stage) {
			t.Helper()
			prepare(t, false)
			if err := os.Remove(s.binary); err != nil {
				t.Fatal(err)
			}
		}, "apt\n"},
		"a container": {func(*testing.T, stage) {}, "none"},
		"marked already": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
			poke(t, hostDir, "dpkg")
		}, "dpkg\napt\n"},
		"full": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
			mount(t, hostDir, "size=4k")
			fill(t, hostDir)
		}, ""},
		"full of names": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
			mount(t, hostDir, "nr_inodes=1")
		}, "none"},
		"read-only": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
			mount(t, hostDir, "")
			if err := unix.Mount("", hostDir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}, "none"},
		"a file in the place of the directory": {func(t *testing.T, _ stage) {
			t.Helper()
			if err := errors.Join(os.MkdirAll("/run/sysctr", 0o755), os.WriteFile(hostDir, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, "none"},
		"no /dev": {func(t *testing.T, _ stage) {
			t.Helper()
			prepare(t, true)
			mount(t, "/dev", "")
		}, "none"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, shell := range shells(t) {
				t.Run(filepath.Base(shell), func(t *testing.T) {
					s := newStage(t)
					test.prepare(t, s)
					s.run(t, shell)
					if got := mark(t); got != test.want {
						t.Errorf("the mark is %q, want %q", got, test.want)
					}
				})
			}
		})
	}
}

// TestHookScriptStartsARefresh where no service manager does: in a session of its own, with no descriptor of the caller's.
func TestHookScriptStartsARefresh(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, shell := range shells(t) {
		t.Run(filepath.Base(shell), func(t *testing.T) {
			s := newStage(t)
			prepare(t, false)
			cmd := exec.Command("bash", "-c", `exec 3</etc/passwd 7>/dev/full; exec "$0" "$1" apt`, shell, s.script)
			if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 { // it returns when nobody has its output open any more
				t.Errorf("%v, printed %q", err, out)
			}
			told := s.tell()
			pid := s.stopped(t, told)
			if want := fmt.Sprintf("%d %d patch refresh --detached 0=/dev/null 1=/dev/null ", pid, pid); !strings.HasPrefix(told, want) {
				t.Errorf("started as %q, want %q", told, want)
			}
			if !strings.Contains(told, " 2=/dev/null ") || strings.Contains(told, "/etc/passwd") || strings.Contains(told, "/dev/full") {
				t.Errorf("started with descriptors of the caller: %q", told)
			}
			if got := mark(t); got != "apt\n" {
				t.Errorf("the mark is %q", got)
			}
		})
	}
}

// TestHookScriptHoldsNothing looks at what a script has open that cannot go on, because its mark is a pipe that is full.
func TestHookScriptHoldsNothing(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, shell := range shells(t) {
		t.Run(filepath.Base(shell), func(t *testing.T) {
			s := newStage(t)
			prepare(t, true)
			pipe := fullPipe(t, hostDir+"/pending")
			cmd := exec.Command("bash", "-c", `exec 3</etc/passwd 9>/dev/full; exec "$0" "$1" apt`, shell, s.script)
			var printed bytes.Buffer
			cmd.Stdout, cmd.Stderr = &printed, &printed
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for fd, target := range writing(t, cmd.Process.Pid, hostDir+"/pending") {
				if fd == 1 && target == hostDir+"/pending" || fd > 9 && target == s.script {
					continue
				}
				if target != "/dev/null" {
					t.Errorf("descriptor %d is %s", fd, target)
				}
			}
			if _, err := pipe.Read(make([]byte, 1<<20)); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil || printed.Len() > 0 {
				t.Errorf("%v, printed %q", err, printed.String())
			}
		})
	}
}

// TestHookScriptAtOnce: many at once leave one mark with a line of each.
func TestHookScriptAtOnce(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newStage(t)
	prepare(t, true)
	var group sync.WaitGroup
	for range 10 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 5 {
				s.run(t, "/bin/sh")
			}
		}()
	}
	group.Wait()
	if got := mark(t); got != strings.Repeat("apt\n", 50) {
		t.Errorf("the mark is %q", got)
	}
	if sources, err := hooks.Dir(hostDir).Take(); !slices.Equal(sources, []string{"apt"}) || err != nil {
		t.Errorf("taken: %q, %v", sources, err)
	}
}

// TestHookScripts runs the drop-ins that are programs themselves: what a package manager gets from them, and when they poke.
func TestHookScripts(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	const ack = "ACK\n\n\x00"
	for _, test := range []struct {
		summary, name, input, output, mark string
		args                               []string
	}{
		{"a commit", "zypper", "PLUGINBEGIN\n\n\x00COMMITBEGIN\n\n{}\x00COMMITEND\n\n{}\x00PLUGINEND\n\n\x00_DISCONNECT\n\n\x00", strings.Repeat(ack, 5), "zypper\n", nil},
		{"no commit", "zypper", "PLUGINBEGIN\n\n\x00_DISCONNECT\n\n\x00", ack + ack, "none", nil},
		{"zypper is killed", "zypper", "PLUGINBEGIN\n\n\x00COMMIT", ack, "none", nil},
		{"after a commit", "apk", "", "", "apk\n", []string{"post-commit"}},
		{"before a commit", "apk", "", "", "none", []string{"pre-commit"}},
		{"no argument", "apk", "", "", "none", nil},
	} {
		t.Run(test.name+"/"+test.summary, func(t *testing.T) {
			s := newStage(t)
			prepare(t, true)
			all, err := hooks.DropIns(s.script)
			if err != nil {
				t.Fatal(err)
			}
			i := slices.IndexFunc(all, func(d hooks.DropIn) bool { return d.Name == test.name })
			program := filepath.Join(t.TempDir(), test.name)
			if err := os.WriteFile(program, []byte(all[i].Text), all[i].Mode); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, test.args...)
			cmd.Stdin = strings.NewReader(test.input)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != test.output {
				t.Errorf("%v: printed %q, want %q", err, out, test.output)
			}
			if got := mark(t); got != test.mark {
				t.Errorf("the mark is %q, want %q", got, test.mark)
			}
		})
	}
}
