package beneath_test

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
)

// TestMountsAreNotCrossed binds the outside, a file of it, and another filesystem into the tree.
func TestMountsAreNotCrossed(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	out := outside(t)
	before := tree(t, out)
	mounts := map[string]func(at string) error{
		"bind":  func(at string) error { return unix.Mount(out, at, "", unix.MS_BIND, "") },
		"tmpfs": func(at string) error { return unix.Mount("x", at, "tmpfs", 0, "") },
	}
	for kind, mount := range mounts {
		for name, operate := range operations(t.Context(), "spare") {
			for _, rel := range []string{"dir/on", "dir/on/dir/file", "dir/on/new"} {
				root := t.TempDir()
				put(t, root+"/dir/on/hidden", "")
				if name != "Rename" {
					put(t, root+"/spare", "")
				}
				do(t, mount(root+"/dir/on"))
				t.Cleanup(func() { _ = unix.Unmount(root+"/dir/on", unix.MNT_DETACH) })
				err := operate(open(t, root), rel)
				exists := rel == "dir/on" && (name == "Mkdir" || name == "Create" || name == "Rename to")
				if exists && errors.Is(err, fs.ErrExist) || rel == "dir/on" && name == "WriteFile" && err != nil {
					continue // refused for another reason
				}
				if !errors.Is(err, beneath.ErrMounted) {
					t.Errorf("%s of %s (%s) = %v, want ErrMounted", name, rel, kind, err)
				}
			}
		}
	}
	root := t.TempDir()
	put(t, root+"/file", "")
	do(t, unix.Mount(out+"/file", root+"/file", "", unix.MS_BIND, ""))
	d := open(t, root)
	if err := d.Walk(t.Context(), func(beneath.Entry) error { return nil }); !errors.Is(err, beneath.ErrMounted) {
		t.Errorf("Walk = %v, want ErrMounted", err)
	}
	for _, name := range []string{"ReadFile", "WriteFile", "Remove", "RemoveTree", "SetXattr"} {
		if err := operations(t.Context(), "spare")[name](d, "file"); !errors.Is(err, beneath.ErrMounted) {
			t.Errorf("%s of a bound file = %v, want ErrMounted", name, err)
		}
	}
	do(t, unix.Unmount(root+"/file", 0))
	if diff := cmp.Diff(before, tree(t, out)); diff != "" {
		t.Errorf("outside (-before +after):\n%s", diff)
	}
}
