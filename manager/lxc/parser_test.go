package lxc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	golxc "github.com/lxc/go-lxc"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/profiles"
)

// first and last stand around every list in the text that liblxc reads here: the binding trims the ends of a whole list, and would hide a
// blank that liblxc kept or lost.
const first, last = "FIRST=1", "LAST=1"

// parsed is a configuration as liblxc's own parser understands it.
type parsed struct {
	Scalars map[string]string
	Lists   map[string][]string
}

func lists() []string { return []string{"lxc.environment", "lxc.mount.entry", "lxc.hook.post-stop"} }

// parse has liblxc read text.
func parse(t testing.TB, text []byte) (parsed, error) {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { removeLocks(dir) })
	before, after := "", ""
	for _, key := range lists() {
		before += key + " = " + first + "\n"
		after += key + " = " + last + "\n"
	}
	file := filepath.Join(dir, "config")
	if err := os.WriteFile(file, slices.Concat([]byte(before), text, []byte(after)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := golxc.NewContainer("x", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release() //nolint:errcheck // memory
	if err := c.LoadConfigFile(file); err != nil {
		return parsed{}, err
	}
	p := parsed{Scalars: map[string]string{}, Lists: map[string][]string{}}
	for _, key := range []string{
		"lxc.uts.name", "lxc.rootfs.path", "lxc.seccomp.profile", "lxc.log.file", "lxc.signal.halt", "lxc.cgroup.dir.container",
		"lxc.cgroup.dir.monitor", "lxc.cgroup.dir.monitor.pivot", "lxc.cgroup.dir.container.inner", "lxc.cgroup.relative", "lxc.apparmor.profile",
		"lxc.cgroup.memory.limit_in_bytes", "lxc.cgroup.cpu.cfs_quota_us", "lxc.cgroup.pids.max",
		"lxc.cgroup2.memory.max", "lxc.cgroup2.cpu.max", "lxc.cgroup2.pids.max", "lxc.autodev", "lxc.keyring.session", "lxc.namespace.share.user",
	} {
		p.Scalars[key] = strings.TrimPrefix(strings.Join(c.ConfigItem(key), "\n"), "(null)") // what is not set, in some versions
	}
	for _, key := range append(lists(), "lxc.idmap", "lxc.cap.drop") {
		p.Lists[key] = c.ConfigItem(key)
	}
	return p, nil
}

// removeLocks takes away what liblxc leaves of its own locks for a container's directory (lxc_lock, lockfile per container).
func removeLocks(dir string) {
	locks := filepath.Join("/run/lxc/lock", dir)
	_ = os.Remove(filepath.Join(locks, ".x"))
	for ; locks != "/run/lxc/lock"; locks = filepath.Dir(locks) {
		if os.Remove(locks) != nil {
			return
		}
	}
}

// meant is what the configuration c says, in liblxc's own words.
func meant(c lxc.Config) parsed {
	spec := c.Spec
	p := parsed{
		Scalars: map[string]string{
			"lxc.uts.name": c.Name, "lxc.rootfs.path": c.Rootfs, "lxc.seccomp.profile": c.Seccomp, "lxc.log.file": c.Log,
			"lxc.cgroup.dir.container": c.Cgroups.Container, "lxc.cgroup.dir.monitor": c.Cgroups.Monitor,
			"lxc.cgroup.dir.monitor.pivot": c.Cgroups.Pivot, "lxc.cgroup.relative": "0", "lxc.autodev": "1", "lxc.keyring.session": "1",
			"lxc.namespace.share.user": c.UserNS,
		},
		Lists: map[string][]string{"lxc.cap.drop": lxc.Dropped(spec), "lxc.mount.entry": {fstab(c.Notify) + " dev/.sysctr none bind,ro,nosuid,nodev,noexec,create=dir 0 0"}},
	}
	if spec.Isolation != profiles.Privileged {
		p.Lists["lxc.idmap"] = []string{
			fmt.Sprintf("u 0 %d %d", c.Range.Start, c.Range.Size), fmt.Sprintf("g 0 %d %d", c.Range.Start, c.Range.Size),
		}
	} else {
		p.Scalars["lxc.cgroup.dir.container.inner"] = "ns"
	}
	if c.Cgroups.Relative {
		p.Scalars["lxc.cgroup.relative"] = "1"
	}
	for k, v := range spec.Environment {
		p.Lists["lxc.environment"] = append(p.Lists["lxc.environment"], k+"="+v)
	}
	slices.Sort(p.Lists["lxc.environment"])
	for _, m := range spec.Mounts {
		mode := ""
		if m.ReadOnly {
			mode = ",ro"
		}
		p.Lists["lxc.mount.entry"] = append(p.Lists["lxc.mount.entry"],
			fstab(m.Source)+" "+fstab(strings.TrimPrefix(m.Target, "/"))+" none bind,nosuid,nodev"+mode+" 0 0")
	}
	if c.AfterStop != "" {
		p.Lists["lxc.hook.post-stop"] = []string{c.AfterStop}
	}
	for _, key := range lists() {
		p.Lists[key] = slices.Concat([]string{first}, p.Lists[key], []string{last})
	}
	return p
}

// fstab escapes a field of fstab(5) in octal, as getmntent(3) undoes it.
func fstab(field string) string { return strings.NewReplacer(`\`, `\134`, " ", `\040`).Replace(field) }

// compare holds what liblxc understood against what was meant. Of what was not meant nothing may be there.
func compare(t *testing.T, want, got parsed) {
	t.Helper()
	for key, text := range got.Scalars {
		if key == "lxc.signal.halt" || strings.Contains(key, ".memory") || strings.Contains(key, ".cpu") || strings.Contains(key, ".pids") {
			continue // see TestLiblxcReadsLimits
		}
		if strings.TrimSpace(text) != strings.TrimSpace(want.Scalars[key]) { // the binding trims
			t.Errorf("%s: liblxc reads %q, meant is %q", key, text, want.Scalars[key])
		}
	}
	for key, list := range got.Lists {
		if slices.Equal(list, []string{""}) {
			list = nil
		}
		if key == "lxc.cap.drop" {
			slices.Sort(list)
		}
		if diff := cmp.Diff(want.Lists[key], list); diff != "" {
			t.Errorf("%s: -meant +what liblxc reads:\n%s", key, diff)
		}
	}
}

func TestLiblxcReadsLimits(t *testing.T) {
	limited := []string{"limits.memory=512M", "limits.cpu=1.5", "limits.pids=300"}
	for _, test := range []struct {
		summary string
		config  lxc.Config
		want    map[string]string
	}{
		{"v1", config(t, "system", limited...), map[string]string{
			"lxc.cgroup.memory.limit_in_bytes": "536870912", "lxc.cgroup.cpu.cfs_quota_us": "150000", "lxc.cgroup.pids.max": "300",
		}},
		{"v2", unified(config(t, "system", limited...)), map[string]string{
			"lxc.cgroup2.memory.max": "536870912", "lxc.cgroup2.cpu.max": "150000 100000", "lxc.cgroup2.pids.max": "300",
		}},
		{"none but pids", config(t, "system", "limits.pids=4194304"), map[string]string{"lxc.cgroup.pids.max": "4194304"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			text, err := test.config.Render()
			if err != nil {
				t.Fatal(err)
			}
			got, err := parse(t, text)
			if err != nil {
				t.Fatalf("liblxc refuses it: %v\n%s", err, text)
			}
			for key, value := range got.Scalars {
				if strings.Contains(key, ".memory") || strings.Contains(key, ".cpu") || strings.Contains(key, ".pids") {
					if value != test.want[key] {
						t.Errorf("%s: liblxc reads %q, meant is %q", key, value, test.want[key])
					}
				}
			}
			if halt := got.Scalars["lxc.signal.halt"]; halt != "37" { // SIGRTMIN+3 of glibc, signal(7)
				t.Errorf("liblxc's stop signal is %q", halt)
			}
		})
	}
}

// TestLiblxcReadsGoldens holds each golden configuration against liblxc's parser: it must take every key.
func TestLiblxcReadsGoldens(t *testing.T) {
	files, err := filepath.Glob("testdata/config/*.golden")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d golden files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parse(t, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// FuzzConfig: a configuration is either refused by Render, or liblxc's own parser reads back exactly what was meant, and nothing besides.
func FuzzConfig(f *testing.F) {
	f.Add("web7", "rootfs/web7", "KEY", "value", "srv/a b", "mnt/c d", "sysctr/c/web7", "/bin/sh -c 'x'", "net_raw", uint8(0))
	f.Add("w", "r", "A", " blank ", "a#b", `c\d`, "payload.w", `"quoted"`, "none", uint8(1))
	f.Add("w", "r", "A=B", `"`, "ü", "'", "a", "'a' 'b'", "", uint8(2))
	f.Add("w", "r", "A", "x\nlxc.idmap = u 0 0 65536", "a", "b", "c", "\u00a0", "chown fowner", uint8(4))
	f.Add("", "", "", "", "", "", "", "", "", uint8(8))
	f.Add("w", "a/../b", "A", "\xff", "..", "/", "../x", "x\\", "CHOWN", uint8(3))
	f.Add("w", strings.Repeat("a", 5000), "A", strings.Repeat("b ", 3000), strings.Repeat(" ", 1100), "b", "c", "d", "", uint8(0))
	f.Add("w", "a", "A", "b", "c", "d", "../../x", "e", "", uint8(0))
	f.Add("w", "a", "A", "b", "c", "d", ".", "e", "", uint8(0))
	f.Add("w ", "a", "A", "b", "c", "d", "x", "e", "", uint8(0))
	f.Add("w", "a", "A", "b", "c", "d", "x ", " e", "", uint8(0))
	f.Fuzz(func(t *testing.T, name, root, key, value, source, target, group, hook, drop string, bits uint8) {
		spec, err := profiles.Library{}.Resolve("command", nil)
		if err != nil {
			t.Fatal(err)
		}
		spec.Environment = map[string]string{key: value, "OTHER": value}
		spec.Mounts = []profiles.Mount{{Source: "/" + source, Target: "/" + target, ReadOnly: bits&1 != 0}}
		if drop != "" {
			spec.Drop = []string{drop}
		}
		c := lxc.Config{
			Name: name, Rootfs: "/" + root, Range: idrange.Range{Start: 0x70010000, Size: 65536}, Spec: spec, Seccomp: "/" + root + ".policy",
			UserNS: "/" + root + ".ns",
			Notify: "/" + source, Log: "/" + root + ".log", AfterStop: hook,
			Cgroups: lxc.Cgroups{
				Container: group, Monitor: group + ".m", Pivot: group + ".p", Relative: bits&2 != 0, Unified: bits&8 != 0,
				Controllers: map[string]bool{"memory": true, "cpu": true, "pids": bits&1 != 0, "devices": true},
			},
		}
		if bits&4 != 0 {
			c = privileged(c)
		}
		text, err := c.Render()
		if err != nil {
			return
		}
		got, err := parse(t, text)
		if err != nil {
			t.Fatalf("liblxc refuses what Render wrote: %v\n%s", err, text)
		}
		compare(t, meant(c), got)
	})
}
