package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalDiskFull fills the disk under a record, and the tmpfs under a configuration: what was there stays, and the error says why.
func TestLocalDiskFull(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	t.Run("record", func(t *testing.T) {
		small(t, stateDir, 0o700, "4m")
		l.must(t, "host", "init")
		l.must(t, "create", l.name("old"))
		before := listing(t, stateDir)
		free := fill(t, stateDir)
		for _, args := range [][]string{{"create", l.name("new")}, {"create", l.name("many<1..20>")}, {"create", l.name("one"), l.name("two"), "--start"}} {
			r := l.run(t, args...)
			if r.Code == 0 || !strings.Contains(r.Stderr, "no space left") {
				t.Errorf("%q on a full disk: %+v", args, r)
			}
			after := listing(t, stateDir)
			delete(after, filepath.Join(stateDir, "filler"))
			if diff := cmp.Diff(sizes(before), sizes(after)); diff != "" {
				t.Errorf("%q left on disk (-before +after):\n%s", args, diff)
			}
			if c := l.list(t); len(c) != 1 || c[0].State != "stopped" {
				t.Errorf("after %q the list is %+v", args, c)
			}
		}
		l.must(t, "destroy", l.name("old"), "--yes")
		free()
		l.must(t, "create", l.name("new"))
		l.must(t, "destroy", "all", "--yes")
	})
	t.Run("configuration", func(t *testing.T) { localRunFull(t, l) })
}

func localRunFull(t *testing.T, l *local) {
	small(t, runDir, 0o711, "8m")
	l.must(t, "host", "init")
	l.must(t, "create", l.name("a"), l.name("b"))
	l.must(t, "start", l.name("a"))
	free := fill(t, runDir)
	if r := l.run(t, "start", l.name("b")); r.Code == 0 || !strings.Contains(r.Stderr, "no space left") {
		t.Errorf("start on a full run directory: %+v", r)
	}
	if c := l.look(t, "b"); c.State != "stopped" {
		t.Errorf("what could not be started: %+v", c)
	}
	if c := l.look(t, "a"); c.State != "running" || !c.Ready {
		t.Errorf("what ran before: %+v", c)
	}
	l.sh(t, "a", "true")
	free()
	l.must(t, "start", l.name("b"))
	free = fill(t, runDir)
	l.must(t, "stop", l.name("a")) // stopping needs no room
	l.must(t, "kill", l.name("b"))
	for _, n := range []string{"a", "b"} {
		if c := l.look(t, n); c.State != "stopped" {
			t.Errorf("stopped on a full run directory: %+v", c)
		}
	}
	free()
	l.must(t, "start", l.name("a"))
	fill(t, runDir)
	l.must(t, "destroy", "all", "--yes", "--force")
	if left := l.leaks(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// small mounts a tmpfs of a size for the rest of the test.
func small(t *testing.T, at string, mode os.FileMode, size string) {
	t.Helper()
	if err := errors.Join(unix.Mount("sysctr", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "size="+size), os.Chmod(at, mode)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmount %s: %v", at, err)
		}
	})
}

// fill leaves no byte and no inode free in a tmpfs, and returns what frees it again.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("fill %s: %v", dir, err)
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Errorf("free %s: %v", dir, err)
		}
	}
}

// sizes drops the times of directories from a listing: a draft that came and went changes them.
func sizes(all map[string]string) map[string]string {
	out := map[string]string{}
	for path, line := range all {
		fields := strings.Fields(line)
		if strings.HasPrefix(line, "d") {
			fields = fields[:1]
		}
		out[path] = strings.Join(fields, " ")
	}
	return out
}
