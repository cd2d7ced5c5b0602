package mount_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

// TestProbe: whatever it answers, the session mounts that way afterwards, and nothing of the trial is left.
func TestProbe(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range []struct {
		summary string
		userns  func(*testing.T) *os.File
	}{
		{"idmapped", userns},
		{"privileged", func(*testing.T) *os.File { return nil }},
	} {
		t.Run(test.summary, func(t *testing.T) {
			w := newWorld(t)
			s, ns := session(t, w.run), test.userns(t)
			before := holds(t, w)
			idmapped, err := s.Probe(ns)
			if err != nil {
				t.Fatalf("Probe: %v", err)
			}
			if after := holds(t, w); after != before {
				t.Errorf("before %+v, after the probe %+v", before, after)
			}
			write(t, filepath.Join(w.stack.Mask, "masked"), "", 0o644)
			_, at := attach(t, s, w, ns, w.stack)
			want := uint32(0)
			if idmapped && ns != nil {
				want = shift
			}
			owner(t, filepath.Join(at, "masked"), want)
		})
	}
}

// TestProbeFallsBack gives the probe what no kernel can map layers to: it answers no, and the session takes paths.
func TestProbeFallsBack(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	w := newWorld(t)
	s := session(t, w.run)
	file, err := os.Open("/dev/null") // no user namespace
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	idmapped, err := s.Probe(file)
	if err != nil || idmapped {
		t.Fatalf("Probe: %v, %v; want no, and no error", idmapped, err)
	}
	write(t, filepath.Join(w.stack.Mask, "masked"), "", 0o644)
	_, at := attach(t, s, w, userns(t), w.stack)
	owner(t, filepath.Join(at, "masked"), 0) // by path: a layer's owners are as written
}

func TestProbeNeedsARunDirectory(t *testing.T) {
	need.Root(t)
	s := session(t, filepath.Join(t.TempDir(), "gone"))
	if _, err := s.Probe(nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Probe: %v; that the run directory is missing is no answer about the kernel", err)
	}
}

// TestManyAtOnce mounts containers side by side through one session and its one thread.
func TestManyAtOnce(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		write(t, filepath.Join(w.base, "file"), "base", 0o644)
		ns := userns(t)
		before := holds(t, w)
		var all sync.WaitGroup
		for i := range 16 {
			stack, at := w.stack, filepath.Join(w.run, "rootfs", string(rune('a'+i)))
			stack.Upper, stack.Work = stack.Upper+at[len(at)-1:], stack.Work+at[len(at)-1:]
			for _, dir := range []string{stack.Upper, stack.Work, at} {
				mkdir(t, dir)
			}
			all.Add(1)
			go func() {
				defer all.Done()
				root, err := s.Mount(mount.Request{Stacks: []overlay.Stack{stack}, UserNS: ns, At: at})
				if err != nil {
					t.Errorf("Mount: %v", err)
					return
				}
				read(t, filepath.Join(at, "file"), "base")
				if err := root.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
		}
		all.Wait()
		after := holds(t, w)
		if before.mounts != after.mounts || before.run != after.run {
			t.Errorf("before %+v, after 16 roots %+v", before, after)
		}
	})
}

func TestEnsureTmpfs(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "a/b")
	for i := range 3 {
		made, err := mount.EnsureTmpfs(dir)
		if err != nil || made != (i == 0) {
			t.Fatalf("EnsureTmpfs, time %d: %v, %v", i+1, made, err)
		}
		if i == 0 {
			write(t, filepath.Join(dir, "kept"), "kept", 0o600)
		}
		read(t, filepath.Join(dir, "kept"), "kept")
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("the run directory: %v, %v; want mode 0711", info, err)
	}
	below := filepath.Join(dir, "below")
	if made, err := mount.EnsureTmpfs(below); err != nil || !made {
		t.Errorf("a directory of a tmpfs is taken for a tmpfs of its own: %v, %v", made, err)
	}
	if err := mount.RemoveTmpfs(dir); !errors.Is(err, unix.EBUSY) {
		t.Errorf("RemoveTmpfs under another mount: %v, want EBUSY", err)
	}
	for _, d := range []string{below, below, dir, dir, filepath.Join(dir, "gone")} {
		if err := mount.RemoveTmpfs(d); err != nil {
			t.Errorf("RemoveTmpfs(%s): %v", d, err)
		}
	}
	absent(t, filepath.Join(dir, "kept"))
}

func TestEnsureTmpfsRefusesAFile(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "data", 0o600)
	if _, err := mount.EnsureTmpfs(file); err == nil {
		t.Error("a tmpfs is mounted at a file")
	}
	read(t, file, "data")
}
