package e2e_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalSweep: every verb that changes something takes away what a killed destroy left; those that only look do not.
func TestLocalSweep(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	name := l.name("sweeps")
	trash := filepath.Join(stateDir, "containers", ".trash-"+l.name("gone")+"-0123456789abcdef")
	l.must(t, "create", name, "--profile", "command")
	for _, test := range []struct {
		args  []string
		swept bool
	}{
		{[]string{"list"}, false},
		{[]string{"show", name}, false},
		{[]string{"start", name, "--dry-run"}, false},
		{[]string{"start", name}, true},
		{[]string{"start", name}, true}, // also where there is nothing else to do
		{[]string{"apply", name}, true},
		{[]string{"restart", name}, true},
		{[]string{"stop", name}, true},
		{[]string{"host", "init", "--no-hooks", "--boot"}, true},
		{[]string{"destroy", name, "--yes"}, true},
	} {
		if err := os.MkdirAll(filepath.Join(trash, "delta", "upper"), 0o700); err != nil {
			t.Fatal(err)
		}
		l.must(t, test.args...)
		if _, err := os.Lstat(trash); errors.Is(err, fs.ErrNotExist) != test.swept {
			t.Errorf("after %q the trash: %v; want it gone: %v", test.args, err, test.swept)
		}
		if err := os.RemoveAll(trash); err != nil {
			t.Fatal(err)
		}
	}
}
