package manager_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mask"
)

func every(shadow.Shadow) bool { return true }

// TestShadowsOfUnknownBirth has a delta of which nobody knows when it was born: all that differs from the host hides.
func TestShadowsOfUnknownBirth(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newShadowed(t)
	v := furnish(s)
	s.in(func(root string) {
		shell(t, root, `chmod 600 usr/share/data; rm usr/bin/tool etc/passwd; rm -r usr/lib/plug; mkdir usr/lib/plug; echo own >usr/lib/plug/own
			touch usr/lib/x/gone.so; echo >>usr/lib/x/libz.so.1.2; echo own >etc/own; echo >>etc/hosts.equiv; ln -sfn /opt lib; chmod 700 etc
			echo >>etc/ld.so.cache; echo >>var/lib/dpkg/status; ln -sfn /etc/alternatives/../alternatives/tool usr/bin/alias`)
	})
	upgrade(s)
	want := []string{
		"!modified /etc/hosts.equiv", "!modified /lib", "!modified /usr/bin/alias", "!whiteout " + tool, "!opaque /usr/lib/plug " + plugA + "," + plugB + ",/usr/lib/plug/new.so",
		"!vendor-old /usr/lib/x/gone.so", "!modified /usr/lib/x/libz.so.1.2",
	}
	if diff := cmp.Diff(want, lines(s.look(manager.Look{Since: shadow.Ever(), Vendors: v}), every)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, lines(s.look(manager.Look{Vendors: v}), every)); diff != "" {
		t.Errorf("where nothing changed (-want +got):\n%s", diff)
	}
}

