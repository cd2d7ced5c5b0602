package manager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager"
)

// planted is a tree of files: path to content.
func planted(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		plant(t, filepath.Join(root, path), text)
	}
	return root
}

func plant(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const (
	instances = "proc/sys/fs/inotify/max_user_instances"
	terminals = "proc/sys/kernel/pty/max"
	header    = "# Written by 'sysctr host init': limits that all containers share. It never lowers one.\n"
)

func TestRaiseLimits(t *testing.T) {
	for _, test := range []struct {
		summary string
		have    map[string]string // of the kernel
		file    string            // ours, before
		want    map[string]string // of the kernel, after
		wrote   string
		said    string
	}{
		{
			summary: "defaults are raised", have: map[string]string{instances: "128\n", terminals: "4096\n"},
			want:  map[string]string{instances: "32768", terminals: "8192"},
			wrote: header + "fs.inotify.max_user_instances = 32768\nkernel.pty.max = 8192\n",
			said:  "fs.inotify.max_user_instances = 32768; kernel.pty.max = 8192",
		},
		{
			summary: "what is higher is never lowered", have: map[string]string{instances: "99999\n", terminals: "4096\n"},
			want:  map[string]string{instances: "99999\n", terminals: "8192"},
			wrote: header + "kernel.pty.max = 8192\n", said: "kernel.pty.max = 8192",
		},
		{
			summary: "what is right is left alone", have: map[string]string{instances: "32768\n"},
			want: map[string]string{instances: "32768\n"},
		},
		{
			summary: "what was raised before stays in the file", have: map[string]string{instances: "32768\n", terminals: "4096\n"},
			file:  header + "fs.inotify.max_user_instances = 32768\n",
			want:  map[string]string{instances: "32768\n", terminals: "8192"},
			wrote: header + "fs.inotify.max_user_instances = 32768\nkernel.pty.max = 8192\n", said: "kernel.pty.max = 8192",
		},
		{
			summary: "the kernel was lowered by hand", have: map[string]string{instances: "128\n"},
			file: header + "fs.inotify.max_user_instances = 32768\n", want: map[string]string{instances: "32768"},
			wrote: header + "fs.inotify.max_user_instances = 32768\n", said: "fs.inotify.max_user_instances = 32768",
		},
		{summary: "a kernel that has none of them", have: map[string]string{}},
		{summary: "a value that is no number", have: map[string]string{instances: "many\n"}, want: map[string]string{instances: "many\n"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root := planted(t, test.have)
			etc := t.TempDir()
			file := filepath.Join(etc, "sysctl.d/10-sysctr.conf")
			if test.file != "" {
				plant(t, file, test.file)
			}
			said, err := manager.RaiseLimits(root, etc)
			if err != nil || said != test.said {
				t.Errorf("said %q (%v), want %q", said, err, test.said)
			}
			for path, want := range test.want {
				if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
					t.Errorf("%s is %q (%v), want %q", path, got, err, want)
				}
			}
			if got, err := os.ReadFile(file); string(got) != test.wrote {
				t.Errorf("the file (%v):\n%s", err, cmp.Diff(test.wrote, string(got)))
			}
			if again, err := manager.RaiseLimits(root, etc); again != "" || err != nil {
				t.Errorf("a second time it does %q (%v)", again, err)
			}
		})
	}
}

// A limit that the host does not let root raise is said and no error: a host that is a container has such.
func TestRaiseLimitsRefused(t *testing.T) {
	root := planted(t, map[string]string{terminals: "4096\n"})
	link := filepath.Join(root, instances)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/proc/sys/kernel/cap_last_cap", link); err != nil { // nobody may write that one
		t.Fatal(err)
	}
	said, err := manager.RaiseLimits(root, t.TempDir())
	if want := "kernel.pty.max = 8192; raise fs.inotify.max_user_instances: "; err != nil || !strings.HasPrefix(said, want) {
		t.Errorf("said %q (%v), want %q and why", said, err, want)
	}
}

// link replaces a file by a symbolic link.
func link(t *testing.T, to, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}
