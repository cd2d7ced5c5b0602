package delta_test

import (
	"context"
	"errors"
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

// all ends the test if any of its errors is one.
func all(t *testing.T, errs ...error) {
	t.Helper()
	do(t, errors.Join(errs...))
}

// TestDiffOfAnOverlay does in a real overlay what containers do and asks what has changed.
func TestDiffOfAnOverlay(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range []struct {
		summary string
		act     func(root string)
		want    []string
	}{
		{"nothing", func(string) {}, nil},
		{"new", func(r string) {
			put(t, r+"etc/new", "x")
			put(t, r+"new/a/b", "x")
			all(t, os.Symlink("x", r+"ln"), unix.Mkfifo(r+"fifo", 0o600), unix.Mknod(r+"sock", unix.S_IFSOCK, 0), unix.Mknod(r+"dev", unix.S_IFCHR, int(unix.Mkdev(1, 3))))
		}, []string{"added dev ( -> device)", "added etc/new ( -> file)", "added fifo ( -> fifo)", "added ln ( -> link)", "added new ( -> directory)", "added new/a ( -> directory)", "added new/a/b ( -> file)", "added sock ( -> socket)"}},
		{"edit", func(r string) {
			put(t, r+"etc/conf", "other")       // the same length
			put(t, r+"etc/deep/er/conf", "con") // shorter
		}, []string{"changed etc/conf content", "changed etc/deep/er/conf content"}},
		{"touch", func(r string) { all(t, os.Chtimes(r+"etc/conf", time.Time{}, time.Now())) }, []string{"same etc/conf"}},
		{"chmod and chown and xattr", func(r string) {
			all(t, os.Chmod(r+"etc/conf", 0o600), os.Chmod(r+"etc/deep", 0o700), os.Lchown(r+"link", 7, 8), os.Lchown(r+"big", 7, 0), unix.Setxattr(r+"tool", "user.x", []byte("1"), 0))
		}, []string{"metadata big owner", "metadata etc/conf mode", "metadata etc/deep mode", "metadata link owner", "metadata tool xattr user.x"}},
		{"chmod of the root", func(r string) { all(t, os.Chmod(r, 0o700)) }, []string{"metadata . mode"}},
		{"capabilities and ACLs survive a copy-up", func(r string) {
			all(t, os.Chtimes(r+"tool", time.Time{}, time.Now()), os.Chtimes(r+"etc/acl", time.Time{}, time.Now()))
		}, []string{"same etc/acl", "same tool"}},
		{"capabilities and ACLs change", func(r string) {
			all(t, unix.Removexattr(r+"tool", "security.capability"), unix.Setxattr(r+"etc/acl", "system.posix_acl_access", acl(77), 0))
		}, []string{"metadata etc/acl xattr system.posix_acl_access", "metadata tool xattr security.capability"}},
		{"rm", func(r string) { all(t, os.Remove(r+"etc/conf"), os.RemoveAll(r+"etc/deep"), os.Remove(r+"link")) },
			[]string{"removed etc/conf (file -> )", "removed etc/deep (directory -> )", "removed link (link -> )"}},
		{"rm of what was added", func(r string) { put(t, r+"etc/new", ""); all(t, os.Remove(r+"etc/new")) }, nil},
		{"rm and mkdir again", func(r string) {
			all(t, os.RemoveAll(r+"etc/deep"), os.MkdirAll(r+"etc/deep/er", 0o755))
			put(t, r+"etc/deep/er/conf", "conf!") // as it was
			put(t, r+"etc/deep/new", "")
		}, []string{"changed etc/deep (directory -> opaque directory) hidden", "same etc/deep/er/conf", "added etc/deep/new ( -> file)"}},
		{"other types", func(r string) {
			all(t, os.Remove(r+"etc/conf"), os.Mkdir(r+"etc/conf", 0o755), os.RemoveAll(r+"etc/deep"), os.Symlink("/", r+"etc/deep"), os.Remove(r+"link"), os.Symlink("elsewhere", r+"link"))
			put(t, r+"etc/conf/new", "")
		}, []string{"changed etc/conf (file -> opaque directory) type", "added etc/conf/new ( -> file)", "changed etc/deep (directory -> link) type", "changed link target"}},
		{"mv", func(r string) { all(t, os.Rename(r+"etc/conf", r+"etc/moved"), os.Rename(r+"big", r+"etc/conf")) },
			[]string{"removed big (file -> )", "changed etc/conf content", "added etc/moved ( -> file)"}},
		{"hard links", func(r string) { all(t, os.Link(r+"etc/conf", r+"etc/second")) }, []string{"same etc/conf", "added etc/second ( -> file)"}},
		{"sparse", func(r string) { put(t, r+"sparse", ""); all(t, os.Truncate(r+"sparse", 1<<40)) }, []string{"added sparse ( -> file)"}},
		{"odd names", func(r string) { put(t, r+"etc/a\nb/\xff\x1b[2J", "") }, []string{`added "etc/a\nb" ( -> directory)`, `added "etc/a\nb/\xff\x1b[2J" ( -> file)`}},
		{"escaped attributes", func(r string) {
			all(t, os.Mkdir(r+"etc/deep/mine", 0o755), unix.Setxattr(r+"etc/deep", "trusted.overlay.opaque", []byte("y"), 0))
		}, []string{"added etc/deep/mine ( -> directory)"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			s := newStage(t)
			put(t, s.base+"/etc/conf", "conf!")
			put(t, s.base+"/etc/deep/er/conf", "conf!")
			put(t, s.base+"/etc/acl", "x")
			put(t, s.base+"/tool", "x")
			put(t, s.base+"/big", strings.Repeat("0123456789", 100_000))
			all(t, os.Symlink("etc", s.base+"/link"), unix.Setxattr(s.base+"/tool", "security.capability", capability(0), 0), unix.Setxattr(s.base+"/etc/acl", "system.posix_acl_access", acl(7), 0))
			s.in(test.act)
			if diff := cmp.Diff(append([]string{}, test.want...), s.diff(s.view())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestKindsOfEntries is what overlayfs leaves in an upper, and the second form of a whiteout, which the kernel honours there too.
func TestKindsOfEntries(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newStage(t)
	for _, name := range []string{"a/x", "b/x", "c/x", "c/y"} {
		put(t, s.base+"/"+name, "")
	}
	put(t, s.delta+"/upper/c/x", "")
	put(t, s.delta+"/upper/c/sub/x", "")
	put(t, s.delta+"/upper/full", "x")
	all(t, unix.Setxattr(s.delta+"/upper/c", "trusted.overlay.opaque", []byte("x"), 0))
	for _, name := range []string{"c/x", "c/sub/x", "full"} { // the last is not empty
		all(t, unix.Setxattr(s.delta+"/upper/"+name, "trusted.overlay.whiteout", []byte("y"), 0))
	}
	s.in(func(r string) {
		all(t, os.Remove(r+"a/x"), os.RemoveAll(r+"b"), os.Mkdir(r+"b", 0o755), os.Symlink("x", r+"l"), unix.Mkfifo(r+"f", 0o600))
		for name, want := range map[string]error{"c/x": unix.ENOENT, "c/sub/x": unix.ENOENT, "full": nil, "c/y": nil} {
			if _, err := os.Lstat(r + name); !errors.Is(err, want) {
				t.Errorf("the kernel says of %s: %v, want %v", name, err, want)
			}
		}
	})
	want := []string{
		"directory a", "whiteout a/x", "opaque directory b", "directory c", "directory c/sub", "whiteout c/sub/x", "whiteout c/x", "fifo f", "file full", "link l",
	}
	if diff := cmp.Diff(want, entries(t, s.delta+"/upper")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffAgainstLayers has a seed and a mask above the base, which give, hide and replace.
func TestDiffAgainstLayers(t *testing.T) {
	need.Root(t)
	s := newStage(t)
	seed, mask, upper := t.TempDir(), t.TempDir(), s.delta+"/upper"
	put(t, seed+"/etc/hostname", "web1")
	put(t, s.base+"/etc/hostname", "host")
	put(t, s.base+"/etc/shadow", "secret")
	put(t, s.base+"/etc/hidden/x", "1")
	put(t, s.base+"/etc/shown/x", "1")
	put(t, s.base+"/data/x", "1")
	all(t, os.MkdirAll(mask+"/etc/hidden", 0o755), unix.Mknod(mask+"/etc/shadow", unix.S_IFCHR, 0), unix.Setxattr(mask+"/etc/hidden", "trusted.overlay.opaque", []byte("y"), 0))
	for _, file := range []string{"etc/hidden/x", "etc/shown/x", "data/x", "etc/shadow"} {
		put(t, upper+"/"+file, "2")
	}
	all(t, unix.Mknod(upper+"/etc/hostname", unix.S_IFCHR, 0), unix.Mknod(upper+"/etc/gone", unix.S_IFCHR, 0))
	v := delta.View{Layers: []delta.Layer{
		{Dir: openDir(t, seed)}, {Dir: openDir(t, mask)},
		{Dir: openDir(t, s.base), Visible: func(path string) bool { return path != "data" }},
	}}
	want := []string{
		"added data ( -> directory)", "added data/x ( -> file)", "added etc/hidden/x ( -> file)", "removed etc/hostname (file -> )",
		"added etc/shadow ( -> file)", "changed etc/shown/x content",
	}
	if diff := cmp.Diff(want, s.diff(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDiffUnshifts holds that a container's owners are compared as it sees them, also in ACLs and capabilities.
func TestDiffUnshifts(t *testing.T) {
	need.Root(t)
	const start = 1879048192
	s := newStage(t)
	upper := s.delta + "/upper"
	for root, shift := range map[string]int{s.base: 0, upper: start} {
		for n, file := range []string{"same", "other", "foreign"} {
			put(t, root+"/"+file, "x")
			all(t, os.Chown(root+"/"+file, shift+n, shift+42), unix.Setxattr(root+"/"+file, "system.posix_acl_access", acl(uint32(shift+5)), 0))
		}
		all(t, unix.Setxattr(root+"/same", "security.capability", capability(uint32(shift)), 0), os.Chown(root, shift, shift))
	}
	all(t, os.Chown(upper+"/other", start+9, start+42), os.Chown(upper+"/foreign", 2, 42), os.Chown(s.base+"/foreign", 2, 42))
	all(t, unix.Setxattr(upper+"/other", "system.posix_acl_access", acl(5), 0)) // names a user of the host
	put(t, s.base+"/high", "x")
	put(t, upper+"/high", "x")
	all(t, os.Chown(s.base+"/high", 70_000, 0), os.Chown(upper+"/high", start+65534, start))
	v := s.view()
	v.Start, v.Size = start, 65536
	want := []string{"metadata foreign owner", "same high", "metadata other owner xattr system.posix_acl_access", "same same"}
	if diff := cmp.Diff(want, s.diff(v)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	do(t, delta.Diff(t.Context(), openDir(t, upper), v, func(c delta.Change) error {
		if c.Path == "other" && (c.Is.UID != 9 || c.Is.GID != 42 || c.Was.UID != 1 || c.Is.Foreign) || c.Path == "foreign" && (!c.Is.Foreign || c.Is.UID != 2) {
			t.Errorf("%s: %+v -> %+v", c.Path, c.Was, c.Is)
		}
		return nil
	}))
	v.Layers[0] = delta.Layer{Dir: openDir(t, upper), Shifted: true}
	if got := s.diff(v); cmp.Diff([]string{"metadata foreign owner", "same high", "metadata other xattr system.posix_acl_access", "same same"}, got) != "" {
		t.Errorf("against itself: %q", got)
	}
}

// TestDiffIsBounded has files too large to be compared, and a tree too deep to be named.
func TestDiffIsBounded(t *testing.T) {
	s := newStage(t)
	upper := s.delta + "/upper"
	for _, root := range []string{s.base, upper} {
		put(t, root+"/large", strings.Repeat("x", 2000))
		put(t, root+"/touched", strings.Repeat("x", 2000))
		all(t, os.Chtimes(root+"/large", time.Unix(1, 0), time.Unix(1, 0)), os.Chtimes(root+"/touched", time.Unix(1, 0), time.Unix(int64(len(root)), 0)))
	}
	all(t, os.Chtimes(s.base+"/touched", time.Unix(2, 0), time.Unix(2, 0)))
	at, err := unix.Open(upper, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	do(t, err)
	for range 100 {
		do(t, unix.Mkdirat(at, strings.Repeat("d", 200), 0o755))
		below, err := unix.Openat(at, strings.Repeat("d", 200), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		do(t, err)
		unix.Close(at)
		at = below
	}
	unix.Close(at)
	v := s.view()
	v.CompareLimit = 1000
	var dirs, cut int
	do(t, delta.Diff(t.Context(), openDir(t, upper), v, func(c delta.Change) error {
		switch {
		case c.Is.Kind == delta.Directory:
			dirs++
			if c.Cut {
				cut++
			}
		case c.Path == "large" && (c.Class != delta.Same || !c.Guess), c.Path == "touched" && (c.Class != delta.Changed || !c.Guess):
			t.Errorf("%+v", c)
		}
		return nil
	}))
	if dirs != 21 || cut != 1 {
		t.Errorf("%d directories, %d of them cut; want 21, 1", dirs, cut)
	}
	do(t, openDir(t, upper).RemoveTree(t.Context(), strings.Repeat("d", 200)))
}

func TestDiffEnds(t *testing.T) {
	s := newStage(t)
	put(t, s.delta+"/upper/a/b", "")
	mine := errors.New("mine")
	dir := openDir(t, s.delta+"/upper")
	if err := delta.Diff(t.Context(), dir, s.view(), func(delta.Change) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("Diff = %v, want the report's error", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := delta.Diff(ended, dir, s.view(), func(delta.Change) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Diff after the end = %v", err)
	}
	file, err := os.Open(s.base)
	do(t, err)
	defer file.Close()
	clone, err := beneath.From(file)
	do(t, err)
	defer clone.Close()
	if got := s.diff(delta.View{Layers: []delta.Layer{{Dir: clone}}}); len(got) != 2 {
		t.Errorf("%q", got)
	}
}
