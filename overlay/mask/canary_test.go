package mask_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

func TestPlant(t *testing.T) {
	root := t.TempDir()
	if _, err := mask.PlantBelow(root, "var/cache/sysctr"); err == nil {
		t.Error("Plant made more than the last directory")
	}
	if _, err := mask.PlantBelow(root, "../x"); err == nil {
		t.Error("Plant left the root")
	}
	a, err := mask.PlantBelow(root, "sysctr")
	if err != nil {
		t.Fatal(err)
	}
	b, err := mask.PlantBelow(root, "sysctr")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "sysctr")
	got := map[os.FileMode]int{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		got[info.Mode().Perm()]++
	}
	if len(entries) != 4 || got[0o600] != 2 || got[0o644] != 2 {
		t.Errorf("two canaries made %v", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("directory %v (%v)", info.Mode(), err)
	}
	if err := a.Remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 2 {
		t.Errorf("Remove of one left %d files (%v)", len(left), err)
	}
	if _, ok := b.In("usr"); ok {
		t.Error("In(usr) takes a canary that lies elsewhere")
	}
}

// A canary goes when its planter has ended, however that was, and not before.
func TestSweepCanaries(t *testing.T) {
	dir := t.TempDir()
	living, err := mask.PlantBelow(filepath.Dir(dir), filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"other", "canary-dead.sealed", "canary-dead.twin", "canary-half.twin"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := mask.SweepCanaries(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("beside the living pair and another file: %v (%v)", left, err)
	}
	if err := living.Remove(); err != nil {
		t.Fatal(err)
	}
	lists(t, dir, ".", "other")
	if err := mask.SweepCanaries(dir + "/missing"); err != nil {
		t.Errorf("a missing directory: %v", err)
	}
}
