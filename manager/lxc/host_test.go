package lxc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/mount"
	"github.com/sysctr/sysctr/profiles"
)

// dirsVariable tells the test binary, run again by one of the hidden verbs, which directories to work in.
const dirsVariable = "SYSCTR_TEST_DIRS"

func TestMain(m *testing.M) {
	if order := os.Getenv(sendVariable); order != "" {
		os.Exit(runSend(order))
	}
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case lxc.StarterVerb:
			os.Exit(runStarter())
		case lxc.AttachVerb:
			os.Exit(runAttach())
		}
	}
	os.Exit(m.Run())
}

func testDirs() lxc.Dirs {
	var d lxc.Dirs
	_ = json.Unmarshal([]byte(os.Getenv(dirsVariable)), &d)
	return d
}

// runStarter is what cmd does for the starter's verb.
func runStarter() int {
	err := mount.Isolate()
	if err == nil {
		var s *lxc.Starter
		if s, err = lxc.NewStarter(lxc.Options{Dirs: testDirs(), Binary: "/bin/false"}); err == nil {
			err = errors.Join(s.Serve(context.Background(), os.Stdin, os.Stdout, 2), s.Close())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// runAttach is what cmd does for the attaching verb.
func runAttach() int {
	var a lxc.Attach
	if err := json.Unmarshal([]byte(os.Args[2]), &a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	status, err := a.Run(testDirs())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
	return status
}

// host is a prepared host with directories of its own. The test is in a mount namespace of its own.
type host struct {
	lxc.Host
	store   record.Store
	starter *lxc.Starter
	made    int
}

// newHost prepares a host and takes it away at the end, containers first. The paths are short: a socket's has 108 bytes at most.
func newHost(t *testing.T) *host {
	t.Helper()
	dir, err := os.MkdirTemp("", "l")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the host's directories: %v", err)
		}
	})
	d := lxc.Dirs{State: dir + "/state", Run: dir + "/run"}
	if err := errors.Join(os.Chmod(dir, 0o711), os.MkdirAll(d.State+"/containers", 0o700), os.MkdirAll("/run/lxc", 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, err := mount.EnsureTmpfs(d.Run); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := mount.RemoveTmpfs(d.Run); err != nil {
			t.Error(err)
		}
	})
	if err := errors.Join(os.MkdirAll(d.Path(), 0o711), unix.Mount("locks", "/run/lxc", "tmpfs", 0, "")); err != nil {
		t.Fatal(err)
	}
	ensureMounter(t, dir)
	h := &host{store: record.Open(d.State)}
	if h.Host, err = lxc.OpenHost(d); err != nil {
		t.Fatal(err)
	}
	return h
}

// ensureMounter has this namespace know the user that mounts, where the host has not been prepared.
func ensureMounter(t *testing.T, dir string) {
	t.Helper()
	if _, err := user.Lookup(lxc.MounterUser); err == nil {
		return
	}
	for _, file := range []struct{ path, line string }{
		{"/etc/passwd", lxc.MounterUser + ":x:64917:64917::/nonexistent:/usr/sbin/nologin\n"},
		{"/etc/group", lxc.MounterUser + ":x:64917:\n"},
	} {
		text, err := os.ReadFile(file.path)
		if err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(dir, filepath.Base(file.path))
		if err := os.WriteFile(copied, append(text, file.line...), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := unix.Mount(copied, file.path, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(file.path, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
}

// newStarter opens a starter in this process.
func (h *host) newStarter(t *testing.T) *lxc.Starter {
	t.Helper()
	return h.newStarterOf(t, "/bin/false")
}

// newStarterOf is newStarter with a program for the monitors to run.
func (h *host) newStarterOf(t *testing.T, binary string) *lxc.Starter {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/init.lxc"); err != nil {
		need.Missing(t, "needs init.lxc: install liblxc-common")
	}
	s, err := lxc.NewStarter(lxc.Options{Dirs: h.Dirs, Binary: binary})
	if err != nil {
		t.Fatalf("NewStarter: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	h.starter = s
	return s
}

// create makes a container whose name no other test has, and takes everything of it away at the end.
func (h *host) create(t *testing.T, profile string, set ...string) record.Record {
	t.Helper()
	spec, err := profiles.Library{}.Resolve(profile, set)
	if err != nil {
		t.Fatal(err)
	}
	h.made++
	r := idrange.Range{Start: 0x70000000 + uint32(3000+h.made)*65536, Size: 65536}
	if spec.Isolation == profiles.Privileged {
		r = idrange.Range{}
	}
	rec := record.New(fmt.Sprintf("t%dx%d", os.Getpid(), h.made), spec, r, time.Now())
	if err := h.store.Create(rec, func(dir string) error { return os.Mkdir(dir+"/delta", 0o700) }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Kill(context.Background(), rec.Name); err != nil {
			t.Errorf("Kill %s: %v", rec.Name, err)
		}
	})
	return rec
}

// start starts a container in this process's starter.
func (h *host) start(t *testing.T, rec record.Record) *lxc.Started {
	t.Helper()
	if h.starter == nil {
		h.newStarter(t)
	}
	started, err := h.starter.Start(context.Background(), rec.Name)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return started
}

// binary is the program for hidden verbs: the test binary in the host's directories.
func (h *host) binary(t *testing.T) string {
	t.Helper()
	file := filepath.Join(h.Dirs.State, "sysctr")
	self, env := h.self(t)
	script := fmt.Sprintf("#!/bin/sh\nexport '%s'\nexec '%s' \"$@\"\n", strings.Join(env, "' '"), self)
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

// program is the test binary for what enters containers.
func (h *host) program(t *testing.T) *lxc.Program {
	t.Helper()
	self, env := h.self(t)
	p := lxc.NewProgram("sysctr", self).WithEnv(env...)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// self is the test binary, with the environment that it needs to be sysctr.
func (h *host) self(t *testing.T) (path string, env []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := json.Marshal(h.Dirs)
	if err != nil {
		t.Fatal(err)
	}
	// The race detector's own wait at the end of a process would be most of what the tests take.
	return self, []string{"GORACE=atexit_sleep_ms=0", dirsVariable + "=" + string(dirs)}
}

// leftovers are what of a container that does not run is still there. A record and a delta are not.
func (h *host) leftovers(t *testing.T, name string) []string {
	t.Helper()
	var found []string
	for key, at := range h.Layout.Mounts() {
		for _, dir := range []string{"sysctr/c/", "sysctr/mon/"} {
			group, err := h.Layout.At(dir + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Lstat(filepath.Join(at, group[key])); err == nil {
				found = append(found, filepath.Join(at, group[key]))
			}
		}
	}
	for _, path := range []string{h.Dirs.Root(name), h.Dirs.Seed(name), h.Dirs.Notify(name), filepath.Join(h.Dirs.LXC(), name)} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			found = append(found, path)
		}
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(table), "\n") {
		if strings.Contains(line, h.Dirs.Root(name)) {
			found = append(found, line)
		}
	}
	return found
}

// dead fails the test unless the processes have ended and nothing of the container is left.
func (h *host) dead(t *testing.T, name string, processes ...alive.Process) {
	t.Helper()
	for _, p := range processes {
		if p.Alive() {
			t.Errorf("process %d is alive", p.PID)
		}
	}
	if left := h.leftovers(t, name); len(left) > 0 {
		t.Errorf("left of %s:\n%s", name, strings.Join(left, "\n"))
	}
}
