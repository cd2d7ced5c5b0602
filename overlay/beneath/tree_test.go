package beneath_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
)

// walked is the paths that a walk shows.
func walked(t *testing.T, d *beneath.Dir, visit func(beneath.Entry) error) []string {
	t.Helper()
	var paths []string
	do(t, d.Walk(t.Context(), func(e beneath.Entry) error {
		if e.PathLen() != len(e.Path()) || e.Depth != strings.Count(e.Path(), "/")+1 || path.Base(e.Path()) != e.Name {
			t.Errorf("PathLen %d, Depth %d, Name %q of %q", e.PathLen(), e.Depth, e.Name, e.Path())
		}
		paths = append(paths, e.Path())
		if visit != nil {
			return visit(e)
		}
		return nil
	}))
	return paths
}

func TestWalk(t *testing.T) {
	root := t.TempDir()
	for _, file := range []string{"b/c/d", "b/a", "b.x", "a\n/\xff\x01", "z"} {
		put(t, root+"/"+file, "")
	}
	do(t, os.Symlink("b", root+"/l"))
	d := open(t, root)
	all := []string{"a\n", "a\n/\xff\x01", "b", "b/a", "b/c", "b/c/d", "b.x", "l", "z"}
	if diff := cmp.Diff(all, walked(t, d, nil)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		summary, at string
		answer      error
		want        []string
	}{
		{"skip a directory", "b", fs.SkipDir, []string{"a\n", "a\n/\xff\x01", "b", "b.x", "l", "z"}},
		{"skip the rest of a directory", "b/a", fs.SkipDir, []string{"a\n", "a\n/\xff\x01", "b", "b/a", "b.x", "l", "z"}},
		{"skip all", "b/c", fs.SkipAll, []string{"a\n", "a\n/\xff\x01", "b", "b/a", "b/c"}},
	} {
		got := walked(t, d, func(e beneath.Entry) error {
			if e.Path() == test.at {
				return test.answer
			}
			return nil
		})
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
	}
	mine := errors.New("mine")
	if err := d.Walk(t.Context(), func(beneath.Entry) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("Walk = %v, want the visit's error", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.Walk(ended, func(beneath.Entry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Walk after the end = %v", err)
	}
}

// TestWalkWithFewNames holds that the order and the number of entries do not depend on how many names are held at a time.
func TestWalkWithFewNames(t *testing.T) {
	root := t.TempDir()
	for i := range 40 {
		put(t, fmt.Sprintf("%s/%d/%d/%d", root, i%3, i%7, i), "")
	}
	d := open(t, root)
	want := walked(t, d, nil)
	for _, budget := range []int{2, 3, 8, 30} {
		var got []string
		do(t, d.WalkWithin(t.Context(), budget, func(e beneath.Entry) error { got = append(got, e.Path()); return nil }))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %d names (-want +got):\n%s", budget, diff)
		}
	}
}

// TestWalkOfAChangingTree removes and moves the directory in which the walk is.
func TestWalkOfAChangingTree(t *testing.T) {
	for _, test := range []struct {
		summary string
		change  func(root string) error
		want    []string
	}{
		{"removed", func(root string) error { return os.RemoveAll(root + "/b") }, []string{"a", "b", "b/1", "b/1/x", "c", "c/d"}},
		{"moved to later", func(root string) error { return os.Rename(root+"/b/1", root+"/c/1") }, []string{"a", "b", "b/1", "b/1/x", "b/1/y", "b/2", "c", "c/1", "c/1/x", "c/1/y", "c/d"}},
		{"swapped", func(root string) error {
			return unix.Renameat2(unix.AT_FDCWD, root+"/b", unix.AT_FDCWD, root+"/c", unix.RENAME_EXCHANGE)
		}, []string{"a", "b", "b/1", "b/1/x", "b/1/y", "b/2", "c", "c/1", "c/1/x", "c/1/y", "c/2"}},
		{"a link instead", func(root string) error {
			return errors.Join(os.Rename(root+"/b", root+"/d"), os.Symlink("/", root+"/b"))
		}, []string{"a", "b", "b/1", "b/1/x", "b/1/y", "b/2", "c", "c/d"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root := t.TempDir()
			for _, file := range []string{"a", "b/1/x", "b/1/y", "b/2", "c/d"} {
				put(t, root+"/"+file, "")
			}
			changed := false
			got := walked(t, open(t, root), func(e beneath.Entry) error {
				if e.Path() == "b/1/x" && !changed {
					changed = true
					do(t, test.change(root))
				}
				return nil
			})
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeepTree walks and removes what no path can name.
func TestDeepTree(t *testing.T) {
	root := t.TempDir()
	want := deep(t, root, "nested-directory", 10_000)
	d := open(t, root)
	before := descriptors(t, root)
	entries, longest := 0, 0
	do(t, d.Walk(t.Context(), func(e beneath.Entry) error {
		entries++
		longest = max(longest, e.PathLen())
		return nil
	}))
	if entries != want || longest != 10_000*len("/nested-directory")-1 {
		t.Errorf("%d entries, the longest path has %d bytes; want %d", entries, longest, want)
	}
	do(t, d.RemoveTree(t.Context(), "nested-directory"))
	do(t, d.Remove("file"))
	if left := tree(t, root); left != "" {
		t.Errorf("left:\n%s", left)
	}
	if after := descriptors(t, root); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// TestWideDirectory has more names than are held at a time.
func TestWideDirectory(t *testing.T) {
	root := t.TempDir()
	const wide = 70_000
	do(t, os.Mkdir(root+"/wide", 0o755))
	dir, err := os.Open(root + "/wide")
	do(t, err)
	defer dir.Close()
	put(t, root+"/wide/0", "")
	for i := 1; i < wide; i++ {
		do(t, unix.Linkat(int(dir.Fd()), fmt.Sprint(i-i%50_000), int(dir.Fd()), fmt.Sprint(i), 0)) // a link is cheaper than a file
		if i%50_000 == 49_999 {
			put(t, fmt.Sprint(root, "/wide/", i+1), "")
			i++
		}
	}
	d := open(t, root)
	var names []string
	do(t, d.Walk(t.Context(), func(e beneath.Entry) error { names = append(names, e.Name); return nil }))
	if len(names) != wide+1 || !slices.IsSorted(names[1:]) {
		t.Errorf("%d entries, sorted %v; want %d", len(names), slices.IsSorted(names[1:]), wide+1)
	}
	read, largest := 0, 0
	do(t, d.Readdir("wide", func(names []string) error {
		read, largest = read+len(names), max(largest, len(names))
		return nil
	}))
	if read != wide || largest > 1000 {
		t.Errorf("Readdir gave %d names, up to %d at a time; want %d", read, largest, wide)
	}
	do(t, d.RemoveTree(t.Context(), "wide"))
	if left := tree(t, root); left != "" {
		t.Errorf("left: %.200s", left)
	}
}

func TestRemoveTree(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	for _, file := range []string{"x/a/b/c", "x/\n\xff" + strings.Repeat("n", 250), "x/sealed/d/e", "file", "other"} {
		put(t, root+"/"+file, "")
	}
	do(t, unix.Mknod(root+"/x/whiteout", unix.S_IFCHR, 0))
	do(t, os.Symlink("/", root+"/x/link"))
	do(t, errors.Join(os.Chmod(root+"/x/sealed/d", 0), os.Chmod(root+"/x/sealed", 0)))
	d := open(t, root)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := d.RemoveTree(ended, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("RemoveTree after the end = %v", err)
	}
	for _, rel := range []string{"x/a", "x", "file", "missing", "missing/too", "x"} {
		if err := d.RemoveTree(t.Context(), rel); err != nil {
			t.Errorf("RemoveTree(%s) = %v", rel, err)
		}
	}
	if diff := cmp.Diff("\"other\" -rw-r--r-- \"\"\n", tree(t, root)); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// TestRemoveTreeWhileItGrows holds that what comes in while a tree is removed is removed too, not taken for an error.
func TestRemoveTreeWhileItGrows(t *testing.T) {
	root := t.TempDir()
	put(t, root+"/x/0/y", "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			_ = os.MkdirAll(fmt.Sprintf("%s/x/%d/y/z", root, i%10), 0o755)
		}
	}()
	d := open(t, root)
	for going := true; going; {
		select {
		case <-done:
			going = false
		default:
		}
		do(t, d.RemoveTree(t.Context(), "x"))
	}
	if left := tree(t, root); left != "" {
		t.Errorf("left:\n%s", left)
	}
}

// TestImmutable holds that the refusal names the file and the remedy.
func TestImmutable(t *testing.T) {
	need.Root(t)
	root := t.TempDir()
	put(t, root+"/x/y/fixed", "")
	file, err := os.Open(root + "/x/y/fixed")
	do(t, err)
	defer file.Close()
	const immutable = 0x10 // FS_IMMUTABLE_FL
	if err := unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, immutable); err != nil {
		need.Missing(t, fmt.Sprintf("needs a file system with immutable files below %s: %v", root, err))
	}
	t.Cleanup(func() { _ = unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, 0) })
	d := open(t, root)
	err = d.RemoveTree(t.Context(), "x")
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "fixed") || !strings.Contains(err.Error(), "chattr") {
		t.Errorf("RemoveTree = %v; want EPERM, the file and chattr", err)
	}
	do(t, unix.IoctlSetPointerInt(int(file.Fd()), unix.FS_IOC_SETFLAGS, 0))
	do(t, d.RemoveTree(t.Context(), "x"))
}

// FuzzCheck holds Check against the standard library: what passes is local, clean and without NUL, and nothing else is refused.
func FuzzCheck(f *testing.F) {
	for _, rel := range []string{".", "a/b", "..", "a/../b", "/a", "a//b", "", "a\x00", "a/", "...", "\n/\xff"} {
		f.Add(rel)
	}
	f.Fuzz(func(t *testing.T, rel string) {
		want := filepath.IsLocal(rel) && path.Clean(rel) == rel && !strings.Contains(rel, "\x00")
		if err := beneath.Check(rel); (err == nil) != want || err != nil && !errors.Is(err, beneath.ErrName) {
			t.Errorf("Check(%q) = %v, want ok %v", rel, err, want)
		}
	})
}

// BenchmarkWalk walks 10^5 files in 1000 directories.
func BenchmarkWalk(b *testing.B) {
	root := b.TempDir()
	for i := range 100_000 {
		if i%100 == 0 {
			do(b, os.Mkdir(fmt.Sprintf("%s/%d", root, i/100), 0o755))
		}
		do(b, os.WriteFile(fmt.Sprintf("%s/%d/%d", root, i/100, i), nil, 0o644))
	}
	d := open(b, root)
	b.ReportAllocs()
	for b.Loop() {
		do(b, d.Walk(b.Context(), func(beneath.Entry) error { return nil }))
	}
}
