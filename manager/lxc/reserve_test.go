package lxc_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay/delta"
)

// A delta without its reserve gets one when there is room, and one whose reserve was given back renews it.
func TestMend(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	dir := filepath.Join(t.TempDir(), "small")
	if err := errors.Join(os.Mkdir(dir, 0o700), unix.Mount("test", dir, "tmpfs", 0, "size=1m,nr_inodes=200")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	d, err := delta.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	for _, summary := range []string{"new", "unchanged"} {
		if err := lxc.Mend(t.Context(), dir); err != nil {
			t.Fatalf("%s: %v", summary, err)
		}
		if got, err := d.Reserved(); err != nil || got != lxc.Reserve() {
			t.Fatalf("%s: reserved %+v, %v", summary, got, err)
		}
	}
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 700<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if released, err := lxc.GiveBack(t.Context(), dir); err != nil || !released {
		t.Fatalf("give back: %v, %v", released, err)
	}
	if released, err := lxc.GiveBack(t.Context(), dir); err != nil || released {
		t.Errorf("give back what is gone: %v, %v", released, err)
	}
	if err := lxc.Mend(t.Context(), dir); err != nil {
		t.Errorf("a full filesystem keeps from starting: %v", err)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	if err := lxc.Mend(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if got, err := d.Reserved(); err != nil || got != lxc.Reserve() {
		t.Errorf("with room again: reserved %+v, %v", got, err)
	}
}
