package e2e_test

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestInstall installs below a directory and takes it all away again, beside files of somebody else.
func TestInstall(t *testing.T) {
	program := need.Command(t, "make", "install the package make")
	dir := t.TempDir()
	foreign := []string{"usr/share/man/man8/sysctrl.8", "usr/lib/systemd/system/other.service"}
	for _, path := range foreign {
		writeProgram(t, filepath.Join(dir, path), "")
	}
	run := func(target string) []string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), program, "--no-print-directory", target, "DESTDIR="+dir, "PREFIX=/usr")
		cmd.Dir = e2e.Source(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("make %s: %v\n%s", target, err, out)
		}
		return files(t, dir)
	}
	installed := run("install")
	for _, want := range []string{
		"usr/bin/sysctr", "usr/lib/sysctr/pkg-hook", "usr/lib/systemd/system/sysctr-refresh.path", "usr/lib/systemd/system/sysctr@.service", "usr/share/bash-completion/completions/sysctr",
		"usr/share/man/man5/sysctr-profile.5", "usr/share/man/man7/sysctr.7", "usr/share/man/man8/sysctr.8", "usr/share/man/man8/sysctr-create.8",
	} {
		if !slices.Contains(installed, want) {
			t.Errorf("there is no %s among %q", want, installed)
		}
	}
	if again := run("install"); !slices.Equal(again, installed) {
		t.Errorf("a second time there are %q and not %q", again, installed)
	}
	slices.Sort(foreign)
	if left := run("uninstall"); !slices.Equal(left, foreign) {
		t.Errorf("left are %q", left)
	}
}

// files are the paths of all files below a directory, sorted.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}
