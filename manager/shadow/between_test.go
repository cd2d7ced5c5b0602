package shadow_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/shadow"
)

func TestBetween(t *testing.T) {
	one := &generation.Meta{Type: unix.S_IFREG, Mode: 0o4755, UID: 1, GID: 2}
	two := &generation.Meta{Type: unix.S_IFLNK, Mode: 0o777, Target: "x"}
	secret := &generation.Meta{Type: unix.S_IFREG, Mode: 0o640}
	sudo := &generation.Meta{Type: unix.S_IFREG, Mode: 0o4110}
	c := shadow.Between(
		generation.Diff{Files: []generation.FileChange{{Path: "/a", Was: one, Is: two}, {Path: "/short", Is: one}}},
		generation.Diff{Files: []generation.FileChange{{Path: "/a", Was: two}, {Path: "/short", Was: one}}},
		generation.Diff{Files: []generation.FileChange{
			{Path: "/key", Was: secret, Is: secret}, {Path: "/new-key", Is: secret}, {Path: "/was-open", Was: one, Is: secret}, {Path: "/sudo", Was: sudo, Is: sudo},
		}},
	)
	for path, want := range map[string]bool{"/key": false, "/new-key": false, "/was-open": true, "/sudo": true} {
		if _, changed := c.At(path); changed != want {
			t.Errorf("%s has changed: %v", path, changed)
		}
	}
	a, _ := c.At("/a")
	if a.Was == nil || *a.Was != (shadow.File{Mode: unix.S_IFREG | 0o4755, UID: 1, GID: 2}) || a.Is != nil {
		t.Errorf("/a: %+v", a)
	}
	short, changed := c.At("/short")
	if !changed || short.Was == nil || short.Is != nil {
		t.Errorf("what came and went: %+v, %v", short, changed)
	}
}
