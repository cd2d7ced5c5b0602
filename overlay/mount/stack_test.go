package mount_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/mount"
)

// TestLayersInOrder has a name in each layer: the topmost counts.
func TestLayersInOrder(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		layers := []string{w.stack.Upper, w.stack.Seed, w.stack.Common, w.stack.Mask, w.base}
		for i := range layers {
			name := strconv.Itoa(i)
			for _, dir := range layers[i:] {
				write(t, filepath.Join(dir, "etc", name), dir, 0o644)
			}
		}
		write(t, filepath.Join(w.base, "etc/hidden"), "secret", 0o644)
		whiteout(t, filepath.Join(w.stack.Mask, "etc/hidden"))
		root, at := attach(t, s, w, nil, w.stack)
		for i, dir := range layers {
			read(t, filepath.Join(at, "etc", strconv.Itoa(i)), dir)
		}
		absent(t, filepath.Join(at, "etc/hidden"))
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil || st.Dev != root.Device {
			t.Errorf("the root is device %d (%v), and Device says %d", st.Dev, err, root.Device)
		}
		if root.Inner("/srv") != -1 {
			t.Error("there is an inner overlay where no stack is")
		}
	})
}

// TestFreshPairSeesAPatch replaces files of the host under a container: the next pair of mounts shows them, and the delta is as it was.
func TestFreshPairSeesAPatch(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		ns := userns(t)
		etc := filepath.Join(w.base, "etc")
		for _, name := range []string{"library", "changed", "deleted"} {
			write(t, filepath.Join(etc, name), "old", 0o644)
		}
		mkdir(t, filepath.Join(w.stack.Mask, "etc"))
		root, at := attach(t, s, w, ns, w.stack)
		read(t, filepath.Join(at, "etc/library"), "old")
		absent(t, filepath.Join(at, "etc/new")) // looked up, so that it is remembered not to be there
		write(t, filepath.Join(at, "etc/changed"), "mine", 0o644)
		write(t, filepath.Join(at, "etc/own"), "mine", 0o644)
		if err := os.Remove(filepath.Join(at, "etc/deleted")); err != nil {
			t.Fatal(err)
		}
		if err := root.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		for _, name := range []string{"library", "changed", "deleted", "new"} {
			temp := filepath.Join(w.base, "patch")
			write(t, temp, "patched", 0o644)
			if err := os.Rename(temp, filepath.Join(etc, name)); err != nil {
				t.Fatal(err)
			}
		}
		_, at = attach(t, s, w, ns, w.stack)
		read(t, filepath.Join(at, "etc/library"), "patched")
		read(t, filepath.Join(at, "etc/new"), "patched")
		read(t, filepath.Join(at, "etc/changed"), "mine")
		read(t, filepath.Join(at, "etc/own"), "mine")
		absent(t, filepath.Join(at, "etc/deleted"))
		read(t, filepath.Join(etc, "changed"), "patched") // the host's own is the host's
	})
}

// TestOwnersAreShifted looks at an idmapped stack from the host: what root owns there is the container's root's here.
func TestOwnersAreShifted(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, byPath bool) {
		write(t, filepath.Join(w.base, "etc/root"), "", 0o644)
		write(t, filepath.Join(w.base, "etc/user"), "", 0o644)
		if err := os.Chown(filepath.Join(w.base, "etc/user"), 1000, 1000); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(w.stack.Common, "generated"), "", 0o644)
		write(t, filepath.Join(w.stack.Mask, "masked"), "", 0o644)
		mkdir(t, filepath.Join(w.stack.Mask, "etc"))
		_, at := attach(t, s, w, userns(t), w.stack)
		owner(t, filepath.Join(at, "etc/root"), shift)
		owner(t, filepath.Join(at, "etc/user"), shift+1000)
		generated := uint32(shift)
		if byPath {
			generated = 0 // the layers must have been written with shifted owners
		}
		owner(t, filepath.Join(at, "generated"), generated)
		owner(t, filepath.Join(at, "masked"), generated)
		owner(t, filepath.Join(w.base, "etc/root"), 0)
	})
}

