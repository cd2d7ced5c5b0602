package lxc

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// trailer is the last line of every configuration. liblxc reads a truncated file without complaint, and a lost lxc.idmap would be a
// privileged container: a configuration without it is not used.
const trailer = "# sysctr: complete\n"

// Config is what one start of one container needs to be told to liblxc, see lxc.container.conf(5). Strings are checked by Render.
type Config struct {
	Name      string
	Rootfs    string        // where the container's root is mounted in the starter's namespace
	UserNS    string        // file of a user namespace with the range's ids, see UserNS; empty: liblxc makes one
	Range     idrange.Range // zero for isolation: privileged
	Spec      profiles.Spec
	Seccomp   string // file of the system call policy
	Notify    string // directory bound to /dev/.sysctr, with the notify socket of a system container
	Log       string // liblxc's own log
	Console   string // what is written to the container's console, see Dirs.Console; empty for nowhere
	Cgroups   Cgroups
	Network   Network
	AppArmor  bool   // the host has AppArmor: confine, with nesting, which systemd's own sandboxing inside needs
	AfterStop string // shell command that liblxc's monitor runs when the container has ended; empty for none
}

// Cgroups says where the container's control groups are and which limits the host can hold, see cgroups(7).
type Cgroups struct {
	Container, Monitor, Pivot string
	Relative                  bool            // to the starter's own group (a unit's) instead of the hierarchy's root
	Unified                   bool            // pure cgroup v2
	Controllers               map[string]bool // those that the host has
	Swap                      bool            // swap is accounted, so a memory limit can mean all of it
}

// dropped are the capabilities that no container has, in a user namespace or not (capabilities(7)). systemd boots without them.
func dropped() []string {
	return []string{
		"mac_admin", "mac_override", "sys_time", "sys_module", "sys_rawio", "syslog", "audit_control", "audit_read", "wake_alarm",
		"block_suspend", "bpf", "perfmon", "dac_read_search", "sys_pacct", "linux_immutable",
	}
}

// Dropped returns all capabilities that a container of this spec does not have, sorted. A privileged one loses a few more.
func Dropped(s profiles.Spec) []string {
	set := map[string]bool{}
	for _, c := range append(dropped(), s.Drop...) {
		set[c] = true
	}
	if s.Isolation == profiles.Privileged {
		for _, c := range []string{"mknod", "sys_resource", "sys_nice", "ipc_lock"} {
			set[c] = true
		}
	}
	all := make([]string, 0, len(set))
	for c := range set {
		all = append(all, c)
	}
	sort.Strings(all)
	return all
}

// Render returns the text of the configuration. Whatever was validated before, it refuses a string that could begin a line of its own (this
// is where a newline would turn into a key of the operator's host) and one that liblxc would not read back as it is meant.
func (c Config) Render() ([]byte, error) {
	w := &writer{}
	if err := name.Check(c.Name); err != nil {
		w.errs = append(w.errs, err)
	}
	w.set("lxc.uts.name", c.Name)
	w.set("lxc.rootfs.path", "dir:"+w.path("lxc.rootfs.path", c.Rootfs))
	c.Network.render(w)
	c.ids(w)
	if c.UserNS != "" {
		w.set("lxc.namespace.share.user", w.path("lxc.namespace.share.user", c.UserNS))
	}
	c.console(w)
	w.set("lxc.tty.max", "0")
	w.set("lxc.pty.max", "1024")
	w.set("lxc.autodev", "1")
	c.capabilities(w)
	w.set("lxc.mount.auto", "cgroup:mixed proc:mixed sys:mixed")
	w.set("lxc.seccomp.profile", w.path("lxc.seccomp.profile", c.Seccomp))
	w.set("lxc.keyring.session", "1")
	if c.AppArmor {
		w.set("lxc.apparmor.profile", "generated")
		w.set("lxc.apparmor.allow_nesting", "1")
	}
	w.set("lxc.signal.halt", c.Spec.Stop.Signal)
	w.set("lxc.log.file", w.path("lxc.log.file", c.Log))
	w.set("lxc.log.level", "ERROR")
	c.mounts(w)
	c.environment(w)
	c.cgroups(w)
	if c.AfterStop != "" {
		w.set("lxc.hook.post-stop", c.AfterStop)
	}
	if len(w.errs) > 0 {
		return nil, fmt.Errorf("write the LXC configuration of %s: %w", c.Name, errors.Join(w.errs...))
	}
	return append(w.text, trailer...), nil
}

func (c Config) ids(w *writer) {
	if c.Spec.Isolation == profiles.Privileged {
		return
	}
	if c.Range.Size == 0 {
		w.errs = append(w.errs, errors.New("a container that is not privileged needs an id range"))
		return
	}
	for _, kind := range []string{"u", "g"} {
		w.set("lxc.idmap", fmt.Sprintf("%s 0 %d %d", kind, c.Range.Start, c.Range.Size))
	}
}

