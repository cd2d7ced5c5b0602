package record_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/record"
)

// trashed is a store with one container in the trash, and that container's delta.
func trashed(t *testing.T, root string) (s record.Store, trash, upper string) {
	t.Helper()
	s = record.Open(root)
	create(t, s, "web1", 1)
	trash, err := s.Discard("web1")
	if err != nil {
		t.Fatal(err)
	}
	return s, trash, filepath.Join(trash, "delta", "upper")
}

// TestPurgeFollowsNothing fills a delta with all that leads elsewhere.
func TestPurgeFollowsNothing(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	put(t, outside+"/dir/precious", "x")
	s, trash, upper := trashed(t, root)
	for link, target := range map[string]string{"a": outside, "b": outside + "/dir", "c": "/", "d": "../../../..", "e": "nowhere", "record.json": outside + "/dir/precious"} {
		if err := os.Symlink(target, filepath.Join(upper, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(outside+"/dir/precious", filepath.Join(upper, "hard")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(upper, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(upper, "odd", "\n\xff"+strings.Repeat("n", 250)), "")
	before := tree(t, outside)
	if err := s.Purge(trash); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, tree(t, outside)); diff != "" {
		t.Errorf("outside (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, tree(t, s.Dir(""))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestPurgeDeepAndWide removes what no path can name, and a directory of many names.
func TestPurgeDeepAndWide(t *testing.T) {
	s, trash, upper := trashed(t, t.TempDir())
	fd, err := unix.Open(upper, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		if err := unix.Mkdirat(fd, "nested-deeper", 0o755); err != nil {
			t.Fatal(err)
		}
		if file, err := unix.Openat(fd, fmt.Sprint("file", i), unix.O_CREAT|unix.O_CLOEXEC, 0o644); err != nil || unix.Close(file) != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(fd, "nested-deeper", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = below
	}
	unix.Close(fd)
	for i := range 1500 {
		put(t, fmt.Sprintf("%s/wide/%d/file", upper, i), "")
	}
	before := descriptors(t)
	if err := s.Purge(trash); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, tree(t, s.Dir(""))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors leaked", after-before)
	}
}

// TestPurgeOfOverlayRemains removes what overlayfs leaves: a work directory of mode 0000 and whiteouts.
func TestPurgeOfOverlayRemains(t *testing.T) {
	need.Root(t)
	s, trash, upper := trashed(t, t.TempDir())
	put(t, upper+"/work/work/x", "")
	for _, dir := range []string{upper + "/work/work", upper + "/work"} {
		if err := os.Chmod(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mknod(upper+"/whiteout", unix.S_IFCHR, 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Purge(trash); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, tree(t, s.Dir(""))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestPurgeStopsAtAMount holds that below a mount point nothing is touched, be it another file system or the same one bound there.
func TestPurgeStopsAtAMount(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	outside := t.TempDir()
	put(t, outside+"/precious", "x")
	for _, test := range []struct {
		summary string
		where   string // below the trash; "" is the trash itself
		mount   func(target string) error
	}{
		{"a tmpfs", "delta/upper/a/b", func(target string) error { return unix.Mount("x", target, "tmpfs", 0, "") }},
		{"a bind mount of the same file system", "delta/upper/a/b", func(target string) error { return unix.Mount(outside, target, "", unix.MS_BIND, "") }},
		{"on a full directory", "delta/upper", func(target string) error { return unix.Mount(outside, target, "", unix.MS_BIND, "") }},
		{"on the trash itself", "", func(target string) error { return unix.Mount(outside, target, "", unix.MS_BIND, "") }},
		{"on a file", "record.json", func(target string) error { return unix.Mount(outside+"/precious", target, "", unix.MS_BIND, "") }},
	} {
		t.Run(test.summary, func(t *testing.T) {
			s, trash, upper := trashed(t, t.TempDir())
			put(t, upper+"/a/b/c", "")
			target := filepath.Join(trash, test.where)
			if err := test.mount(target); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
			if err := s.Purge(trash); !errors.Is(err, record.ErrMounted) {
				t.Errorf("Purge = %v, want ErrMounted", err)
			}
			if content, err := os.ReadFile(outside + "/precious"); err != nil || string(content) != "x" {
				t.Fatalf("what was mounted is damaged: %q, %v", content, err)
			}
			if err := unix.Unmount(target, 0); err != nil {
				t.Fatal(err)
			}
			if err := s.Purge(trash); err != nil {
				t.Errorf("Purge after the unmount = %v", err)
			}
			if diff := cmp.Diff([]string{}, tree(t, s.Dir(""))); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPurgeKeepsTheRecordLongest holds that ids stay taken as long as something of theirs is left.
func TestPurgeKeepsTheRecordLongest(t *testing.T) {
	need.Root(t)
	s, trash, upper := trashed(t, t.TempDir())
	for i := range 20 {
		put(t, fmt.Sprintf("%s/%d", trash, i), "")
	}
	put(t, upper+"/precious", "")
	setImmutable(t, upper+"/precious", true)
	err := s.Purge(trash)
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "chattr") || !strings.Contains(err.Error(), "precious") {
		t.Errorf("Purge = %v; want a refusal that names the file and chattr", err)
	}
	if used, err := s.Used(); err != nil || len(used) != 1 {
		t.Errorf("Used = %v, %v; want the range of the trash", used, err)
	}
	if err := s.Sweep(func(string) bool { return true }); !errors.Is(err, unix.EPERM) {
		t.Errorf("Sweep = %v, want EPERM", err)
	}
	setImmutable(t, upper+"/precious", false)
	if err := s.Sweep(func(string) bool { return true }); err != nil {
		t.Errorf("Sweep = %v", err)
	}
	if _, err := os.Lstat(trash); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the trash is still there: %v", err)
	}
}

// setImmutable sets or clears the flag that chattr calls i.
func setImmutable(t *testing.T, path string, on bool) {
	t.Helper()
	const immutable = 0x10 // FS_IMMUTABLE_FL
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	flags, err := unix.IoctlGetInt(int(file.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil {
		need.Missing(t, fmt.Sprintf("needs a file system with immutable files below %s: %v", path, err))
	}
	flags &^= immutable
	if on {
		flags |= immutable
		t.Cleanup(func() {
			if _, err := os.Lstat(path); err == nil {
				setImmutable(t, path, false)
			}
		})
	}
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		t.Fatal(err)
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
