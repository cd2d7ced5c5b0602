package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalUnmount holds that containers do not pin the host's disks: what is unmounted on the host is released, whether it was mounted before
// they started or while they ran. The one exception is what they show: a filesystem that belongs to the base is held until they stop.
func TestLocalUnmount(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Command(t, "mkfs.ext4", "install the package e2fsprogs")
	need.Command(t, "losetup", "install the package mount")
	l := newLocal(t)
	other, shown, late := newDisk(t), newDisk(t), newDisk(t)
	other.mount(t, "/mnt/"+l.prefix+"other")
	shown.mount(t, "/opt/"+l.prefix+"shown")
	write(t, filepath.Join(shown.at, "open"), "open\n", 0o644)
	write(t, filepath.Join(shown.at, "sealed"), "sealed\n", 0o600)
	l.must(t, "create", l.name("full"), "--start")
	l.must(t, "create", l.name("small"), "--profile", "command", "--set", "command=[/bin/sleep, infinity]", "--start")
	late.mount(t, "/mnt/"+l.prefix+"late")

	t.Run("before the start", func(t *testing.T) {
		for _, n := range []string{"full", "small"} {
			if r := l.try(t, n, "ls "+other.at); r.Code == 0 {
				t.Errorf("%s sees a filesystem that does not belong to the base: %+v", n, r)
			}
		}
		other.unmount(t)
		if err := other.free(); err != nil {
			t.Errorf("open the device alone after unmounting it: %v", err)
		}
	})
	t.Run("while they run", func(t *testing.T) {
		late.unmount(t)
		if err := late.free(); err != nil {
			t.Errorf("open the device alone after unmounting it: %v", err)
		}
	})
	t.Run("part of the base", func(t *testing.T) {
		for _, n := range []string{"full", "small"} {
			if got := l.sh(t, n, "cat "+shown.at+"/open; echo own >"+shown.at+"/own; cat "+shown.at+"/own"); got != "open\nown" {
				t.Errorf("%s reads %q", n, got)
			}
			if r := l.try(t, n, "cat "+shown.at+"/sealed"); r.Code == 0 || !strings.Contains(r.Stderr, "Permission denied") {
				t.Errorf("%s opens a sealed file: %+v", n, r)
			}
		}
		if _, err := os.Stat(filepath.Join(shown.at, "own")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("what containers write reaches the host's filesystem: %v", err)
		}
		shown.unmount(t)
		if got := l.sh(t, "full", "cat "+shown.at+"/open"); got != "open" {
			t.Errorf("after unmounting it on the host, containers that show it read %q", got)
		}
		if err := shown.free(); !errors.Is(err, unix.EBUSY) {
			t.Errorf("open the device alone while containers show it: %v, want EBUSY", err)
		}
		l.must(t, "restart", "all")
		if err := shown.free(); err != nil {
			t.Errorf("open the device alone after a restart of all: %v", err)
		}
		if r := l.try(t, "full", "ls -A "+shown.at); strings.Contains(r.Stdout, "open") {
			t.Errorf("after a restart it is still shown: %+v", r)
		}
		shown.mount(t, shown.at)
		l.must(t, "restart", "all")
		if got := l.sh(t, "full", "cat "+shown.at+"/own"); got != "own" {
			t.Errorf("with the filesystem back the delta of it holds %q", got)
		}
		l.must(t, "destroy", "all", "--yes", "--force")
		shown.unmount(t)
		if err := shown.free(); err != nil {
			t.Errorf("open the device alone at the end: %v", err)
		}
	})
}

// disk is a small ext4 on a loop device.
type disk struct{ device, at string }

func newDisk(t *testing.T) *disk {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Truncate(file, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "mkfs.ext4", "-q", file).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", file).CombinedOutput()
	if err != nil {
		need.Missing(t, "needs a free loop device: "+strings.TrimSpace(string(out)))
	}
	d := &disk{device: strings.TrimSpace(string(out))}
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "--detach", d.device).CombinedOutput(); err != nil {
			t.Errorf("losetup --detach %s: %v: %s", d.device, err, out)
		}
	})
	return d
}

// mount mounts it, and takes mount and mount point away at the end of the test.
func (d *disk) mount(t *testing.T, at string) {
	t.Helper()
	d.at = at
	if err := errors.Join(os.MkdirAll(at, 0o755), unix.Mount(d.device, at, "ext4", 0, "")); err != nil {
		t.Fatalf("mount %s: %v", at, err)
	}
	t.Cleanup(func() {
		_ = unix.Unmount(at, unix.MNT_DETACH) // the story has done it, unless it failed
		_ = os.Remove(at)
	})
}

func (d *disk) unmount(t *testing.T) {
	t.Helper()
	if err := unix.Unmount(d.at, 0); err != nil {
		t.Errorf("unmount %s: %v", d.at, err)
	}
}

// free opens the device for itself alone, which the kernel refuses as long as it is mounted in any namespace (open(2), O_EXCL).
func (d *disk) free() error {
	f, err := os.OpenFile(d.device, os.O_RDWR|os.O_EXCL, 0)
	if err != nil {
		return err
	}
	return f.Close()
}