// TestUpperIsTheContainers: what a stack writes lands in the delta with the ids of whoever writes.
func TestUpperIsTheContainers(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		write(t, filepath.Join(w.base, "etc/file"), "host", 0o644)
		_, at := attach(t, s, w, userns(t), w.stack)
		if err := os.Chmod(filepath.Join(at, "etc/file"), 0o600); err != nil { // copies it up
			t.Fatal(err)
		}
		copied := filepath.Join(w.stack.Upper, "etc/file")
		read(t, copied, "host")
		owner(t, copied, shift)
		if info, err := os.Stat(filepath.Join(w.base, "etc/file")); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("the host's file has been changed: %v, %v", info, err)
		}
	})
}

// TestFurtherFilesystem has a host filesystem below the root: the root's overlay does not cross into it, its own stack does.
func TestFurtherFilesystem(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		opt := w.further(t, "opt")
		deep := w.further(t, "opt/deep/er")
		write(t, filepath.Join(opt.Base, "program"), "of the host", 0o755)
		write(t, filepath.Join(opt.Base, "hidden"), "secret", 0o644)
		write(t, filepath.Join(opt.Base, "sealed"), "secret", 0o600)
		write(t, filepath.Join(deep.Base, "data"), "of a third", 0o644)
		whiteout(t, filepath.Join(opt.Mask, "hidden"))

		root, at := attach(t, s, w, nil, w.stack)
		absent(t, filepath.Join(at, "opt/program"))
		if err := root.Close(); err != nil {
			t.Fatal(err)
		}
		root, at = attach(t, s, w, userns(t), w.stack, opt, deep)
		read(t, filepath.Join(at, "opt/program"), "of the host")
		read(t, filepath.Join(at, "opt/deep/er/data"), "of a third")
		owner(t, filepath.Join(at, "opt/program"), shift)
		absent(t, filepath.Join(at, "opt/hidden"))
		if _, err := os.ReadFile(filepath.Join(at, "opt/sealed")); !errors.Is(err, unix.EACCES) {
			t.Errorf("read a sealed file of a further filesystem: %v, want EACCES", err)
		}
		write(t, filepath.Join(at, "opt/mine"), "mine", 0o644)
		read(t, filepath.Join(opt.Upper, "mine"), "mine")
		absent(t, filepath.Join(opt.Base, "mine"))
		for _, point := range []string{"/", "/opt", "/opt/deep/er"} {
			if root.Inner(point) < 0 {
				t.Errorf("no inner overlay at %s", point)
			}
		}
		root.Release()
		if err := root.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		absent(t, filepath.Join(at, "opt"))
	})
}

// TestOddNames has every character in the layers' names that means something to overlayfs.
func TestOddNames(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	bothWays(t, func(t *testing.T, w world, s *mount.Session, _ bool) {
		const odd = `a:b,c\d "e'=f\,g\:h`
		for _, dir := range []*string{&w.stack.Seed, &w.stack.Common, &w.stack.Mask, &w.stack.Upper, &w.stack.Work, &w.stack.Base} {
			*dir = filepath.Join(*dir, odd)
			mkdir(t, *dir)
		}
		tmpfs(t, w.stack.Base, "mode=0755") // what is cloned is a mount
		write(t, filepath.Join(w.stack.Base, "base"), "base", 0o644)
		write(t, filepath.Join(w.stack.Common, "common"), "common", 0o644)
		write(t, filepath.Join(w.stack.Mask, "mask"), "mask", 0o644)
		_, at := attach(t, s, w, nil, w.stack)
		for _, name := range []string{"base", "common", "mask"} {
			read(t, filepath.Join(at, name), name)
		}
		write(t, filepath.Join(at, "upper"), "upper", 0o644)
		read(t, filepath.Join(w.stack.Upper, "upper"), "upper")
	})
}
