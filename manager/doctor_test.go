package manager_test

import (
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/systemd"
)

const (
	ext4Root = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	v2       = "24 22 0:21 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
	v1       = "24 22 0:21 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n25 22 0:22 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	pool     = "root:1879048192:268304384\n"
)

// healthy is a host on which all is good, without systemd.
func healthy() map[string]string {
	files := map[string]string{
		"proc/sys/kernel/osrelease": "6.1.0-18-amd64\n", "proc/filesystems": "nodev\tproc\nnodev\toverlay\n",
		"proc/self/mountinfo": ext4Root + v2, "proc/1/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
		"proc/self/limits": "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files     \n",
		"proc/swaps":       "Filename\tType\n", "proc/sys/fs/mount-max": "100000\n", "proc/meminfo": "MemTotal: 8000000 kB\nMemAvailable: 7000000 kB\n",
		"proc/sys/kernel/keys/root_maxkeys": "1000000\n", "proc/key-users": "    0:    32 31/31 26/1000000 474/25000000\n",
		"etc/subuid": "joe:100000:65536\n" + pool, "etc/subgid": pool, "etc/passwd": "root:x:0:0::/root:/bin/sh\nsysctr-base:x:995:994::/:/bin/false\n",
		"var/lib/sysctr/containers/.keep": "", "run/sysctr/lock": "",
	}
	for _, kind := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		files["proc/self/ns/"+kind] = ""
	}
	for _, r := range manager.Resources() {
		if r.Sysctl != "" {
			files["proc/sys/"+strings.ReplaceAll(r.Sysctl, ".", "/")] = "4194304\n"
		}
	}
	return files
}

