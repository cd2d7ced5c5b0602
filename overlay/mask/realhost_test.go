package mask_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/mask"
)

// TestRealHost checks what must hold of the machine that the test runs on, whatever it has.
func TestRealHost(t *testing.T) {
	need.Root(t)
	_, err := os.Stat("/usr/lib/systemd/system/multi-user.target")
	l := mustBuild(t, "/", mask.Rules{System: err == nil})
	worldReadable(t, l.Mask)
	for _, name := range namesIn(t, "/") {
		shown := slices.Contains(strings.Fields("usr bin sbin lib lib32 lib64 libx32 etc var opt"), name)
		if l.Mask.Hides(name) == shown {
			t.Errorf("/%s: hidden is %v", name, !shown)
		}
	}
	for _, name := range namesIn(t, "/var/lib") {
		path := "var/lib/" + name
		if _, firm := mask.Mandatory("/" + path); firm && !l.Mask.Hides(path) {
			t.Errorf("/%s is visible", path)
		}
	}
	for _, path := range []string{
		"etc/ssl/private", "etc/ssh/ssh_host_ed25519_key", "etc/shadow-", "var/backups", "var/lib/private", "var/lib/postgresql", "var/lib/mysql",
		"var/lib/polkit-1", "var/lib/systemd", "var/lib/sysctr", "var/spool/cron", "var/log", "lost+found", "etc/machine-id",
	} {
		if _, err := os.Lstat("/" + path); err == nil && !l.Mask.Hides(path) {
			t.Errorf("/%s is visible", path)
		}
	}
	for _, path := range []string{"usr", "bin", "etc/pam.d", "etc/ld.so.cache", "var/lib/dpkg", "var/lib/rpm", mask.CanaryDir[1:], "etc/nsswitch.conf"} {
		if l.Mask.Hides(path) {
			t.Errorf("/%s is hidden", path)
		}
	}
}

func TestRealHostHasNoHashes(t *testing.T) {
	need.Root(t)
	l := mustBuild(t, "/", mask.Rules{})
	for _, e := range append(slices.Clone(l.Mask), l.Common...) {
		account := strings.HasPrefix(e.Path, "etc/") && strings.Count(e.Path, "/") == 1
		if account && strings.Contains(string(e.Data), "$") || e.Path == "etc/shadow" && strings.ContainsAny(string(e.Data), "!$.") {
			t.Errorf("/%s has a hash", e.Path)
		}
	}
	for _, path := range l.Copies {
		e, _ := l.Common.Find(path)
		want, err := os.ReadFile("/" + path)
		if err != nil || string(e.Data) != string(want) {
			t.Errorf("copy of /%s is not the host's (%v)", path, err)
		}
	}
}

// Sudo itself accepts what common has for it.
func TestSudoers(t *testing.T) {
	visudo := need.Command(t, "visudo", "install sudo")
	e, ok := mustBuild(t, madeHost(t, hostText(t, "debian")), mask.Rules{}).Common.Find("etc/sudoers")
	if !ok {
		t.Fatal("common has no sudoers")
	}
	file := filepath.Join(t.TempDir(), "sudoers")
	text := strings.Replace(string(e.Data), "@includedir /etc/sudoers.d", "@includedir "+t.TempDir(), 1)
	if err := os.WriteFile(file, []byte(text), 0o440); err != nil {
		t.Fatal(err)
	}
	if out, err := command(visudo, "-c", "-f", file); err != nil {
		t.Errorf("visudo: %v: %s", err, out)
	}
}

func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func BenchmarkBuildAndWrite(b *testing.B) {
	need.Root(b)
	at := benchDir(b)
	for b.Loop() {
		l, err := mask.Build("/", mask.Rules{System: true})
		if err != nil {
			b.Fatal(err)
		}
		for name, tree := range map[string]mask.Tree{"mask": l.Mask, "common": l.Common} {
			if err := mask.Write(at+"/"+name, tree, mask.Shift{}); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if err := os.RemoveAll(at + "/mask"); err != nil {
			b.Fatal(err)
		}
		if err := os.RemoveAll(at + "/common"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkGetCached(b *testing.B) {
	need.Root(b)
	c := mask.Cache{Dir: benchDir(b) + "/cache", Root: "/"}
	for b.Loop() {
		if _, err := c.Get(mask.Rules{System: true}, mask.Shift{}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeed(b *testing.B) {
	need.Root(b)
	at := benchDir(b)
	for b.Loop() {
		if err := mask.Write(at+"/seed", mask.Seed(mask.Identity{Name: "web7", MachineID: strings.Repeat("a", 32)}), mask.Shift{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := os.RemoveAll(at + "/seed"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// benchDir is on a tmpfs where there is one for everybody.
func benchDir(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sysctr-mask-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			b.Error(err)
		}
	})
	return dir
}
