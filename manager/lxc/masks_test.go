package lxc_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay/mask"
)

// TestMasks changes the host between two requests for a mask.
func TestMasks(t *testing.T) {
	need.Root(t)
	for _, test := range []struct {
		summary string
		age     time.Duration
		change  func(t *testing.T, root string, first mask.Set)
		second  mask.Shift
		same    bool
	}{
		{"within one look", time.Hour, newDirectory, mask.Shift{}, true},
		{"after it", 0, newDirectory, mask.Shift{}, false},
		{"within one look, for another range", time.Hour, newDirectory, mask.Shift{Base: 65536}, false},
		{"swept by another starter", time.Hour, func(t *testing.T, _ string, first mask.Set) {
			if err := os.RemoveAll(filepath.Dir(first.Mask)); err != nil {
				t.Fatal(err)
			}
		}, mask.Shift{}, false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root, dir := t.TempDir(), filepath.Join(t.TempDir(), "mask")
			for _, name := range []string{"usr", "etc", "var/lib"} {
				if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			masks := lxc.Masks(mask.Cache{Dir: dir, Root: root}, test.age)
			first, err := masks.Get(mask.Rules{}, mask.Shift{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			made := stamp(t, first.Mask)
			test.change(t, root, first)
			second, err := masks.Get(mask.Rules{}, test.second, nil)
			if err != nil {
				t.Fatal(err)
			}
			if same := stamp(t, second.Mask) == made; same != test.same {
				t.Errorf("%s and then %s; the same: %v", first.Mask, second.Mask, same)
			}
		})
	}
}

func newDirectory(t *testing.T, root string, _ mask.Set) {
	t.Helper()
	if err := os.Mkdir(filepath.Join(root, "new"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// stamp tells a directory from one that is made later at the same path.
func stamp(t *testing.T, dir string) string {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir + " " + strconv.FormatInt(info.ModTime().UnixNano(), 10)
}
