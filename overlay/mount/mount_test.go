package mount_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

// mounter owns nothing on this machine: no package has a user of this id.
var mounter = mount.Credentials{UID: 64917, GID: 64917}

// world is a small host: a base on a disk-like tmpfs, a run directory on another, one delta.
type world struct {
	base, run string
	stack     overlay.Stack
}

func newWorld(t *testing.T) world {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	w := world{base: filepath.Join(dir, "base"), run: filepath.Join(dir, "run")}
	tmpfs(t, w.base, "mode=0755")
	if made, err := mount.EnsureTmpfs(w.run); err != nil || !made {
		t.Fatalf("EnsureTmpfs: %v, %v", made, err)
	}
	t.Cleanup(func() {
		if err := mount.RemoveTmpfs(w.run); err != nil {
			t.Errorf("RemoveTmpfs: %v", err)
		}
	})
	delta := filepath.Join(dir, "delta")
	for _, d := range []string{"mask", "common", "seed", "rootfs", "attach"} {
		mkdir(t, filepath.Join(w.run, d))
	}
	mkdir(t, delta)
	w.stack = overlay.Stack{
		Point: "/", Base: w.base, Upper: filepath.Join(delta, "upper"), Work: filepath.Join(delta, "work"),
		Seed: filepath.Join(w.run, "seed"), Common: filepath.Join(w.run, "common"), Mask: filepath.Join(w.run, "mask"),
	}
	mkdir(t, w.stack.Upper)
	mkdir(t, w.stack.Work)
	return w
}

func tmpfs(t *testing.T, at, options string) {
	t.Helper()
	mkdir(t, at)
	if err := unix.Mount("test", at, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
}

func mkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	mkdir(t, filepath.Dir(path))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// mountAt mounts the world's stack as the root of a container.
func (w world) mountAt(t *testing.T, s *mount.Session) (*mount.Root, string) {
	t.Helper()
	at := filepath.Join(w.run, "rootfs")
	mkdir(t, at)
	root, err := s.Mount(mount.Request{Stacks: []overlay.Stack{w.stack}, At: at})
	if err != nil {
		t.Fatalf("Mount: %v", err)
	}
	return root, at
}

func session(t *testing.T, run string) *mount.Session {
	t.Helper()
	s, err := mount.Open(mount.Config{RunDir: run, Mounter: mounter})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSealedFilesStaySealed(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, byPath := range []bool{false, true} {
		t.Run(fmt.Sprintf("byPath=%v", byPath), func(t *testing.T) {
			w := newWorld(t)
			write(t, filepath.Join(w.base, "etc/open"), "open", 0o644)
			write(t, filepath.Join(w.base, "etc/sealed"), "sealed", 0o600)
			write(t, filepath.Join(w.base, "etc/group"), "group", 0o640)
			mkdir(t, filepath.Join(w.run, "mask/etc"))
			s := session(t, w.run)
			if byPath {
				s.ByPath()
			}
			root, at := w.mountAt(t, s)
			defer root.Close()

			write(t, filepath.Join(w.base, "etc/later"), "later", 0o600)
			for _, name := range []string{"sealed", "group", "later"} {
				if _, err := os.ReadFile(filepath.Join(at, "etc", name)); !errors.Is(err, unix.EACCES) {
					t.Errorf("read %s: %v, want EACCES", name, err)
				}
			}
			if got, err := os.ReadFile(filepath.Join(at, "etc/open")); err != nil || string(got) != "open" {
				t.Errorf("read open: %q, %v", got, err)
			}
			if err := os.Chmod(filepath.Join(w.base, "etc/open"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := os.ReadFile(filepath.Join(at, "etc/open")); !errors.Is(err, unix.EACCES) {
				t.Errorf("read a file that was made 0600 after the mount: %v, want EACCES", err)
			}
			if err := os.Chmod(filepath.Join(at, "etc/sealed"), 0o644); !errors.Is(err, unix.EACCES) {
				t.Errorf("copy up a sealed file: %v, want EACCES", err)
			}
			if _, err := unix.Openat(root.Inner("/"), "etc/sealed", unix.O_RDONLY, 0); !errors.Is(err, unix.EACCES) {
				t.Errorf("open through the inner overlay: %v, want EACCES", err)
			}
		})
	}
}
