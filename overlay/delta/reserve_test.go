package delta_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

func TestReserve(t *testing.T) {
	dir := filled(t)
	d := openDelta(t, dir)
	var before []string
	for _, r := range []delta.Reserve{{Bytes: 1 << 20, Inodes: 10}, {Bytes: 1 << 20, Inodes: 10}, {Bytes: 3 << 20, Inodes: 20}, {Bytes: 8192, Inodes: 3}, {}, {Bytes: 4096}, {Inodes: 5}} {
		do(t, d.Reserve(r))
		if have, err := d.Reserved(); err != nil || have != r {
			t.Errorf("Reserved = %+v, %v; want %+v", have, err, r)
		}
		u, err := d.Usage(t.Context())
		if err != nil || u.Reserve.Disk < r.Bytes || u.Reserve.Inodes < int64(r.Inodes)+1 {
			t.Errorf("Usage of %+v = %+v, %v", r, u.Reserve, err)
		}
		before = names(t, dir+"/upper")
	}
	for range 2 {
		do(t, d.Release(t.Context()))
		if have, err := d.Reserved(); err != nil || have != (delta.Reserve{}) {
			t.Errorf("Reserved after Release = %+v, %v", have, err)
		}
	}
	for _, r := range []delta.Reserve{{Bytes: -1}, {Inodes: -1}, {Inodes: 1 << 20}, {Bytes: 1 << 60}} {
		if err := d.Reserve(r); err == nil || r.Bytes > 0 && !errors.Is(err, delta.ErrNoRoom) {
			t.Errorf("Reserve(%+v) = %v", r, err)
		}
	}
	if after := names(t, dir+"/upper"); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("the upper has changed: %q", after)
	}
}

// TestReserveRepairs finds a ballast with holes and files that do not belong there.
func TestReserveRepairs(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/reserve/ballast", "")
	put(t, dir+"/reserve/007", "")
	put(t, dir+"/reserve/2", "")
	put(t, dir+"/reserve/"+beneath.TempPrefix, "")
	all(t, os.Truncate(dir+"/reserve/ballast", 1<<20))
	d := openDelta(t, dir)
	want := delta.Reserve{Bytes: 1 << 20, Inodes: 2}
	if have, err := d.Reserved(); err != nil || have.Bytes != 0 {
		t.Errorf("Reserved with a hole = %+v, %v", have, err)
	}
	do(t, d.Reserve(want))
	if have, err := d.Reserved(); err != nil || have != want {
		t.Errorf("Reserved = %+v, %v", have, err)
	}
}

// exhaust takes all space or all inodes of a filesystem through a mounted container, as its root does, and returns how to clean up.
func exhaust(t *testing.T, root string, inodes bool) (clean func()) {
	t.Helper()
	do(t, os.Mkdir(root+"/junk", 0o755))
	block := make([]byte, 4096)
	if !inodes {
		file, err := os.Create(root + "/junk/big")
		do(t, err)
		for err == nil {
			_, err = file.Write(block)
		}
		all(t, file.Close())
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		return func() { all(t, os.Remove(root+"/junk/big"), os.Remove(root+"/junk")) }
	}
	n := 0
	for err := error(nil); err == nil; n++ {
		if err = os.WriteFile(fmt.Sprint(root, "/junk/", n), nil, 0o644); err != nil && !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
	}
	return func() {
		for i := range n {
			_ = os.Remove(fmt.Sprint(root, "/junk/", i))
		}
		all(t, os.Remove(root+"/junk"))
	}
}

// TestFullDeltaCanBeCleaned fills a small filesystem from inside, so that the container can neither write nor be reset; with the reserve
// released it can be mounted, cleaned, and the reserve renewed.
func TestFullDeltaCanBeCleaned(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, inodes := range []bool{false, true} {
		t.Run(fmt.Sprint("inodes=", inodes), func(t *testing.T) {
			s := newStage(t)
			put(t, s.base+"/etc/conf", "1")
			do(t, unix.Mount("x", s.delta, "tmpfs", 0, "size=4m,nr_inodes=300"))
			t.Cleanup(func() { _ = unix.Unmount(s.delta, unix.MNT_DETACH) })
			all(t, os.Mkdir(s.delta+"/upper", 0o755), os.Mkdir(s.delta+"/work", 0o755))
			d := openDelta(t, s.delta)
			t.Cleanup(func() { _ = d.Close() })
			reserve := delta.Reserve{Bytes: 256 << 10, Inodes: 32}
			do(t, d.Reserve(reserve))
			s.mount()
			clean := exhaust(t, s.root, inodes)
			if err := os.WriteFile(s.root+"/etc/conf", []byte("2"), 0o644); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("a write on the full disk = %v", err)
			}
			s.unmount()
			if _, err := d.Reset(t.Context(), []string{"/junk"}, now()); !errors.Is(err, unix.ENOSPC) {
				t.Errorf("Reset on the full disk = %v", err)
			}
			if err := d.Reserve(delta.Reserve{Bytes: 512 << 10, Inodes: 64}); !errors.Is(err, delta.ErrNoRoom) {
				t.Errorf("Reserve of more on the full disk = %v", err)
			}
			do(t, d.Release(t.Context()))
			s.in(func(r string) {
				put(t, r+"etc/conf", "2")
				clean()
			})
			do(t, d.Reserve(reserve))
			if have, err := d.Reserved(); err != nil || have != reserve {
				t.Errorf("Reserved = %+v, %v", have, err)
			}
			item, err := d.Reset(t.Context(), []string{"/etc/conf"}, now())
			if err != nil || len(item.Moves) != 1 {
				t.Errorf("Reset = %+v, %v", item, err)
			}
		})
	}
}
