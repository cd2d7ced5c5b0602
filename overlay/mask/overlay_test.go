package mask_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/mask"
)

// TestOverlay mounts what Build makes of a small host and looks at the result as a container would.
func TestOverlay(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		base := madeHost(t, hostText(t, "debian")+"f 644 0:0 \"bad\\xffname\" \"\"\nf 600 0:0 usr/share/secret \"s\"\nf 644 0:0 usr/share/open \"o\"\n")
		run, inner, outer := t.TempDir(), t.TempDir(), t.TempDir()
		mountTmpfs(t, run, "mode=0711")
		set, err := mask.Cache{Dir: run + "/mask", Root: base}.Get(mask.Rules{System: true, Units: []string{"ssh"}, Share: []string{"/srv/www/site"}}, mask.Shift{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := mask.Write(run+"/seed", mask.Seed(mask.Identity{Name: "web7", MachineID: "ffffffffffffffffffffffffffffffff"}), mask.Shift{}); err != nil {
			t.Fatal(err)
		}
		mountOverlay(t, inner, set.Mask+":"+base, true)
		mountOverlay(t, outer, run+"/seed:"+set.Common+":"+inner, false)

		lists(t, outer, ".", "bin boot dev etc home lib lib64 media mnt opt proc root run sbin srv sys tmp usr var")
		lists(t, outer, "home", "")
		lists(t, outer, "srv", "www")
		lists(t, outer, "srv/www", "site")
		lists(t, outer, "srv/www/site", "index.html")
		lists(t, outer, "var/lib", "apt dbus dpkg libuuid plugins postgresql private shells.state")
		lists(t, outer, "var/lib/plugins", "")
		lists(t, outer, "var/log", "apt btmp journal lastlog private wtmp")
		lists(t, outer, "etc/ssh", "sshd_config sshd_config.d")
		lists(t, outer, "etc/systemd/system/multi-user.target.wants", "ssh.service sysctr-linger.service systemd-logind.service")
		lists(t, outer, "root", ".profile")

		contains(t, outer, "etc/machine-id", "ffffffffffffffffffffffffffffffff\n")
		contains(t, outer, "etc/shadow", "root:*:::::::\ndaemon:*:::::::\n_apt:*:::::::\nnobody:*:::::::\n")
		contains(t, outer, "etc/resolv.conf", "")
		contains(t, outer, "etc/fstab", "")
		contains(t, outer, "usr/share/open", "o")
		contains(t, outer, "usr/lib/dbus-1.0/dbus-daemon-launch-helper", "ELF helper")
		for path, want := range map[string]error{
			"usr/share/secret": unix.EACCES, "etc/polkit-1/rules.d/x": unix.ENOENT, "data": unix.ENOENT, "swapfile": unix.ENOENT,
			"root/.ssh": unix.ENOENT, "var/lib/sysctr/containers": unix.ENOENT, "etc/ssh/ssh_host_rsa_key": unix.ENOENT, "var/spool/cron/crontabs": unix.ENOENT,
		} {
			if _, err := os.ReadFile(filepath.Join(outer, path)); !errors.Is(err, want) {
				t.Errorf("read %s: %v, want %v", path, err, want)
			}
		}
		modes(t, outer, map[string]fs.FileMode{"tmp": 0o1777, "root": 0o700, "etc/sudoers": 0o440, "etc/shadow": 0o640, "var/log": 0o775, "proc": 0o555})
	})
}

func lists(t *testing.T, root, dir, want string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		t.Error(err)
	}
	got := make([]string, 0, len(entries))
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if s := joined(got); s != want {
		t.Errorf("/%s has %q, want %q", dir, s, want)
	}
}

func joined(names []string) string {
	slices.Sort(names)
	out := ""
	for i, n := range names {
		if i > 0 {
			out += " "
		}
		out += n
	}
	return out
}

func contains(t *testing.T, root, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(filepath.Join(root, path)); err != nil || string(got) != want {
		t.Errorf("/%s = %q (%v), want %q", path, got, err, want)
	}
}