// console keeps what is written to the console in two files of half the size each: full, the file becomes FILE.1 in place of the last one.
func (c Config) console(w *writer) {
	if c.Console == "" {
		return
	}
	w.set("lxc.console.logfile", w.path("lxc.console.logfile", c.Console))
	w.set("lxc.console.size", strconv.Itoa(ConsoleSize/2))
	w.set("lxc.console.rotate", "1")
}

// capabilities refuses names that liblxc would not drop: it takes "none" for the end of the list, for one.
func (c Config) capabilities(w *writer) {
	drop := Dropped(c.Spec)
	for _, c := range drop {
		if !slices.Contains(profiles.Capabilities(), c) {
			w.refuse("lxc.cap.drop", c, "is no capability")
			return
		}
	}
	w.set("lxc.cap.drop", strings.Join(drop, " "))
}

func (c Config) mounts(w *writer) {
	w.mount(c.Notify, "/dev/.sysctr", "bind,ro,nosuid,nodev,noexec,create=dir")
	if len(c.Spec.Init) > 0 { // else systemd runs mount(8) for it, which takes longer than all of liblxc's mounts
		w.set("lxc.mount.entry", "mqueue dev/mqueue mqueue rw,nosuid,nodev,noexec,create=dir,optional 0 0")
	}
	for _, m := range c.Spec.Mounts {
		options := "bind,nosuid,nodev"
		if m.ReadOnly {
			options += ",ro"
		}
		if m.Create != "" {
			options += ",create=" + string(m.Create)
		}
		w.mount(m.Source, m.Target, options)
	}
}

func (c Config) environment(w *writer) {
	keys := make([]string, 0, len(c.Spec.Environment))
	for k := range c.Spec.Environment {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if k == "" || strings.Contains(k, "=") {
			w.refuse("lxc.environment", k, "is not the name of a variable")
			continue
		}
		w.set("lxc.environment", k+"="+c.Spec.Environment[k])
	}
	if len(c.Spec.Init) > 0 {
		w.set("lxc.environment", "NOTIFY_SOCKET=/dev/.sysctr/notify")
	}
}

func (c Config) cgroups(w *writer) {
	if c.Cgroups.Relative {
		w.set("lxc.cgroup.relative", "1")
	}
	w.group("lxc.cgroup.dir.container", c.Cgroups.Container)
	w.group("lxc.cgroup.dir.monitor", c.Cgroups.Monitor)
	w.group("lxc.cgroup.dir.monitor.pivot", c.Cgroups.Pivot)
	if c.Spec.Isolation == profiles.Privileged {
		// Root of the host may write the limits of its own group; one level lower they are out of its sight.
		w.set("lxc.cgroup.dir.container.inner", "ns")
		c.devices(w)
	}
	for _, l := range c.Cgroups.limits(c.Spec.Limits) {
		w.set(l.key, l.value)
	}
}

// devices is the device list of a privileged container; in a user namespace the kernel refuses device nodes by itself.
func (c Config) devices(w *writer) {
	prefix := "lxc.cgroup2.devices."
	if !c.Cgroups.Unified {
		prefix = "lxc.cgroup.devices."
		if !c.Cgroups.Controllers["devices"] {
			return
		}
	}
	w.set(prefix+"deny", "a")
	for _, d := range []string{"1:3", "1:5", "1:7", "1:8", "1:9", "5:0", "5:1", "5:2", "136:*"} { // null zero full random urandom tty console ptmx pts
		w.set(prefix+"allow", "c "+d+" rwm")
	}
}

type limit struct{ key, value string }

// limits renders the limits for the layout, as far as the host can hold them (doctor says which it cannot): a key without its controller
// makes a start fail, and liblxc from 7 on refuses v1 keys.
func (g Cgroups) limits(l profiles.Limits) []limit {
	const period = 100000 // microseconds, the kernel's default
	var out []limit
	add := func(controller, v1, v2, value string) {
		switch {
		case !g.Controllers[controller]:
		case g.Unified:
			out = append(out, limit{"lxc.cgroup2." + v2, value})
		default:
			out = append(out, limit{"lxc.cgroup." + v1, value})
		}
	}
	if l.Memory > 0 {
		add("memory", "memory.limit_in_bytes", "memory.max", fmt.Sprint(l.Memory))
		switch {
		case g.Swap && g.Unified:
			add("memory", "", "memory.swap.max", "0")
		case g.Swap:
			add("memory", "memory.memsw.limit_in_bytes", "", fmt.Sprint(l.Memory)) // of memory and swap together
		}
	}
	if l.CPU > 0 {
		quota := l.CPU * period / 1000
		if g.Unified {
			add("cpu", "", "cpu.max", fmt.Sprintf("%d %d", quota, period))
		} else {
			add("cpu", "cpu.cfs_period_us", "", fmt.Sprint(period))
			add("cpu", "cpu.cfs_quota_us", "", fmt.Sprint(quota))
		}
	}
	if l.Pids > 0 {
		add("pids", "pids.max", "pids.max", fmt.Sprint(l.Pids))
	}
	return out
}
