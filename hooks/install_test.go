package hooks_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks"
)

// host is a root directory with what shows that it has all programs.
func host(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, d := range dropIns(t) {
		if err := os.MkdirAll(filepath.Join(root, d.Needs), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func tree(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, strings.TrimPrefix(path, root))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func state(t *testing.T, root string, d hooks.DropIn) hooks.State {
	t.Helper()
	s, err := hooks.Look(root, d)
	if err != nil {
		t.Fatalf("look at %s: %v", d.Name, err)
	}
	return s
}

func TestHookInstallAndRemove(t *testing.T) {
	root := host(t)
	before := tree(t, root)
	for _, d := range dropIns(t) {
		if s := state(t, root, d); s != hooks.Absent {
			t.Errorf("%s is %s at first", d.Name, s)
		}
		for i, want := range []bool{true, false} {
			if changed, err := hooks.Install(root, d, false); changed != want || err != nil {
				t.Errorf("install %s, time %d: %v, %v", d.Name, i, changed, err)
			}
		}
		info, err := os.Lstat(filepath.Join(root, d.Path))
		if err != nil || info.Mode() != d.Mode || state(t, root, d) != hooks.Current {
			t.Errorf("%s: %v, %v", d.Name, info, err)
		}
	}
	if all := tree(t, root); slices.ContainsFunc(all, func(p string) bool { return strings.HasSuffix(p, ".new") }) {
		t.Errorf("left over: %q", all)
	}
	for _, d := range dropIns(t) {
		for i, want := range []bool{true, false} {
			if changed, err := hooks.Remove(root, d, false); changed != want || err != nil {
				t.Errorf("remove %s, time %d: %v, %v", d.Name, i, changed, err)
			}
		}
	}
	if after := tree(t, root); !slices.Equal(after, before) {
		t.Errorf("left is %q, was %q", after, before)
	}
}

func TestHookOfNoProgramIsNotInstalled(t *testing.T) {
	root := t.TempDir()
	for _, d := range dropIns(t) {
		if changed, err := hooks.Install(root, d, true); changed || err != nil || state(t, root, d) != hooks.Unneeded {
			t.Errorf("%s: %v, %v, %s", d.Name, changed, err, state(t, root, d))
		}
	}
	if all := tree(t, root); len(all) != 1 {
		t.Errorf("made %q", all)
	}
}

// TestHookOfSomebodyElse: each way in which a drop-in is not as it was written, and what becomes of it.
func TestHookOfSomebodyElse(t *testing.T) {
	for _, d := range dropIns(t) {
		lines := strings.SplitAfter(d.Text, "\n")
		for _, test := range []struct {
			summary string
			put     func(path string) error
			want    hooks.State
		}{
			{"a line added", text(d.Text + "x\n"), hooks.Edited},
			{"a byte of it changed", text(strings.Replace(d.Text, "sysctr", "sysktr", 2)), hooks.Foreign},
			{"a line of it gone", text(strings.Join(lines[:len(lines)-2], "")), hooks.Edited},
			{"a line before it", text("#\n#\n" + d.Text), hooks.Foreign},
			{"an own text", text("x\n"), hooks.Foreign},
			{"nothing", text(""), hooks.Foreign},
			{"too large", text(d.Text + strings.Repeat("\n", 1<<20)), hooks.Foreign},
			{"a link to what would be right", func(path string) error { return os.Symlink("other", path) }, hooks.Foreign},
			{"a FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }, hooks.Foreign},
		} {
			t.Run(d.Name+"/"+test.summary, func(t *testing.T) {
				root := host(t)
				path := filepath.Join(root, d.Path)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(filepath.Dir(path), "other"), []byte(d.Text), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := test.put(path); err != nil {
					t.Fatal(err)
				}
				if s := state(t, root, d); s != test.want {
					t.Errorf("seen as %s, not %s", s, test.want)
				}
				was, err := os.Lstat(path)
				if err != nil {
					t.Fatal(err)
				}
				changed, err := hooks.Install(root, d, false)
				if changed || !errors.Is(err, hooks.ErrTheirs) || !strings.Contains(err.Error(), d.Path) {
					t.Errorf("install: %v, %v", changed, err)
				}
				if changed, err := hooks.Remove(root, d, false); changed || !errors.Is(err, hooks.ErrTheirs) {
					t.Errorf("remove: %v, %v", changed, err)
				}
				if is, err := os.Lstat(path); err != nil || !os.SameFile(was, is) || was.Size() != is.Size() {
					t.Errorf("it was touched: %v, %v", is, err)
				}
				if changed, err := hooks.Install(root, d, true); !changed || err != nil || state(t, root, d) != hooks.Current {
					t.Errorf("install with force: %v, %v", changed, err)
				}
				if changed, err := hooks.Remove(root, d, true); !changed || err != nil || state(t, root, d) != hooks.Absent {
					t.Errorf("remove with force: %v, %v", changed, err)
				}
			})
		}
	}
}

func text(s string) func(string) error {
	return func(path string) error { return os.WriteFile(path, []byte(s), 0o644) }
}

// TestHookOfAnOlderVersion is renewed and removed unasked: its digest says that nobody has edited it.
func TestHookOfAnOlderVersion(t *testing.T) {
	older, err := hooks.DropIns("/usr/lib/sysctr/pkg-hook")
	if err != nil {
		t.Fatal(err)
	}
	root := host(t)
	for i, d := range dropIns(t) {
		if older[i].Text == d.Text {
			continue // it does not name the script
		}
		if _, err := hooks.Install(root, older[i], false); err != nil {
			t.Fatal(err)
		}
		if s := state(t, root, d); s != hooks.Outdated {
			t.Errorf("%s is %s", d.Name, s)
		}
		if changed, err := hooks.Install(root, d, false); !changed || err != nil || state(t, root, d) != hooks.Current {
			t.Errorf("renew %s: %v, %v", d.Name, changed, err)
		}
		if changed, err := hooks.Remove(root, older[i], false); !changed || err != nil {
			t.Errorf("remove %s: %v, %v", d.Name, changed, err)
		}
	}
}

// TestHookInstallAfterAnInterruption: what a killed install left is overwritten, or removed, and never read through.
func TestHookInstallAfterAnInterruption(t *testing.T) {
	root := host(t)
	target := filepath.Join(t.TempDir(), "target")
	for _, d := range dropIns(t) {
		path := filepath.Join(root, d.Path)
		left := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
		for _, act := range []func(string, hooks.DropIn, bool) (bool, error){hooks.Install, hooks.Remove} {
			if err := errors.Join(os.MkdirAll(filepath.Dir(left), 0o755), os.Symlink(target, left)); err != nil {
				t.Fatal(err)
			}
			if changed, err := act(root, d, false); !changed || err != nil {
				t.Errorf("%s: %v, %v", d.Name, changed, err)
			}
			if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s stays: %v", left, err)
			}
		}
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("written through a link: %v", err)
	}
}

// FuzzHookOwner: no text makes the reading of owner lines fail, and of all texts only what was written is taken for it.
func FuzzHookOwner(f *testing.F) {
	all, err := hooks.DropIns(script)
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range all {
		f.Add(d.Text)
	}
	f.Add("")
	f.Add("\n\n")
	f.Fuzz(func(t *testing.T, content string) {
		root := t.TempDir()
		d := all[0]
		path := filepath.Join(root, d.Path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
		s := state(t, root, d)
		if (s == hooks.Current) != (content == d.Text) || s == hooks.Absent || s == hooks.Unneeded {
			t.Errorf("%q is %s", content, s)
		}
	})
}
