package manager_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
)

func TestReserveIDs(t *testing.T) {
	pool := idrange.Default()
	for _, test := range []struct {
		summary string
		before  string // of both files; "-" for none
		fails   bool
	}{
		{"no files", "-", false},
		{"empty", "", false},
		{"somebody's", "joe:100000:65536\n", false},
		{"no newline at the end", "joe:100000:65536", false},
		{"taken by somebody", "joe:1879048192:65536\n", true},
	} {
		t.Run(test.summary, func(t *testing.T) {
			etc := t.TempDir()
			files := []string{filepath.Join(etc, "subuid"), filepath.Join(etc, "subgid")}
			for _, file := range files {
				if test.before == "-" {
					continue
				}
				if err := os.WriteFile(file, []byte(test.before), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			changed, err := manager.ReserveIDs(pool, etc)
			if test.fails {
				if err == nil || changed {
					t.Errorf("ReserveIDs: %v, %v", changed, err)
				}
				for _, file := range files {
					content(t, file, test.before)
				}
				return
			}
			if err != nil || !changed {
				t.Fatalf("ReserveIDs: %v, %v", changed, err)
			}
			if again, err := manager.ReserveIDs(pool, etc); err != nil || again {
				t.Errorf("the second time: %v, %v", again, err)
			}
			for range 2 {
				if err := manager.RemoveIDs(pool, etc); err != nil {
					t.Errorf("RemoveIDs: %v", err)
				}
			}
			if test.before == "joe:100000:65536\n" {
				for _, file := range files {
					content(t, file, test.before)
				}
			}
		})
	}
}

func content(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s has %q, %v; want %q", file, got, err, want)
	}
}

// TestMakeDirs makes and repairs the directories, in a namespace in which /var/cache is another.
func TestMakeDirs(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	if err := unix.Mount("test", "/var/cache", "tmpfs", 0, "mode=0755"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d, etc := lxc.Dirs{State: dir + "/state", Run: dir + "/run"}, dir+"/etc"
	for i := range 3 {
		if i == 2 { // somebody opened what is to be closed
			if err := os.Chmod(d.State, 0o777); err != nil {
				t.Fatal(err)
			}
		}
		changed, err := manager.MakeDirs(d, etc)
		if err != nil || changed != (i != 1) {
			t.Errorf("MakeDirs, time %d: %v, %v", i+1, changed, err)
		}
		for path, mode := range map[string]os.FileMode{
			d.State: 0o700, d.State + "/containers": 0o700, etc + "/sysctr/profiles": 0o755, d.Canary(): 0o755,
		} {
			if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeDir|mode {
				t.Errorf("%s: %v, %v; want mode %o", path, info, err, mode)
			}
		}
	}
}

func TestRemoveEmpty(t *testing.T) {
	dir := t.TempDir()
	full := filepath.Join(dir, "full")
	if err := errors.Join(os.Mkdir(full, 0o755), os.WriteFile(filepath.Join(full, "file"), nil, 0o600), os.Mkdir(filepath.Join(dir, "empty"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{"empty", "empty", "full"} {
		if err := manager.RemoveEmpty(filepath.Join(dir, n)); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	if _, err := os.Stat(filepath.Join(full, "file")); err != nil {
		t.Errorf("what somebody put there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "empty")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty one: %v", err)
	}
}
