package beneath_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// open opens a directory until the test ends.
func open(t testing.TB, path string) *beneath.Dir {
	t.Helper()
	d, err := beneath.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// put writes a file and the directories it needs.
func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree is all below root as text: a line for each entry.
func tree(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		what := ""
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what = string(content)
		case info.Mode().Type() == fs.ModeSymlink:
			if what, err = os.Readlink(path); err != nil {
				return err
			}
		}
		fmt.Fprintf(&b, "%q %s %q\n", path[len(root)+1:], info.Mode(), what)
		return nil
	})
	do(t, err)
	return b.String()
}

// deep makes depth directories called name, each in the other, with a file in each hundredth, and returns how many entries that is. That the
// kernel takes longer for each is what bounds the depth.
func deep(t testing.TB, root, name string, depth int) int {
	t.Helper()
	at, err := unix.Open(root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	do(t, err)
	for i := range depth {
		do(t, unix.Mkdirat(at, name, 0o755))
		if i%100 == 0 {
			file, err := unix.Openat(at, "file", unix.O_CREAT|unix.O_CLOEXEC, 0o644)
			do(t, err)
			unix.Close(file)
		}
		below, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		do(t, err)
		unix.Close(at)
		at = below
	}
	unix.Close(at)
	return depth + depth/100
}

// descriptors is how many open descriptors lead below root.
func descriptors(t testing.TB, root string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	do(t, err)
	n := 0
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(target, root) {
			n++
		}
	}
	return n
}