// TestShadowsOfOwnFiles asks for the container's own files as well, of which most looks know nothing.
func TestShadowsOfOwnFiles(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newShadowed(t)
	v := furnish(s)
	s.in(func(root string) {
		shell(t, root, `mkdir -p usr/local/lib; echo own >usr/local/lib/libssl.so.3; echo own >etc/hostname; echo a >"usr/two
lines"; rm usr/lib/x/gone.so`)
	})
	do(t, os.Remove(s.base+"/usr/lib/x/gone.so"))
	want := []string{"own /etc/hostname", "whiteout /usr/lib/x/gone.so", "own /usr/local/lib/libssl.so.3", "own /usr/two\nlines"}
	if diff := cmp.Diff(want, lines(s.look(manager.Look{Vendors: v, All: true, Own: true}), every)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if v.asked != 0 {
		t.Errorf("the archive was asked for %d paths, none of which differs", v.asked)
	}
}

// TestOpaqueOverDatabase hides the host's package database: no patch is missed, and yet the directory hides something.
func TestOpaqueOverDatabase(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newShadowed(t)
	furnish(s)
	s.in(func(root string) { shell(t, root, "rm -r var/lib; mkdir var/lib") })
	for _, since := range []shadow.Changes{shadow.Ever(), shadow.Since([]shadow.Change{{Path: "/var/lib/dpkg/status", Is: &shadow.File{}}})} {
		found := s.look(manager.Look{Since: since, All: true})
		if len(found) != 1 || found[0].Hides() || found[0].Heal != shadow.Report {
			t.Errorf("found %+v", found)
		}
	}
}

// TestManyHidden removes a directory with more changed files than are named.
func TestManyHidden(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	s := newShadowed(t)
	var since []shadow.Change
	for i := range shadow.MaxBelow + 7 {
		path := "/usr/many/" + string(rune('a'+i))
		replace(t, s.base+path, "2", 0o644)
		since = append(since, shadow.Change{Path: path, Is: &shadow.File{Mode: unix.S_IFREG}})
	}
	s.in(func(root string) { do(t, os.RemoveAll(root+"/usr/many")) })
	for _, changes := range []shadow.Changes{shadow.Since(since), shadow.Ever()} {
		found := s.look(manager.Look{Since: changes})
		if len(found) != 1 || !found[0].Hides() || len(found[0].Below) != shadow.MaxBelow || found[0].More == 0 || found[0].Below[0] != "/usr/many/a" {
			t.Errorf("found %+v", found)
		}
	}
}

// TestShadowsAcrossFilesystems has /usr on a filesystem of its own, with a delta of its own.
func TestShadowsAcrossFilesystems(t *testing.T) {
	s := newShadowed(t)
	usr := t.TempDir()
	upper := s.delta + "/fs/usr/upper"
	replace(t, usr+"/lib/libssl.so.3", "2", 0o644)
	replace(t, upper+"/lib/libssl.so.3", "1", 0o644)
	replace(t, s.delta+"/upper/usr/lib/libcrypto.so.3", "1", 0o644) // below the mount
	replace(t, s.delta+"/upper/lib/libssl.so.3", "1", 0o644)
	relink(t, s.base+"/lib", "usr/lib")
	do(t, os.MkdirAll(s.base+"/usr", 0o755))
	d, err := delta.Open(s.delta)
	do(t, err)
	defer d.Close()
	views := map[string]delta.View{
		"/":    {Layers: []delta.Layer{{Dir: s.open(s.mask)}, {Dir: s.open(s.base)}}},
		"/usr": {Layers: []delta.Layer{{Dir: s.open(usr)}}},
		"/var": {Layers: []delta.Layer{{Dir: s.open(t.TempDir())}}}, // the container was never started with it
	}
	since := shadow.Since([]shadow.Change{
		{Path: "/usr/lib/libssl.so.3", Was: &shadow.File{}, Is: &shadow.File{}}, {Path: "/usr/lib/libcrypto.so.3", Was: &shadow.File{}},
	})
	found, err := manager.Hunt(t.Context(), d, []string{"/", "/usr", "/var"}, views, nil, manager.Look{Since: since})
	do(t, err)
	if diff := cmp.Diff([]string{"!modified /lib", "!modified /usr/lib/libssl.so.3"}, lines(found, every)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSeedShadows has a container that is mounted with copies of the host's programs and with its accounts as they were.
func TestSeedShadows(t *testing.T) {
	s := newShadowed(t)
	mounted, fresh := mask.Set{Common: t.TempDir()}, mask.Set{Common: t.TempDir()}
	for path, mode := range map[string]os.FileMode{"old": 0o755, "same": 0o755, "setuid": 0o4755, "gone": 0o755, "own": 0o755} {
		path = "usr/lib/" + path
		mounted.Copies = append(mounted.Copies, path)
		replace(t, filepath.Join(mounted.Common, path), "1", mode&0o777|os.ModeSetuid*(mode>>11))
		if !strings.HasSuffix(path, "gone") {
			replace(t, filepath.Join(s.base, path), map[bool]string{true: "2", false: "1"}[strings.HasSuffix(path, "old") || strings.HasSuffix(path, "own")], 0o755)
		}
	}
	replace(t, s.delta+"/upper/usr/lib/own", "mine", 0o755) // the delta's own business
	replace(t, mounted.Common+"/etc/passwd", "root:x:0:0::/:/bin/sh\n", 0o644)
	replace(t, fresh.Common+"/etc/passwd", "root:x:0:0::/:/bin/sh\nuuidd:x:1:1::/:/bin/sh\n", 0o644)
	replace(t, mounted.Common+"/etc/group", "root:x:0:\n", 0o644)
	replace(t, fresh.Common+"/etc/group", "root:x:0:\n", 0o644)
	d, err := delta.Open(s.delta)
	do(t, err)
	defer d.Close()
	views := map[string]delta.View{"/": {Layers: []delta.Layer{{Dir: s.open(s.base)}}}}
	found, err := manager.SeedShadows(t.Context(), d, []string{"/"}, views, mounted, fresh)
	do(t, err)
	want := []string{"!accounts /etc/passwd", "!vendor-old /usr/lib/gone", "!vendor-old /usr/lib/old", "!metadata /usr/lib/setuid"}
	if diff := cmp.Diff(want, lines(found, every)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, f := range found {
		if f.Layer != shadow.Seed || f.Heal != shadow.Regenerate {
			t.Errorf("%+v", f)
		}
	}
	if found, err := manager.SeedShadows(t.Context(), d, []string{"/"}, views, mounted, mounted); err != nil || len(found) != 0 {
		t.Errorf("of one that is fresh: %v, %v", found, err)
	}
}

// FuzzShadowNames gives an entry of a delta a hostile name: it is found under that very name, once.
func FuzzShadowNames(f *testing.F) {
	for _, name := range []string{"a", "two\nlines", "\xff\xfe", "\x1b[2J", "..a", " ", strings.Repeat("n", 255), "libssl.so.3", "%2F"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" || name == "." || name == ".." || len(name) > 240 || strings.ContainsAny(name, "/\x00") {
			return
		}
		s := newShadowed(t)
		path := "/usr/lib/" + name
		replace(t, s.base+path, "2", 0o644)
		replace(t, s.delta+"/upper"+path, "1", 0o644)
		replace(t, s.delta+"/upper/usr/own"+name+"/"+name, "1", 0o644)
		v := &vendors{known: map[string][]generation.Digest{path: {{Value: sum("1"), Version: "1"}}}}
		for _, l := range []manager.Look{
			{Since: shadow.Since([]shadow.Change{{Path: path, Is: &shadow.File{}}}), Vendors: v}, {Since: shadow.Ever(), Vendors: v}, {All: true, Vendors: v},
		} {
			found := s.look(l)
			if len(found) != 1 || found[0].Path != path || found[0].Class != shadow.VendorOld || found[0].Hides() == l.All {
				t.Fatalf("found %+v", found)
			}
		}
		if diff := cmp.Diff(1, len(slices.Collect(shadow.Since([]shadow.Change{{Path: path, Is: &shadow.File{}}}).Below("/usr")))); diff != "" {
			t.Fatal(diff)
		}
	})
}