// booted is healthy with systemd as PID 1 and sysctr's units for a program.
func booted(t *testing.T, binary string) map[string]string {
	t.Helper()
	files := healthy()
	units, err := systemd.Units(binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range units {
		files["usr/local/lib/systemd/system/"+u.Name] = string(u.Data)
	}
	files["run/systemd/system/.keep"] = ""
	files["etc/systemd/system/multi-user.target.wants/sysctr.target"] = ""
	return files
}

func with(files map[string]string, changes ...string) map[string]string {
	changed := maps.Clone(files)
	for i := 0; i+1 < len(changes); i += 2 {
		changed[changes[i]] = changes[i+1]
	}
	return changed
}

func without(files map[string]string, paths ...string) map[string]string {
	changed := maps.Clone(files)
	for _, p := range paths {
		delete(changed, p)
	}
	return changed
}

func checkup(t *testing.T, files map[string]string) manager.Checkup {
	t.Helper()
	var library profiles.Library
	spec, err := library.Resolve("system", nil)
	if err != nil {
		t.Fatal(err)
	}
	return manager.Checkup{
		Root: planted(t, files), Dirs: lxc.DefaultDirs(), Etc: "/etc", Pool: idrange.Default(), Binary: "/usr/local/bin/sysctr", LXC: "6.0.1", Spec: spec,
	}
}

func TestDiagnoseHealthy(t *testing.T) {
	for summary, files := range map[string]map[string]string{"without systemd": healthy(), "with systemd": booted(t, "/usr/local/bin/sysctr")} {
		found := checkup(t, files).Diagnose()
		seen := map[string]bool{}
		for _, f := range found {
			// How full the machine's own disk is, no tree of files can say.
			if f.Result != manager.Good && f.Check != "disk space" && f.Check != "inodes" || f.Detail == "" || seen[f.Check] {
				t.Errorf("%s: %+v", summary, f)
			}
			seen[f.Check] = true
		}
		if len(found) < 15+len(manager.Resources())-2 {
			t.Errorf("%s: only %d findings", summary, len(found))
		}
	}
}

func TestDiagnose(t *testing.T) {
	units := booted(t, "/usr/local/bin/sysctr")
	const unit = "usr/local/lib/systemd/system/sysctr@.service"
	var many strings.Builder
	for range 99500 {
		many.WriteString("30 22 0:30 / /srv/x rw - tmpfs none rw\n")
	}
	for _, test := range []struct {
		summary string
		files   map[string]string
		check   string
		want    manager.Verdict
		detail  string // part of it
		remedy  string // part of it
	}{
		{"old kernel", with(healthy(), "proc/sys/kernel/osrelease", "5.15.0-91-generic\n"), "kernel", manager.Fails, "5.15.0-91", "5.19"},
		{"just old enough", with(healthy(), "proc/sys/kernel/osrelease", "5.19.0\n"), "kernel", manager.Good, "5.19", ""},
		{"next major", with(healthy(), "proc/sys/kernel/osrelease", "10.0\n"), "kernel", manager.Good, "10.0", ""},
		{"no user namespaces", without(healthy(), "proc/self/ns/user"), "kernel", manager.Fails, "no user namespaces", "kernel"},
		{"module not loaded", with(healthy(), "proc/filesystems", "nodev\tproc\n"), "kernel", manager.Warns, "not loaded", "host init"},
		{"no proc", without(healthy(), "proc/sys/kernel/osrelease"), "kernel", manager.Fails, "no such file", "/proc"},

		{"overlay root", with(healthy(), "proc/self/mountinfo", strings.Replace(ext4Root, "ext4", "overlay", 1)+v2), "root filesystem", manager.Fails, "overlay", "disk"},
		{"separate partitions", with(healthy(), "proc/self/mountinfo", ext4Root+v2+
			"30 22 8:1 / /usr rw - ext4 /dev/vdb rw\n31 22 8:2 / /home rw - ext4 /dev/vdc rw\n32 22 0:9 / /var/www rw - nfs4 s:/w rw\n"),
			"partitions", manager.Good, "containers also see /usr (ext4); not /var/www (nfs4)", ""},
		{"the state directory is none", with(healthy(), "proc/self/mountinfo", ext4Root+v2+"30 22 8:1 / /var/lib/sysctr rw - ext4 /dev/vdb rw\n"),
			"partitions", manager.Good, "containers see only the root filesystem", ""},

		{"nothing prepared", without(healthy(), "var/lib/sysctr/containers/.keep"), "preparation", manager.Fails, "/var/lib/sysctr/containers", "host init"},
		{"run directory gone", without(healthy(), "run/sysctr/lock"), "preparation", manager.Fails, "/run/sysctr", "host init"},
		{"no mounter", with(healthy(), "etc/passwd", "root:x:0:0::/root:/bin/sh\n"), "preparation", manager.Fails, "sysctr-base", "host init"},
		{"pool not reserved", with(healthy(), "etc/subgid", ""), "id pool", manager.Warns, "/etc/subgid does not reserve", "host init"},
		{"pool of somebody else", with(healthy(), "etc/subuid", "joe:1879048192:65536\n"), "id pool", manager.Fails, "joe", "free the range"},
		{"newuidmap", with(healthy(), "usr/bin/newuidmap", ""), "uidmap", manager.Good, "do without it", ""},

		{"limits of version 2", with(healthy(), "sys/fs/cgroup/cgroup.controllers", "cpu pids\n"), "limits", manager.Warns, "memory; these limits", "cgroup_enable"},
		{"limits of version 1", with(healthy(), "proc/self/mountinfo", ext4Root+v1, "proc/1/cgroup", "3:memory:/\n2:cpu:/\n"), "limits", manager.Warns, "controller: pids", "cgroup"},
		{"no control groups", with(healthy(), "proc/self/mountinfo", ext4Root), "limits", manager.Fails, "", "mount"},
		{"liblxc without groups", with(healthy(), "proc/self/mountinfo", ext4Root), "liblxc", manager.Fails, "", "mount"},
		{"swap that is not counted", with(healthy(), "proc/swaps", "Filename\tType\n/dev/vdb partition\n"), "swap", manager.Warns, "does not count", "swapaccount=1"},
		{"swap that is", with(healthy(), "proc/swaps", "Filename\tType\n/dev/vdb partition\n", "sys/fs/cgroup/init.scope/memory.swap.max", "max\n"), "swap", manager.Good, "per container", ""},
		{"SELinux", with(healthy(), "sys/fs/selinux/enforce", "1"), "SELinux", manager.Fails, "enforcing", "permissive"},
		{"SELinux permissive", with(healthy(), "sys/fs/selinux/enforce", "0"), "SELinux", manager.Good, "not enforcing", ""},
		{"AppArmor without its parser", with(healthy(), "sys/module/apparmor/parameters/enabled", "Y\n"), "AppArmor", manager.Fails, "parser", "apt-get install apparmor"},
		{"AppArmor with it", with(healthy(), "sys/module/apparmor/parameters/enabled", "Y\n", "usr/sbin/apparmor_parser", ""), "AppArmor", manager.Good, "profile", ""},
		{"AppArmor off", with(healthy(), "sys/module/apparmor/parameters/enabled", "N\n"), "AppArmor", manager.Good, "does not confine", ""},

		{"a unit is missing", without(units, unit), "units", manager.Fails, "sysctr@.service", "make install"},
		{"units of another version", with(units, unit, "[Unit]\n"), "units", manager.Warns, "/" + unit, "make install"},
		{"units of another program", booted(t, "/usr/bin/sysctr"), "units", manager.Warns, "/usr/local/bin/sysctr", "make install"},
		{"a unit that is replaced", with(units, "etc/systemd/system/sysctr@.service", "[Unit]\n"), "units", manager.Warns, "/etc/systemd/system/sysctr@.service", "make install"},
		{"not enabled", without(units, "etc/systemd/system/multi-user.target.wants/sysctr.target"), "units", manager.Warns, "not enabled", "host init"},

		{"few open files", with(healthy(), "proc/self/limits", "Max open files 1024 4096 files\n"), "nofile", manager.Warns, "4096", "ulimit"},
		{"any number of files", with(healthy(), "proc/self/limits", "Max open files 1024 unlimited files\n"), "nofile", manager.Good, "", ""},
		{"limits that do not say", with(healthy(), "proc/self/limits", "Max locks 1 1\n"), "nofile", manager.Warns, " 0 open", "ulimit"},
		{"few files do not count for units", with(units, "proc/self/limits", "Max open files 1024 4096 files\n"), "nofile", manager.Good, "units", ""},
		{"few mounts", with(healthy(), "proc/sys/fs/mount-max", "1000\n"), "mounts", manager.Fails, "fs.mount-max is 1000", "fs.mount-max = 100000"},
		{"many mounts", with(healthy(), "proc/self/mountinfo", ext4Root+v2+many.String()), "mounts", manager.Fails, "99502", "fs.mount-max = 100526"},
		{"root's keys", with(healthy(), "proc/sys/kernel/keys/root_maxkeys", "80\n"), "keys", manager.Warns, "root has 26", "root_maxkeys = 1000000"},
		{"no keys at all", without(healthy(), "proc/sys/kernel/keys/root_maxkeys"), "keys", manager.Good, "none", ""},

		{"inotify by default", with(healthy(), instances, "128\n"), "inotify instances", manager.Warns, "is 128, of which these", "host init"},
		{"inotify used up", with(healthy(), instances, "20\n"), "inotify instances", manager.Fails, "is 20", "host init"},
		{"terminals", with(healthy(), terminals, "1100\n"), "terminals", manager.Warns, "enough for 76", "8192"},
		{"unreadable", with(healthy(), terminals, ""), "terminals", manager.Warns, "cannot be read", "/proc"},
		{"namespaces forbidden", with(healthy(), "proc/sys/user/max_user_namespaces", "0\n"), "user namespaces", manager.Fails, "max_user_namespaces is 0", "user.max_user_namespaces = 64"},
		{"memory", with(healthy(), "proc/meminfo", "MemTotal: 100000 kB\nMemAvailable: 50000 kB\n"), "memory", manager.Fails, "97 MB", "add memory"},
		{"available memory only warns", with(healthy(), "proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 50000 kB\n"), "available memory", manager.Warns, "48 MB", "stop"},
		{"swap is memory", with(healthy(), "proc/meminfo", "MemTotal: 100000 kB\nSwapTotal: 9000000 kB\n"), "memory", manager.Good, "8.7 GB", ""},
	} {
		t.Run(test.summary, func(t *testing.T) {
			f := finding(t, checkup(t, test.files).Diagnose(), test.check)
			if f.Result != test.want || !strings.Contains(f.Detail, test.detail) || !strings.Contains(f.Remedy, test.remedy) {
				t.Errorf("found %+v\nwant %s, %q, %q", f, test.want, test.detail, test.remedy)
			}
			if (f.Remedy == "") != (f.Result == manager.Good) {
				t.Errorf("a remedy belongs to what is not good, and to nothing else: %+v", f)
			}
		})
	}
}

func finding(t *testing.T, all []manager.Finding, check string) manager.Finding {
	t.Helper()
	for _, f := range all {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no finding of %q", check)
	return manager.Finding{}
}

func TestDiagnoseLXC(t *testing.T) {
	one := with(healthy(), "proc/self/mountinfo", ext4Root+v1, "proc/1/cgroup", "3:memory:/\n2:cpu:/\n")
	for _, test := range []struct {
		version string
		files   map[string]string
		want    manager.Verdict
	}{
		{"5.0.2", one, manager.Good}, {"6.0.4", one, manager.Good}, {"7.0.0", one, manager.Fails}, {"7.0.0", healthy(), manager.Good},
		{"4.0.11", healthy(), manager.Warns}, {"devel", healthy(), manager.Warns},
	} {
		c := checkup(t, test.files)
		c.LXC = test.version
		if f := finding(t, c.Diagnose(), "liblxc"); f.Result != test.want || !strings.Contains(f.Detail, test.version) {
			t.Errorf("%s: %+v, want %s", test.version, f, test.want)
		}
	}
}

func TestDiagnoseCapacity(t *testing.T) {
	var library profiles.Library
	command, err := library.Resolve("command", []string{"isolation=shared"})
	if err != nil {
		t.Fatal(err)
	}
	c := checkup(t, with(healthy(), instances, "32768\n"))
	c.Fleet, c.More = manager.Fleet{manager.System: 1000, manager.RootedSystem: 1000, manager.Private: 1000}, 3500
	all := c.Diagnose()
	if f := finding(t, all, "inotify instances"); f.Result != manager.Good || f.Room.Free != 32768-64-7000 {
		t.Errorf("inotify of 1000 and 3500 more: %+v", f)
	}
	if f := finding(t, all, "id ranges"); f.Result != manager.Fails || f.Room.Free != 3093 || !strings.Contains(f.Detail, "4093 id ranges, enough for 3093 more system") {
		t.Errorf("ranges of 1000 and 3500 more: %+v", f)
	}
	if f := finding(t, all, "memory"); f.Result != manager.Fails || !strings.Contains(f.Detail, "7.6 GB") {
		t.Errorf("memory of 1000 and 3500 more: %+v", f)
	}
	c.Spec = command
	if f := finding(t, c.Diagnose(), "id ranges"); f.Result != manager.Good || !strings.Contains(f.Detail, "take none") {
		t.Errorf("containers that share a range: %+v", f)
	}
}

func TestJudgeTrial(t *testing.T) {
	good := manager.JudgeTrial("by descriptors, idmapped; sealed files stay sealed", nil)
	if len(good) != 2 || good[0].Result != manager.Good || !strings.Contains(good[0].Detail, "sealed") || good[1].Detail != "by descriptors, idmapped" {
		t.Errorf("a trial that works: %+v", good)
	}
	bad := manager.JudgeTrial("", errors.New("mount the layers: invalid argument"))
	if len(bad) != 1 || bad[0].Result != manager.Fails || !strings.Contains(bad[0].Detail, "invalid argument") || bad[0].Remedy == "" {
		t.Errorf("one that does not: %+v", bad)
	}
}

// A file of the host that never ends, or hangs, must not hang a diagnosis.
func TestDiagnoseStrangeFiles(t *testing.T) {
	c := checkup(t, healthy())
	link(t, "/dev/zero", filepath.Join(c.Root, "proc/key-users"))
	link(t, "/dev/zero", filepath.Join(c.Root, "proc/self/limits"))
	all := c.Diagnose()
	if f := finding(t, all, "nofile"); f.Result != manager.Warns || !strings.Contains(f.Detail, "too large") {
		t.Errorf("limits without end: %+v", f)
	}
	if f := finding(t, all, "keys"); f.Result != manager.Good {
		t.Errorf("keys without end: %+v", f)
	}
}

// A host that is not prepared is told so, and not what came of it.
func TestTrialUnprepared(t *testing.T) {
	found := checkup(t, without(healthy(), "run/sysctr/lock")).Trial()
	if len(found) != 1 || found[0].Result != manager.Fails || !strings.Contains(found[0].Remedy, "host init") {
		t.Errorf("found %+v", found)
	}
}
