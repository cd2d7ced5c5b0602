package hooks_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks"
)

// debian is a stage on which the real dpkg reads a configuration of the test alone and works on a root of the test alone.
type debian struct {
	stage
	root   string
	dropIn hooks.DropIn
}

func newDebian(t *testing.T) debian {
	t.Helper()
	need.Command(t, "dpkg-deb", "install the package dpkg")
	d := debian{stage: newStage(t), root: t.TempDir()}
	if err := unix.Mount(t.TempDir(), "/etc/dpkg/dpkg.cfg.d", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount("/etc/dpkg/dpkg.cfg.d", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	all, err := hooks.DropIns(d.script)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range all {
		if in.Name == "dpkg" {
			d.dropIn = in
		}
	}
	db := filepath.Join(d.root, "var/lib/dpkg")
	if err := errors.Join(os.MkdirAll(filepath.Join(db, "info"), 0o755), os.MkdirAll(filepath.Join(db, "updates"), 0o755),
		os.WriteFile(filepath.Join(db, "status"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	return d
}

// pack makes a package with one file, and these lines in its control file.
func (d debian) pack(t *testing.T, name, version string, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: a test\n%s",
		name, version, strings.Join(lines, "\n"))
	file := filepath.Join(dir, "tree/usr/share", name)
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "tree/DEBIAN"), 0o755), os.MkdirAll(filepath.Dir(file), 0o755),
		os.WriteFile(file, []byte(version), 0o644), os.WriteFile(filepath.Join(dir, "tree/DEBIAN/control"), []byte(control), 0o644)); err != nil {
		t.Fatal(err)
	}
	deb := filepath.Join(dir, name+".deb")
	if out, err := exec.Command("dpkg-deb", "--root-owner-group", "-b", filepath.Join(dir, "tree"), deb).CombinedOutput(); err != nil {
		t.Fatalf("make a package: %v: %s", err, out)
	}
	return deb
}

// dpkg runs it and returns its exit status and what it printed.
func (d debian) dpkg(args ...string) (code int, out string) {
	cmd := exec.Command("dpkg", append([]string{"--root=" + d.root, "--log=/dev/null", "--force-script-chrootless"}, args...)...)
	text, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), string(text)
}

// TestHookDpkgWithoutSystemd: what the real dpkg says and how it ends is the same with the drop-in as without, whatever is missing.
func TestHookDpkgWithoutSystemd(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range []struct {
		summary string
		prepare func(t *testing.T, d debian)
		mark    string
		starts  bool
	}{
		{"all is there", func(t *testing.T, _ debian) {
			t.Helper()
			prepare(t, false)
		}, "dpkg\n", true},
		{"no script", func(t *testing.T, d debian) {
			t.Helper()
			prepare(t, false)
			if err := os.Remove(d.script); err != nil {
				t.Fatal(err)
			}
		}, "none", false},
		{"no program", func(t *testing.T, d debian) {
			t.Helper()
			prepare(t, false)
			if err := os.Remove(d.binary); err != nil {
				t.Fatal(err)
			}
		}, "dpkg\n", false},
		{"a program that fails", func(t *testing.T, d debian) {
			t.Helper()
			prepare(t, false)
			if err := os.WriteFile(d.binary, []byte("#!/nonexistent\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "dpkg\n", false},
		{"no /run/sysctr", func(*testing.T, debian) {}, "none", false},
		{"a script that fails", func(t *testing.T, d debian) {
			t.Helper()
			prepare(t, false)
			if err := os.WriteFile(d.script, []byte("#!/bin/sh\nexit 3\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "none", false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			d := newDebian(t)
			test.prepare(t, d)
			good, bad := d.pack(t, "good", "1"), d.pack(t, "bad", "1", "Depends: nowhere", "")
			type end struct {
				code int
				out  string
			}
			runs := func() (all []end) {
				for _, args := range [][]string{{"-i", good}, {"-r", "good"}, {"-i", bad}, {"--purge", "bad", "good"}} {
					code, out := d.dpkg(args...)
					all = append(all, end{code, out})
				}
				return all
			}
			without := runs()
			if _, err := hooks.Install("/", d.dropIn, false); err != nil {
				t.Fatal(err)
			}
			started := make(chan string)
			if test.starts {
				go func() { started <- d.tell() }()
			}
			if code, out := d.dpkg("-i", good); code != without[0].code || out != without[0].out {
				t.Errorf("dpkg ended with %d: %s\nand without the hook with %d: %s", code, out, without[0].code, without[0].out)
			}
			if got := mark(t); got != test.mark {
				t.Errorf("the mark is %q, want %q", got, test.mark)
			}
			if test.starts {
				d.stopped(t, <-started)
			}
			if err := errors.Join(ignoreMissing(os.Remove(d.binary)), os.RemoveAll(hostDir)); err != nil {
				t.Fatal(err)
			}
			d.dpkg("--purge", "good")
			for i, with := range runs() {
				if with != without[i] {
					t.Errorf("run %d ended as %+v, without the hook as %+v", i, with, without[i])
				}
			}
		})
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// TestHookDpkgIsNotHeld: dpkg's output ends when dpkg does, though the refresh that it started goes on.
func TestHookDpkgIsNotHeld(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	d := newDebian(t)
	prepare(t, false)
	if _, err := hooks.Install("/", d.dropIn, false); err != nil {
		t.Fatal(err)
	}
	started := make(chan string)
	go func() { started <- d.tell() }()
	script := fmt.Sprintf("exec 8>%s; dpkg --root=%s --log=/dev/null -i %s | cat; exit ${PIPESTATUS[0]}", filepath.Join(d.root, "lock"), d.root, d.pack(t, "good", "1"))
	out, err := exec.Command("bash", "-c", script).CombinedOutput() // returns when nobody has the pipe any more
	if err != nil || !strings.Contains(string(out), "Setting up good") {
		t.Errorf("%v: %s", err, out)
	}
	told := <-started
	if strings.Contains(told, filepath.Join(d.root, "lock")) || strings.Contains(told, "/var/lib/dpkg/") {
		t.Errorf("what it started holds descriptors of its caller: %s", told)
	}
	d.stopped(t, told) // and it was alive until now
}