func modes(t *testing.T, root string, want map[string]fs.FileMode) {
	t.Helper()
	for path, mode := range want {
		var st unix.Stat_t
		if err := unix.Lstat(filepath.Join(root, path), &st); err != nil || st.Mode&0o7777 != uint32(mode) {
			t.Errorf("/%s has mode %o (%v), want %o", path, st.Mode&0o7777, err, mode)
		}
	}
}

// An opaque directory that is the root of a layer hides nothing: this is why mount points that the mask hides must not get a stack.
func TestOpaqueRootHidesNothing(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		base := madeHost(t, "f 644 0:0 var/lib/mysql/ibdata \"db\"")
		run, at := t.TempDir(), t.TempDir()
		mountTmpfs(t, run, "")
		layers, err := mask.BuildFor(base, mask.Rules{}, []string{"var/lib/mysql", "var/lib"})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(layers.Shown, []string{"var/lib"}) {
			t.Errorf("Shown = %v, want only var/lib", layers.Shown)
		}
		if err := mask.Write(run+"/mask", layers.Mask, mask.Shift{}); err != nil {
			t.Fatal(err)
		}
		mountOverlay(t, at, run+"/mask/var/lib/mysql:"+base+"/var/lib/mysql", true)
		if _, err := os.Stat(at + "/ibdata"); err != nil {
			t.Errorf("the kernel now hides what is below an opaque root (%v): Shown may become simpler", err)
		}
	})
}

func TestCanary(t *testing.T) {
	inNamespace(t, func(t *testing.T) {
		base := madeHost(t, hostText(t, "debian"))
		run, inner, leaky, hidden := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
		mountTmpfs(t, run, "mode=0711")
		if err := mask.Write(run+"/mask", mustBuild(t, base, mask.Rules{}).Mask, mask.Shift{}); err != nil {
			t.Fatal(err)
		}
		mountOverlay(t, inner, run+"/mask:"+base, true)
		mountOverlay(t, leaky, run+"/mask:"+base, false)
		blind := mask.Tree{{Path: "var", Kind: mask.Dir, Mode: 0o755}, {Path: "var/cache", Kind: mask.Opaque, Mode: 0o755}}
		if err := mask.Write(run+"/blind", blind, mask.Shift{}); err != nil {
			t.Fatal(err)
		}
		mountOverlay(t, hidden, run+"/blind:"+base, true)
		c, err := mask.PlantBelow(base, mask.CanaryDir[1:])
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			summary, root string
			want          error
		}{{"sealed", inner, nil}, {"mounted by root", leaky, mask.ErrUnsealed}, {"host itself", base, mask.ErrUnsealed}, {"hidden", hidden, mask.ErrUnproven}} {
			if err := c.Check(openDir(t, test.root)); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("%s: Check = %v, want %v", test.summary, err, test.want)
			}
		}
		below, ok := c.In("var")
		if err := below.Check(openDir(t, inner+"/var")); !ok || err != nil {
			t.Errorf("In(var): %v, %v", ok, err)
		}
		forgeTwin(t, base)
		if err := c.Check(openDir(t, inner)); !errors.Is(err, mask.ErrUnproven) {
			t.Errorf("a twin with other content: Check = %v, want ErrUnproven", err)
		}
		if err := errors.Join(c.Remove(), c.Remove()); err != nil {
			t.Errorf("Remove twice: %v", err)
		}
		lists(t, base, "var/cache/sysctr", "")
	})
}

func openDir(t *testing.T, dir string) int {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func forgeTwin(t *testing.T, base string) {
	t.Helper()
	twins, err := filepath.Glob(base + mask.CanaryDir + "/*.twin")
	if err != nil || len(twins) != 1 {
		t.Fatalf("twins %v (%v)", twins, err)
	}
	if err := os.WriteFile(twins[0], []byte("forged"), 0o644); err != nil {
		t.Fatal(err)
	}
}
