package lxc_test

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/profiles"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// config is a configuration as a start makes it, of a profile of the built-in ones.
func config(t testing.TB, profile string, set ...string) lxc.Config {
	t.Helper()
	spec, err := profiles.Library{}.Resolve(profile, set)
	if err != nil {
		t.Fatal(err)
	}
	return lxc.Config{
		Name: "web7", Rootfs: "/run/sysctr/rootfs/web7", Range: idrange.Range{Start: 0x70010000, Size: 65536}, Spec: spec,
		UserNS: "/proc/4711/fd/9", Seccomp: "/run/sysctr/lxc/seccomp.policy", Notify: "/run/sysctr/containers/web7/notify", Log: "/run/sysctr/lxc/web7/log",
		Console: "/var/lib/sysctr/containers/web7/console.log",
		Cgroups: lxc.Cgroups{
			Container: "sysctr/c/web7", Monitor: "sysctr/mon/web7", Pivot: "sysctr/pivot",
			Controllers: map[string]bool{"memory": true, "cpu": true, "pids": true, "devices": true},
		},
	}
}

// networked has an interface of each kind.
func networked(c lxc.Config) lxc.Config {
	c.Network = lxc.Network{Files: "/run/sysctr/network", Hosts: true, Resolv: true, Links: []lxc.Link{
		{
			Name: "eth0", Type: profiles.Managed, Parent: "sysctr0", Port: "sctr2", MAC: "02:00:00:00:00:02",
			Addresses: []netip.Prefix{netip.MustParsePrefix("10.91.8.2/21"), netip.MustParsePrefix("fd5c:1a2b:3c4d::2/64")},
			Gateways:  []netip.Addr{netip.MustParseAddr("10.91.8.1"), netip.MustParseAddr("fd5c:1a2b:3c4d::1")},
		},
		{Name: "lan", Type: profiles.Bridge, Parent: "br0", MTU: 1400},
		{Name: "mac0", Type: profiles.Macvlan, Parent: "eth9"},
	}}
	return c
}

func privileged(c lxc.Config) lxc.Config {
	c.Spec.Isolation, c.Range, c.UserNS = profiles.Privileged, idrange.Range{}, ""
	return c
}

func unified(c lxc.Config) lxc.Config {
	c.Cgroups.Unified = true
	return c
}

