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

func marked(t *testing.T, d hooks.Dir) bool {
	t.Helper()
	yes, err := d.Marked()
	if err != nil {
		t.Fatal(err)
	}
	return yes
}

func TestHookMark(t *testing.T) {
	d := hooks.Dir(t.TempDir())
	if sources, err := d.Take(); sources != nil || err != nil || marked(t, d) {
		t.Errorf("no mark: %q, %v", sources, err)
	}
	for _, s := range []string{"dpkg", "apt", "dpkg"} {
		if err := d.Poke(s); err != nil || !marked(t, d) {
			t.Errorf("poke: %v", err)
		}
	}
	if sources, err := d.Take(); !slices.Equal(sources, []string{"apt", "dpkg"}) || err != nil || marked(t, d) {
		t.Errorf("take: %q, %v", sources, err)
	}
	if err := hooks.Dir(filepath.Join(string(d), "gone")).Poke("apt"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("poke where nothing is prepared: %v", err)
	}
	if sources, err := hooks.Dir(filepath.Join(string(d), "gone")).Take(); sources != nil || err != nil {
		t.Errorf("take where nothing is prepared: %q, %v", sources, err)
	}
}

// TestHookMarkOfAnyKind: whatever stands in the mark's place, it is taken, and nobody waits for it.
func TestHookMarkOfAnyKind(t *testing.T) {
	for name, put := range map[string]func(path string) error{
		"empty":      text(""),
		"huge":       text(strings.Repeat("apt\n", 1<<20)),
		"no text":    text("\x00\xff"),
		"FIFO":       func(path string) error { return unix.Mkfifo(path, 0o600) },
		"dead link":  func(path string) error { return os.Symlink("/nonexistent", path) },
		"directory":  func(path string) error { return os.Mkdir(path, 0o700) },
		"unreadable": func(path string) error { return os.WriteFile(path, nil, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			d := hooks.Dir(t.TempDir())
			if err := put(filepath.Join(string(d), "pending")); err != nil {
				t.Fatal(err)
			}
			if !marked(t, d) {
				t.Error("not seen")
			}
			sources, err := d.Take()
			if marked(t, d) || len(sources) > 1 {
				t.Errorf("left after it was taken: %q, %v", sources, err)
			}
		})
	}
}
