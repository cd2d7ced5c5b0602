package alive_test

import (
	"errors"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/alive"
)

const (
	unifiedMounts = "24 23 0:5 / /proc rw - proc proc rw\n" +
		"31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
	hybridMounts = "31 23 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n" +
		"32 31 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n" +
		"33 31 0:30 / /sys/fs/cgroup/systemd rw shared:9 master:3 - cgroup cgroup rw,xattr,name=systemd\n" +
		"34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n" +
		"35 31 0:32 / /sys/fs/cgroup/free\\040zer rw - cgroup cgroup rw,freezer,release_agent=/x\n"
	hybridInit = "3:cpuacct,cpu:/\n2:freezer:/\n4:pids:/\n1:name=systemd:/init.scope\n0::/init.scope\n"
)

func TestParseLayout(t *testing.T) {
	for _, test := range []struct {
		summary string
		mounts  string
		init    string
		unified bool
		want    map[string]string
		at      alive.Group // of "sysctr/c/web1"
		wantErr error
	}{
		{
			summary: "version 2 under systemd", mounts: unifiedMounts, init: "0::/init.scope\n", unified: true,
			want: map[string]string{"": "/sys/fs/cgroup"},
			at:   alive.Group{"": "/sysctr/c/web1"},
		},
		{
			summary: "hybrid, a controller that is not mounted, an escape", mounts: hybridMounts, init: hybridInit,
			want: map[string]string{"": "/sys/fs/cgroup/unified", "name=systemd": "/sys/fs/cgroup/systemd", "cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct", "freezer": "/sys/fs/cgroup/free zer"},
			at:   alive.Group{"": "/sysctr/c/web1", "name=systemd": "/sysctr/c/web1", "cpu,cpuacct": "/sysctr/c/web1", "freezer": "/sysctr/c/web1"},
		},
		{
			summary: "version 2 in its place beats a stray version 1", mounts: unifiedMounts + "40 23 0:40 / /mnt rw - cgroup cgroup rw,name=systemd\n",
			init: "1:name=systemd:/\n0::/\n", unified: true,
			want: map[string]string{"": "/sys/fs/cgroup"}, at: alive.Group{"": "/sysctr/c/web1"},
		},
		{
			summary: "only version 2, elsewhere", mounts: strings.ReplaceAll(unifiedMounts, "/sys/fs/cgroup", "/cg"), init: "0::/\n", unified: true,
			want: map[string]string{"": "/cg"}, at: alive.Group{"": "/sysctr/c/web1"},
		},
		{
			summary: "inside a container without a cgroup namespace", mounts: "31 23 0:28 /lxc/h1 /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", init: "0::/lxc/h1/boot/init.scope\n", unified: true,
			want: map[string]string{"": "/sys/fs/cgroup"}, at: alive.Group{"": "/boot/sysctr/c/web1"},
		},
		{
			summary: "the mount of another part is passed over", mounts: "30 23 0:28 /user /mnt rw - cgroup2 cgroup2 rw\n" + unifiedMounts, init: "0::/init.scope\n", unified: true,
			want: map[string]string{"": "/sys/fs/cgroup"}, at: alive.Group{"": "/sysctr/c/web1"},
		},
		{
			summary: "a part whose name only begins alike", mounts: "30 23 0:28 /ini /mnt rw - cgroup2 cgroup2 rw\n" + unifiedMounts, init: "0::/init/x\n", unified: true,
			want: map[string]string{"": "/sys/fs/cgroup"}, at: alive.Group{"": "/init/x/sysctr/c/web1"},
		},
		{summary: "no cgroups at all", mounts: "24 23 0:5 / /proc rw - proc proc rw\n", init: "0::/\n", wantErr: alive.ErrUnsupported},
		{summary: "lines of nonsense", mounts: "- cgroup2\n1 2 3 - cgroup2 x y\n1 2 0:1 .. x rw - cgroup2 cgroup2 rw\n", init: "0::/\n", wantErr: alive.ErrUnsupported},
	} {
		t.Run(test.summary, func(t *testing.T) {
			layout, err := alive.ParseLayout([]byte(test.mounts), []byte(test.init))
			if !errors.Is(err, test.wantErr) {
				t.Fatalf("error %v, want %v", err, test.wantErr)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(test.want, layout.Mounts()); diff != "" {
				t.Errorf("mounts (-want +got):\n%s", diff)
			}
			if layout.Unified() != test.unified {
				t.Errorf("Unified = %v", layout.Unified())
			}
			at, err := layout.At("sysctr/c/web1")
			if diff := cmp.Diff(test.at, at); err != nil || diff != "" {
				t.Errorf("At: %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseLayoutOfGarbage(t *testing.T) {
	for _, init := range []string{"x\n", "0:\n", "0::relative\n"} {
		if _, err := alive.ParseLayout([]byte(unifiedMounts), []byte(init)); err == nil {
			t.Errorf("%q is taken for the cgroups of a process", init)
		}
	}
}

func TestLayoutOfThisHost(t *testing.T) {
	layout, err := alive.ReadLayout()
	if err != nil {
		t.Fatal(err)
	}
	for key, mount := range layout.Mounts() {
		if _, err := os.Stat(path.Join(mount, "cgroup.procs")); err != nil {
			t.Errorf("hierarchy %q: %v", key, err)
		}
		if first, _, _ := strings.Cut(key, ","); first != "" && !strings.Contains(first, "=") && !layout.Has(first) {
			t.Errorf("Has(%s) is false although it is mounted", first)
		}
	}
	if layout.Has("nosuch") || layout.Has("") {
		t.Error("it has a controller that does not exist")
	}
	own, err := layout.Beside(0, "sysctr-x")
	if err != nil {
		t.Fatal(err)
	}
	same, err := layout.Beside(os.Getpid(), "sysctr-x")
	if diff := cmp.Diff(own, same); err != nil || diff != "" {
		t.Errorf("beside 0 and beside the own id differ: %v\n%s", err, diff)
	}
	if len(own) != len(layout.Mounts()) {
		t.Errorf("Beside = %v, for %v", own, layout.Mounts())
	}
	for key, name := range own {
		if _, err := os.Stat(path.Join(layout.Mounts()[key], path.Dir(name), "cgroup.procs")); err != nil {
			t.Errorf("hierarchy %q: the own group is not there: %v", key, err)
		}
	}
	if _, err := layout.Beside(1<<30, "x"); !errors.Is(err, alive.ErrGone) {
		t.Errorf("beside a process that does not exist: error %v, want ErrGone", err)
	}
}

func TestHostileGroups(t *testing.T) {
	layout, err := alive.ParseLayout([]byte(unifiedMounts), []byte("0::/init.scope\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rel := range []string{"", ".", "..", "/x", "a/../b", "a/", "a//b", "../x", strings.Repeat("x/", 2500) + "x", "a\nb", "a\x00b"} {
		if g, err := layout.At(rel); !errors.Is(err, alive.ErrGroup) {
			t.Errorf("At(%.20q) = %v, %v; want ErrGroup", rel, g, err)
		}
		if g, err := layout.Beside(0, rel); !errors.Is(err, alive.ErrGroup) {
			t.Errorf("Beside(0, %.20q) = %v, %v; want ErrGroup", rel, g, err)
		}
	}
	many := alive.Group{}
	for i := range 100 {
		many[strings.Repeat("x", i)] = "/x"
	}
	for _, g := range []alive.Group{nil, {"": ""}, {"": "/"}, {"": "x"}, {"": "/a/.."}, {"": "/../x"}, {"": "/a/"}, {"freezer": "/x"}, many} {
		if _, err := layout.Tree(g); !errors.Is(err, alive.ErrGroup) {
			t.Errorf("Tree(%v): error %v, want ErrGroup", g, err)
		}
	}
}

// FuzzParseLayout holds that every group which a layout gives out lies below a mount point and is usable.
func FuzzParseLayout(f *testing.F) {
	f.Add([]byte(unifiedMounts), []byte("0::/init.scope\n"))
	f.Add([]byte(hybridMounts), []byte(hybridInit))
	f.Add([]byte("1 2 0:1 /\\057.. /\\056\\056 rw - cgroup cgroup rw,,\n"), []byte("1::/\n2:,:/a\n"))
	f.Fuzz(func(t *testing.T, mounts, init []byte) {
		layout, err := alive.ParseLayout(mounts, init)
		if err != nil {
			return
		}
		for key, mount := range layout.Mounts() {
			if !path.IsAbs(mount) || path.Clean(mount) != mount {
				t.Fatalf("hierarchy %q is mounted on %q", key, mount)
			}
		}
		group, err := layout.At("a/b")
		if err != nil {
			return
		}
		for key, name := range group {
			if !strings.HasSuffix(name, "/a/b") || path.Clean(name) != name {
				t.Fatalf("group %q in %q", name, key)
			}
		}
		if _, err := layout.Tree(group); err != nil {
			t.Fatal(err)
		}
	})
}