func TestRender(t *testing.T) {
	limits := []string{"limits.memory=512M", "limits.cpu=1.5", "limits.pids=300"}
	odd := config(t, "command")
	odd.Spec.Mounts = []profiles.Mount{
		{Source: "/srv/a b", Target: "/mnt/c d", ReadOnly: true, Create: profiles.CreateDir},
		{Source: `/srv/back\slash`, Target: "/mnt/#hash", Create: profiles.CreateFile},
		{Source: "/srv/naïve,comma:colon", Target: `/mnt/"quoted"`},
	}
	odd.Spec.Environment = map[string]string{"TRAILING": "blank ", "QUOTED": `"both"`, "EMPTY": "", "HASH": "# = #", "LEADING": "  two"}
	unit := config(t, "system", limits...)
	unit.Cgroups.Container, unit.Cgroups.Monitor, unit.Cgroups.Pivot = "payload.web7", "supervisor.web7", "pivot.web7"
	unit.Cgroups.Relative = true
	swap := unified(config(t, "system", limits...))
	swap.Cgroups.Swap = true
	legacySwap := config(t, "system", limits...)
	legacySwap.Cgroups.Swap = true
	poor := config(t, "system", limits...)
	poor.Cgroups.Controllers = map[string]bool{"pids": true}
	armored := config(t, "system")
	armored.AppArmor = true
	again := config(t, "system")
	again.AfterStop = `/bin/sh -c '[ "$LXC_TARGET" != reboot ] || exec '\''/usr/local/bin/sysctr'\'' _again "$0"'`
	for _, test := range []struct {
		name   string
		config lxc.Config
	}{
		{"system", config(t, "system")},
		{"command", config(t, "command")},
		{"shared", config(t, "system", "isolation=shared")},
		{"privileged-v1", privileged(config(t, "system"))},
		{"privileged-v2", privileged(unified(config(t, "system")))},
		{"limits-v1", config(t, "system", limits...)},
		{"limits-v2", unified(config(t, "system", limits...))},
		{"limits-v2-swap", swap},
		{"limits-v1-swap", legacySwap},
		{"limits-few-controllers", poor},
		{"limits-v2-few-controllers", unified(poor)},
		{"unit", unit},
		{"apparmor", armored},
		{"hook", again},
		{"odd", odd},
		{"dropped", config(t, "command", "drop=net_raw,sys_ptrace")},
		{"network", networked(config(t, "command"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			text, err := test.config.Render()
			if err != nil {
				t.Fatalf("Render: %v", err)
			}
			if err := lxc.CheckTrailer(text); err != nil {
				t.Errorf("a whole configuration is refused: %v", err)
			}
			file := filepath.Join("testdata", "config", test.name+".golden")
			if *update {
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v (run the test with -update)", err)
			}
			if diff := cmp.Diff(string(want), string(text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCheckTrailer(t *testing.T) {
	text, err := config(t, "system").Render()
	if err != nil {
		t.Fatal(err)
	}
	for cut := range text {
		if err := lxc.CheckTrailer(text[:cut]); err == nil {
			t.Fatalf("a configuration cut to %d of %d bytes is taken", cut, len(text))
		}
	}
}

// stringsIn returns every string that is reachable in v, so that a field which is added later is tested too.
func stringsIn(v reflect.Value) []reflect.Value {
	switch v.Kind() {
	case reflect.String:
		return []reflect.Value{v}
	case reflect.Struct:
		var found []reflect.Value
		for i := range v.NumField() {
			found = append(found, stringsIn(v.Field(i))...)
		}
		return found
	case reflect.Slice:
		var found []reflect.Value
		for i := range v.Len() {
			found = append(found, stringsIn(v.Index(i))...)
		}
		return found
	default:
		return nil
	}
}

// TestRenderRefuses puts what must not reach liblxc into every string of a configuration in turn: each either makes Render refuse or does not
// appear in the text at all.
func TestRenderRefuses(t *testing.T) {
	full := func() *lxc.Config {
		c := config(t, "system", "drop=net_raw", "tags=a,b", "units=ssh.service")
		c.Spec.Mounts = []profiles.Mount{{Source: "/srv/a", Target: "/mnt/a"}}
		c.AfterStop = "/bin/true"
		c = networked(c)
		return &c
	}
	count := len(stringsIn(reflect.ValueOf(full()).Elem()))
	if count < 15 {
		t.Fatalf("only %d strings are found in a configuration", count)
	}
	refused := 0
	for i := range count {
		for _, bad := range []string{"\n", "\r", "\x00", "\x1b", "\x7f", "\u0085", "\u009b", "\u2028", "\u2029", "\xff"} {
			c := full()
			field := stringsIn(reflect.ValueOf(c).Elem())[i]
			before := field.String()
			field.SetString(before + bad + "lxc.idmap = u 0 0 65536")
			text, err := c.Render()
			if err == nil && strings.Contains(string(text), "lxc.idmap = u 0 0 65536") {
				t.Fatalf("%q after %q reaches liblxc:\n%s", bad, before, text)
			}
			if err != nil {
				refused++
			}
		}
	}
	if refused < 100 {
		t.Errorf("only %d strings were refused: the test puts them where nobody reads", refused)
	}
}

func TestRenderRefusesWhatIsReadOtherwise(t *testing.T) {
	for _, test := range []struct {
		summary string
		spoil   func(*lxc.Config)
		want    string
	}{
		{"newline in a value", func(c *lxc.Config) { c.Spec.Environment = map[string]string{"A": "b\nlxc.hook.pre-start = /bin/sh"} }, "control character"},
		{"newline in a variable's name", func(c *lxc.Config) { c.Spec.Environment = map[string]string{"A\n": "b"} }, "control character"},
		{"equals sign in a variable's name", func(c *lxc.Config) { c.Spec.Environment = map[string]string{"A=B": "c"} }, "name of a variable"},
		{"a variable without a name", func(c *lxc.Config) { c.Spec.Environment = map[string]string{"": "c"} }, "name of a variable"},
		{"a capability that ends the list", func(c *lxc.Config) { c.Spec.Drop = []string{"none"} }, "no capability"},
		{"two capabilities in one", func(c *lxc.Config) { c.Spec.Drop = []string{"net_raw chown"} }, "no capability"},
		{"a relative source", func(c *lxc.Config) { c.Spec.Mounts = []profiles.Mount{{Source: "srv", Target: "/mnt"}} }, "absolute"},
		{"a target above the root", func(c *lxc.Config) { c.Spec.Mounts = []profiles.Mount{{Source: "/srv", Target: "/mnt/../.."}} }, "absolute"},
		{"the root as a target", func(c *lxc.Config) { c.Spec.Mounts = []profiles.Mount{{Source: "/srv", Target: "/"}} }, "root itself"},
		{"a source of two lines' length", func(c *lxc.Config) {
			c.Spec.Mounts = []profiles.Mount{{Source: "/srv/" + strings.Repeat(" ", 1100), Target: "/mnt"}}
		}, "longer than"},
		{"a relative root", func(c *lxc.Config) { c.Rootfs = "rootfs" }, "absolute"},
		{"no root", func(c *lxc.Config) { c.Rootfs = "" }, "absolute"},
		{"no stop signal", func(c *lxc.Config) { c.Spec.Stop.Signal = "" }, "empty"},
		{"no name", func(c *lxc.Config) { c.Name = "" }, "name"},
		{"a control group above ours", func(c *lxc.Config) { c.Cgroups.Container = "../c" }, "below the control groups"},
		{"no control group of its own", func(c *lxc.Config) { c.Cgroups.Monitor = "." }, "below the control groups"},
		{"an interface of no kind", func(c *lxc.Config) { c.Network.Links = []lxc.Link{{Name: "eth0", Parent: "br0"}} }, "no kind of interface"},
		{"an interface without a parent", func(c *lxc.Config) { c.Network.Links = []lxc.Link{{Name: "eth0", Type: profiles.Bridge}} }, "empty"},
		{"an interface without a name", func(c *lxc.Config) { c.Network.Links = []lxc.Link{{Type: profiles.Bridge, Parent: "br0"}} }, "empty"},
		{"no id range", func(c *lxc.Config) { c.Range = idrange.Range{} }, "needs an id range"},
		{"no id range, shared", func(c *lxc.Config) { c.Range, c.Spec.Isolation = idrange.Range{}, profiles.Shared }, "needs an id range"},
		{"no isolation", func(c *lxc.Config) { c.Range, c.Spec.Isolation = idrange.Range{}, "" }, "needs an id range"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			c := config(t, "command")
			test.spoil(&c)
			text, err := c.Render()
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "LXC configuration") {
				t.Errorf("Render: %v, want an error with %q; it wrote\n%s", err, test.want, text)
			}
			if text != nil {
				t.Errorf("Render refuses and writes %q", text)
			}
		})
	}
}
