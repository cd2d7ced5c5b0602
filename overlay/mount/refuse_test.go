package mount_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

// held is what a session holds of the system: mounts, descriptors, names in the run directory.
type held struct {
	mounts, descriptors int
	run                 string
}

func holds(t *testing.T, w world) held {
	t.Helper()
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, dir := range []string{w.run, filepath.Join(w.run, "attach")} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	return held{bytes.Count(table, []byte("\n")), len(fds), strings.Join(names, " ")}
}

// TestMountErrorsLeaveNothing spoils one thing of a container with two stacks at a time.
func TestMountErrorsLeaveNothing(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	gone := func(dir string) string { return dir + ".gone" }
	for _, test := range []struct {
		summary string
		spoil   func(t *testing.T, root, opt *overlay.Stack)
		want    string // of the error
	}{
		{"no workdir", func(_ *testing.T, root, _ *overlay.Stack) { root.Work = gone(root.Work) }, "outer overlay"},
		{"no upper", func(_ *testing.T, root, _ *overlay.Stack) { root.Upper = gone(root.Upper) }, "outer overlay"},
		{"upper on another filesystem than work", func(_ *testing.T, root, opt *overlay.Stack) { root.Upper = opt.Base }, "outer overlay"},
		{"no mask", func(_ *testing.T, root, _ *overlay.Stack) { root.Mask = gone(root.Mask) }, "mask"},
		{"a mask that is a file", func(t *testing.T, root, _ *overlay.Stack) {
			root.Mask = filepath.Join(root.Mask, "file")
			write(t, root.Mask, "", 0o644)
		}, "/"},
		{"a seed that is a file", func(t *testing.T, root, _ *overlay.Stack) {
			root.Seed = filepath.Join(root.Seed, "file")
			write(t, root.Seed, "", 0o644)
		}, "/"},
		{"a delta without room", func(t *testing.T, root, _ *overlay.Stack) {
			dir := t.TempDir()
			tmpfs(t, dir, "nr_inodes=3") // its root and these two
			root.Upper, root.Work = filepath.Join(dir, "upper"), filepath.Join(dir, "work")
			mkdir(t, root.Upper)
			mkdir(t, root.Work)
		}, mount.ErrReadOnly.Error()},
		{"no base", func(_ *testing.T, root, _ *overlay.Stack) { root.Base = gone(root.Base) }, "clone the mount"},
		{"no mask in the second stack", func(_ *testing.T, _, opt *overlay.Stack) { opt.Mask = gone(opt.Mask) }, "/opt"},
		{"no workdir in the second stack", func(_ *testing.T, _, opt *overlay.Stack) { opt.Work = gone(opt.Work) }, "/opt"},
		{"no base in the second stack", func(_ *testing.T, _, opt *overlay.Stack) { opt.Base = gone(opt.Base) }, "/opt"},
		{"no mount point for the second stack", func(_ *testing.T, _, opt *overlay.Stack) { opt.Point = "/gone" }, "/gone"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
				root, opt := w.stack, w.further(t, "opt")
				test.spoil(t, &root, &opt)
				at := filepath.Join(w.run, "rootfs")
				before := holds(t, w)
				_, err := s.Mount(mount.Request{Stacks: []overlay.Stack{root, opt}, At: at})
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("Mount: %v, want an error with %q", err, test.want)
				}
				if after := holds(t, w); after != before {
					t.Errorf("before %+v, after the error %+v", before, after)
				}
				absent(t, filepath.Join(at, "opt"))
			})
		})
	}
}

func TestMountNeedsAPlace(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		before := holds(t, w)
		if _, err := s.Mount(mount.Request{Stacks: []overlay.Stack{w.stack}, At: filepath.Join(w.run, "nowhere")}); err == nil {
			t.Error("a root is mounted at a directory that is not there")
		}
		if after := holds(t, w); after != before {
			t.Errorf("before %+v, after the error %+v", before, after)
		}
	})
}

// TestNothingIsLeft: after Close no mount, descriptor or file of a container is left in the starter.
func TestNothingIsLeft(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		opt, ns := w.further(t, "opt"), userns(t)
		before := holds(t, w)
		for range 3 {
			root, err := s.Mount(mount.Request{Stacks: []overlay.Stack{w.stack, opt}, UserNS: ns, At: filepath.Join(w.run, "rootfs")})
			if err != nil {
				t.Fatal(err)
			}
			if err := root.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if after := holds(t, w); after != before {
			t.Errorf("before %+v, after three roots %+v", before, after)
		}
	})
}

// TestOpenRefusesRoot: with root's credentials every sealed file of the host would be readable.
func TestOpenRefusesRoot(t *testing.T) {
	for _, c := range []mount.Credentials{{}, {UID: 1}, {GID: 1}, {UID: -1, GID: 1}} {
		if s, err := mount.Open(mount.Config{RunDir: t.TempDir(), Mounter: c}); err == nil {
			s.Close()
			t.Errorf("Open takes the mounter %+v", c)
		}
	}
}

// TestRootsCredentialsUnseal shows what the mounter's credentials are for: with root's the sealed file is open, so the other tests do not
// pass for another reason.
func TestRootsCredentialsUnseal(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	w := newWorld(t)
	write(t, filepath.Join(w.base, "sealed"), "sealed", 0o600)
	data := "lowerdir=" + w.stack.Mask + ":" + w.base
	at := filepath.Join(w.run, "rootfs")
	if err := unix.Mount("test", at, "overlay", unix.MS_RDONLY, data); err != nil {
		t.Fatal(err)
	}
	read(t, filepath.Join(at, "sealed"), "sealed")
	if err := unix.Unmount(at, 0); err != nil {
		t.Fatal(err)
	}
}
