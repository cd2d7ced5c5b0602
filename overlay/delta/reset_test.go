package delta_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

func now() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// TestResetOfAnOverlay resets parts of what was done in a real overlay, and looks at the result in one.
func TestResetOfAnOverlay(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range []struct {
		summary string
		act     func(root string)
		reset   []string
		moved   []string
		want    []string // of the diff afterwards
	}{
		{"an edit", func(r string) { put(t, r+"etc/a", "2"); put(t, r+"etc/b", "2") }, []string{"/etc/a"}, []string{"/etc/a"}, []string{"changed etc/b content"}},
		{"a whiteout", func(r string) { all(t, os.Remove(r+"etc/a"), os.Remove(r+"etc/b")) }, []string{"/etc/b"}, []string{"/etc/b"}, []string{"removed etc/a (file -> )"}},
		{"an opaque directory", func(r string) { all(t, os.RemoveAll(r+"etc"), os.Mkdir(r+"etc", 0o755)); put(t, r+"etc/new", "") }, []string{"/etc"}, []string{"/etc"}, []string{}},
		{"below an opaque directory", func(r string) { all(t, os.RemoveAll(r+"etc"), os.Mkdir(r+"etc", 0o755)); put(t, r+"etc/a", "") },
			[]string{"/etc/a"}, []string{"/etc/a"}, []string{"changed etc (directory -> opaque directory) hidden"}},
		{"what is new", func(r string) { put(t, r+"new/x/y", "") }, []string{"/new/x"}, []string{"/new/x"}, []string{"added new ( -> directory)"}},
		{"one below the other", func(r string) { put(t, r+"etc/a", "2"); put(t, r+"etc/b", "2"); put(t, r+"etc-x", "2") }, []string{"/etc/b", "/etc/a", "/etc", "/etc/"[:4], "/etc-x"}, []string{"/etc", "/etc-x"}, []string{}},
		{"all", func(r string) { put(t, r+"etc/a", "2"); all(t, os.Chmod(r, 0o700)) }, []string{"/etc/a", "/"}, []string{"/"}, nil},
		{"nothing there", func(r string) { put(t, r+"etc/a", "2") }, []string{"/etc/b", "/etc/a/x", "/none/at/all"}, []string{}, []string{"changed etc/a content"}},
		{"odd names", func(r string) { put(t, r+"x/\n\xff", "2") }, []string{"/x/\n\xff"}, []string{"/x/\n\xff"}, []string{"added x ( -> directory)"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			s := newStage(t)
			put(t, s.base+"/etc/a", "1")
			put(t, s.base+"/etc/b", "1")
			s.in(test.act)
			d := openDelta(t, s.delta)
			item, err := d.Reset(t.Context(), test.reset, now())
			do(t, err)
			if diff := cmp.Diff(test.moved, item.Paths()); diff != "" {
				t.Errorf("moved (-want +got):\n%s", diff)
			}
			again, err := d.Reset(t.Context(), test.reset, now())
			if err != nil || again.ID != "" {
				t.Errorf("Reset again = %+v, %v; want nothing", again, err)
			}
			if test.want == nil { // all: the next start makes the upper anew
				do(t, os.Mkdir(s.delta+"/upper", 0o755))
				test.want = []string{}
			}
			s.in(func(string) {}) // it can be mounted
			if diff := cmp.Diff(test.want, s.diff(s.view())); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// filled is a delta with two layers.
func filled(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, file := range []string{"upper/etc/a", "upper/etc/b/c", "upper/var/x", "work/work/t", "fs/var%2Flib/upper/pg/data", "fs/var%2Flib/work/t", "fs/usr/upper/bin/x"} {
		put(t, dir+"/"+file, file)
	}
	return dir
}

func TestResetOfSeveralLayers(t *testing.T) {
	for _, test := range []struct {
		reset []string
		want  string // what is moved
	}{
		{[]string{"/"}, "[/ /usr /var/lib]"},
		{[]string{"/var"}, "[/var /var/lib]"},
		{[]string{"/var/lib"}, "[/var/lib]"},
		{[]string{"/var/lib/pg/data"}, "[/var/lib/pg/data]"},
		{[]string{"/var/lib/pg", "/usr/bin", "/etc/a"}, "[/etc/a /usr/bin /var/lib/pg]"},
		{[]string{"/var/libx", "/us"}, "[]"},
		{nil, "[]"},
	} {
		dir := filled(t)
		d := openDelta(t, dir)
		item, err := d.Reset(t.Context(), test.reset, now())
		do(t, err)
		if got := fmt.Sprint(item.Paths()); got != test.want {
			t.Errorf("Reset(%q) moves %s, want %s", test.reset, got, test.want)
		}
		for n, m := range item.Moves {
			if _, err := os.Lstat(fmt.Sprintf("%s/trash/%s/%d", dir, item.ID, n)); err != nil {
				t.Errorf("%s: %v", m, err)
			}
		}
	}
}

func TestResetRefuses(t *testing.T) {
	dir := filled(t)
	all(t, os.Symlink("/etc", dir+"/upper/link"))
	d := openDelta(t, dir)
	before := names(t, dir)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		ctx  context.Context
		path string
		want error
	}{
		{t.Context(), "etc/a", delta.ErrPath}, {t.Context(), "", delta.ErrPath}, {t.Context(), "/etc/", delta.ErrPath}, {t.Context(), "/../etc", delta.ErrPath},
		{t.Context(), "/a\x00", delta.ErrPath}, {t.Context(), "/" + strings.Repeat("x", 5000), delta.ErrPath}, {t.Context(), "/link/a", beneath.ErrLink}, {ended, "/etc", context.Canceled},
	} {
		if _, err := d.Reset(test.ctx, []string{"/var/x", test.path}, now()); !errors.Is(err, test.want) {
			t.Errorf("Reset(%.20q) = %v, want %v", test.path, err, test.want)
		}
	}
	all(t, os.Remove(dir+"/trash")) // empty
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestResetMovesBack has one part that cannot be moved.
func TestResetMovesBack(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	dir := filled(t)
	before := names(t, dir)
	target := dir + "/upper/var"
	do(t, unix.Mount(target, target, "", unix.MS_BIND, ""))
	t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
	d := openDelta(t, dir)
	// The journal sees only the directories above a mount point; a rename of these is what the kernel refuses.
	if _, err := d.Reset(t.Context(), []string{"/etc", "/var"}, now()); !errors.Is(err, beneath.ErrMounted) {
		t.Errorf("Reset = %v, want ErrMounted", err)
	}
	do(t, unix.Unmount(target, 0))
	_ = os.Remove(dir + "/trash")
	if diff := cmp.Diff(before, names(t, dir)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestTrashAndPurge(t *testing.T) {
	dir := filled(t)
	d := openDelta(t, dir)
	old, err := d.Reset(t.Context(), []string{"/etc/a"}, now())
	do(t, err)
	young, err := d.Reset(t.Context(), []string{"/etc/b"}, now().Add(time.Hour))
	do(t, err)
	items, err := d.Trash()
	if diff := cmp.Diff([]delta.Item{old, young}, items); err != nil || diff != "" {
		t.Errorf("Trash: %v (-want +got):\n%s", err, diff)
	}
	gone, err := d.Purge(t.Context(), func(i delta.Item) bool { return i.Made.Before(now().Add(time.Minute)) })
	if err != nil || len(gone) != 1 || gone[0].ID != old.ID {
		t.Errorf("Purge = %+v, %v", gone, err)
	}
	all(t, os.MkdirAll(dir+"/trash/strange", 0o700))
	items, err = d.Trash()
	if err != nil || len(items) != 2 || items[0].ID != young.ID || items[1].Err == nil {
		t.Errorf("Trash with a strange item = %+v, %v", items, err)
	}
	for range 2 {
		if _, err := d.Purge(t.Context(), func(delta.Item) bool { return true }); err != nil {
			t.Error(err)
		}
	}
	if left := names(t, dir+"/trash"); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	if left := names(t, dir+"/upper"); len(left) != 3 {
		t.Errorf("the upper has %q", left)
	}
}
