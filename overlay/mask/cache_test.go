package mask_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/mask"
)

// settled asks until two answers in a row are the same: right after a change the host's inputs are too young to be trusted, so that every
// answer is made anew.
func settled(t *testing.T, c mask.Cache, r mask.Rules, mounts ...string) mask.Set {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for last := ""; time.Now().Before(deadline); {
		set, err := c.Get(r, mask.Shift{}, mounts)
		if err != nil {
			t.Fatal(err)
		}
		if set.Mask == last {
			return set
		}
		last = set.Mask
	}
	t.Fatal("the cache never settles")
	return mask.Set{}
}

func newCache(t *testing.T, host string) mask.Cache {
	t.Helper()
	return mask.Cache{Dir: filepath.Join(t.TempDir(), "mask"), Root: madeHost(t, hostText(t, host))}
}

func TestCacheIsRenewedByWhatCounts(t *testing.T) {
	c := newCache(t, "debian")
	r := mask.Rules{System: true, Units: []string{"ssh"}, Share: []string{"/srv/www/site"}}
	at := func(p string) string { return filepath.Join(c.Root, p) }
	for _, test := range []struct {
		summary string
		change  func() error
		renewed bool
	}{
		{"nothing", func() error { return nil }, false},
		{"a name at /", func() error { return os.Mkdir(at("fresh"), 0o755) }, true},
		{"a name in /var/lib", func() error { return os.WriteFile(at("var/lib/fresh"), nil, 0o644) }, true},
		{"a name in /etc", func() error { return os.WriteFile(at("etc/shadow.old"), nil, 0o644) }, true},
		{"a name beside a share", func() error { return os.Mkdir(at("srv/www/fresh"), 0o755) }, true},
		{"a generator", func() error { return os.WriteFile(at("usr/lib/systemd/system-generators/new"), nil, 0o755) }, true},
		{"an account", func() error { return appendTo(at("etc/passwd"), "new:x:7:7::/:/bin/false\n") }, true},
		{"a unit file", func() error { return appendTo(at("usr/lib/systemd/system/ssh.service"), "\n") }, true},
		{"a copied program", func() error { return appendTo(at("usr/lib/dbus-1.0/dbus-daemon-launch-helper"), "v2") }, true},
		{"the mode of a hidden directory", func() error { return os.Chmod(at("var/www"), 0o700) }, true},
		{"the owner of a lock", func() error { return os.Chown(at("var/lib/dpkg/lock"), 5, 5) }, true},
		{"the ACL of a merged directory", func() error { return setACL(at("etc/systemd")) }, true},
		{"content of what is shown", func() error { return appendTo(at("var/lib/dpkg/status"), "x") }, false},
		{"content of what is hidden", func() error { return appendTo(at("data/notes"), "x") }, false},
		{"a name in /var/cache/sysctr", func() error { return os.WriteFile(at("var/cache/sysctr/x"), nil, 0o600) }, false},
		{"a name in /tmp", func() error { return os.WriteFile(at("tmp/x"), nil, 0o600) }, false},
		{"a name in /usr/bin", func() error { return os.WriteFile(at("usr/bin/new"), nil, 0o755) }, false},
	} {
		before := settled(t, c, r)
		if err := test.change(); err != nil {
			t.Fatalf("%s: %v", test.summary, err)
		}
		after, err := c.Get(r, mask.Shift{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if renewed := before.Mask != after.Mask; renewed != test.renewed {
			t.Errorf("%s: renewed %v, want %v", test.summary, renewed, test.renewed)
		}
		if _, err := os.Stat(before.Mask); err != nil {
			t.Errorf("%s: the old generation is gone: %v", test.summary, err)
		}
	}
	set := settled(t, c, r)
	if text, err := os.ReadFile(set.Common + "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"); err != nil || string(text) != "ELF helperv2" {
		t.Errorf("the copy is %q (%v)", text, err)
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

func setACL(path string) error {
	// user::rwx, user:33:r-x, group::r-x, mask::r-x, other::r-x: the mode stays 0755
	acl := "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x02\x00\x05\x00\x21\x00\x00\x00\x04\x00\x05\x00\xff\xff\xff\xff" +
		"\x10\x00\x05\x00\xff\xff\xff\xff\x20\x00\x05\x00\xff\xff\xff\xff"
	return unix.Setxattr(path, "system.posix_acl_access", []byte(acl), 0)
}

func TestCacheKeepsKeysApart(t *testing.T) {
	c := newCache(t, "debian")
	seen := map[string]string{}
	for _, test := range []struct {
		summary string
		rules   mask.Rules
		shift   mask.Shift
		mounts  []string
	}{
		{summary: "plain"}, {summary: "system", rules: mask.Rules{System: true}}, {summary: "shifted", shift: mask.Shift{Base: 0x70000000}},
		{summary: "var", mounts: []string{"var"}}, {summary: "usr and var", mounts: []string{"usr", "var"}},
	} {
		set, err := c.Get(test.rules, test.shift, test.mounts)
		if err != nil {
			t.Fatal(err)
		}
		key := filepath.Dir(filepath.Dir(set.Mask))
		if other, ok := seen[key]; ok {
			t.Errorf("%s and %s share %s", test.summary, other, key)
		}
		seen[key] = test.summary
		if len(set.Shown) != len(test.mounts) || len(set.Copies) != 1 {
			t.Errorf("%s: shown %v, copies %v", test.summary, set.Shown, set.Copies)
		}
		again, err := c.Get(test.rules, test.shift, test.mounts)
		if err != nil || fmt.Sprint(again.Shown, again.Copies) != fmt.Sprint(set.Shown, set.Copies) {
			t.Errorf("%s: again %+v (%v), want %+v", test.summary, again, err, set)
		}
	}
}

// Users of the host may pass to the mask and not see the rest: common has copies of setuid programs.
func TestCacheModes(t *testing.T) {
	old := unix.Umask(0o077)
	t.Cleanup(func() { unix.Umask(old) })
	c := newCache(t, "debian")
	set, err := c.Get(mask.Rules{}, mask.Shift{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gen := filepath.Dir(set.Mask)
	modes(t, "/", map[string]os.FileMode{
		c.Dir: 0o711, filepath.Dir(gen): 0o711, gen: 0o711, set.Mask: 0o755, filepath.Dir(set.Common): 0o700, set.Common: 0o755,
		gen + "/inputs.json": 0o600,
	})
}

func TestCacheOverDamage(t *testing.T) {
	c := newCache(t, "debian")
	for _, test := range []struct{ summary, text string }{
		{"no JSON", "{"}, {"no inputs", "{}"}, {"a raw path too many", `{"inputs":[{"path":"."}],"raw":{"7":"eA=="}}`}, {"empty", ""},
	} {
		set := settled(t, c, mask.Rules{})
		if err := os.WriteFile(filepath.Dir(set.Mask)+"/inputs.json", []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		next, err := c.Get(mask.Rules{}, mask.Shift{}, nil)
		if err != nil || next.Mask == set.Mask {
			t.Errorf("%s: Get = %s (%v), want a new generation", test.summary, next.Mask, err)
		}
	}
	if err := os.WriteFile(filepath.Join(c.Root, "etc/passwd"), []byte("broken\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(mask.Rules{}, mask.Shift{}, nil); err == nil {
		t.Error("Get gives an old mask for a host that can no longer be masked")
	}
	for _, left := range glob(t, c.Dir+"/*/.new-*") {
		t.Errorf("%s is left", left)
	}
}

func TestCacheKeepsNamesOfAnyBytes(t *testing.T) {
	c := newCache(t, "debian")
	if err := os.Mkdir(filepath.Join(c.Root, "var/lib/\xff\xfe"), 0o755); err != nil {
		t.Fatal(err)
	}
	settled(t, c, mask.Rules{}) // an input whose name is lost would never be fresh
}

// Many at once: everybody gets a whole set, and nothing half-made stays.
func TestCacheAtOnce(t *testing.T) {
	c := newCache(t, "debian")
	var wait sync.WaitGroup
	for i := range 24 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			if i%6 == 0 {
				if err := os.WriteFile(filepath.Join(c.Root, "var/lib", fmt.Sprint("n", i)), nil, 0o644); err != nil {
					t.Error(err)
				}
			}
			set, err := c.Get(mask.Rules{}, mask.Shift{}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			for _, p := range []string{set.Mask + "/var/lib", set.Common + "/etc/shadow"} {
				if _, err := os.Lstat(p); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
	set := settled(t, c, mask.Rules{})
	for i := 0; i < 24; i += 6 {
		if !isWhiteout(t, filepath.Join(set.Mask, "var/lib", fmt.Sprint("n", i))) {
			t.Errorf("name %d is visible", i)
		}
	}
	for _, left := range glob(t, c.Dir+"/*/.*") {
		t.Errorf("%s is left", left)
	}
}

func TestSweep(t *testing.T) {
	c := newCache(t, "debian")
	if err := c.Sweep(nil); err != nil {
		t.Errorf("Sweep of nothing: %v", err)
	}
	var sets []mask.Set
	for i := range 4 {
		if err := os.Mkdir(filepath.Join(c.Root, fmt.Sprint("n", i)), 0o755); err != nil {
			t.Fatal(err)
		}
		sets = append(sets, settled(t, c, mask.Rules{}))
	}
	key := filepath.Dir(filepath.Dir(sets[0].Mask))
	for _, name := range []string{".new-crashed", ".trash-9", "notours"} {
		if err := os.Mkdir(filepath.Join(key, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := len(glob(t, key+"/*"))
	if err := c.Sweep([]string{sets[1].Common}); err != nil {
		t.Fatal(err)
	}
	if after := len(glob(t, key+"/*")); after != before {
		t.Errorf("Sweep removed %d of what was just made", before-after)
	}
	long := time.Now().Add(-time.Hour)
	for _, gen := range glob(t, key+"/*") {
		if err := os.Chtimes(gen, long, long); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Sweep([]string{sets[1].Common + "/"}); err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Dir(sets[1].Mask), filepath.Dir(sets[3].Mask), filepath.Join(key, "notours")}
	slices.Sort(want)
	if got := glob(t, key+"/*"); !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
	if next := settled(t, c, mask.Rules{}); next.Mask != sets[3].Mask {
		t.Errorf("after a sweep Get = %s, want the newest, %s", next.Mask, sets[3].Mask)
	}
}

// glob lists hidden names too, sorted.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, p := range all {
		if strings.HasPrefix(filepath.Base(pattern), ".") || filepath.Base(p) != "." {
			kept = append(kept, p)
		}
	}
	return kept
}
