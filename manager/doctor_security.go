package manager

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/alive"
)

func (c Checkup) layout() (alive.Layout, error) {
	mounts, err := c.tree().read("proc/self/mountinfo")
	if err != nil {
		return alive.Layout{}, err
	}
	groups, err := c.tree().read("proc/1/cgroup")
	if err != nil {
		return alive.Layout{}, err
	}
	return alive.ParseLayout(mounts, groups)
}

// checkLXC knows what liblxc dropped: version 7 has no cgroup v1 any more, and fails there in ways that do not say so.
func (c Checkup) checkLXC() Finding {
	layout, err := c.layout()
	if err != nil {
		return Finding{Check: "liblxc", Result: Fails, Detail: err.Error(), Remedy: "mount the control groups below /sys/fs/cgroup"}
	}
	major, err := strconv.Atoi(strings.SplitN(c.LXC, ".", 2)[0])
	kind := "cgroup v1"
	if layout.Unified() {
		kind = "cgroup v2"
	}
	f := Finding{Check: "liblxc", Result: Good, Detail: c.LXC + " on " + kind}
	switch {
	case err != nil || major < 5:
		f.Result, f.Remedy = Warns, "use liblxc 5 or newer; older ones were never tried"
	case major >= 7 && !layout.Unified():
		f.Result, f.Detail = Fails, c.LXC+" cannot work on "+kind
		f.Remedy = "boot with systemd.unified_cgroup_hierarchy=1, or use liblxc 5 or 6"
	}
	return f
}

// checkLimits looks for the controllers of limits; without one, containers start and that limit does not hold.
func (c Checkup) checkLimits() Finding {
	layout, err := c.layout()
	if err != nil {
		return Finding{Check: "limits", Result: Fails, Detail: err.Error(), Remedy: "mount the control groups below /sys/fs/cgroup"}
	}
	var missing []string
	for _, controller := range []string{"memory", "cpu", "pids"} {
		if !c.controls(layout, controller) {
			missing = append(missing, controller)
		}
	}
	if len(missing) == 0 {
		return Finding{Check: "limits", Result: Good, Detail: "memory, cpu, pids"}
	}
	return Finding{
		Check: "limits", Result: Warns, Detail: "no control group controller: " + strings.Join(missing, ", ") + "; these limits do not hold",
		Remedy: "see cgroup_disable and cgroup_enable in the kernel's command line",
	}
}

// controls tells whether a hierarchy has the controller. Version 1 names its controllers in the layout, version 2 in a file.
func (c Checkup) controls(layout alive.Layout, controller string) bool {
	for key, mount := range layout.Mounts() {
		names := strings.Split(key, ",")
		if key == "" {
			text, err := c.tree().read(filepath.Join(mount, "cgroup.controllers"))
			if err != nil {
				continue
			}
			names = strings.Fields(string(text))
		}
		for _, name := range names {
			if name == controller {
				return true
			}
		}
	}
	return false
}

// checkSwap: where swap is not accounted, a container that may not have more memory takes the host's swap instead.
func (c Checkup) checkSwap() Finding {
	f := Finding{Check: "swap", Result: Good}
	swaps, err := c.tree().read("proc/swaps")
	if err != nil || strings.Count(string(swaps), "\n") < 2 {
		f.Detail = "the host has none"
		return f
	}
	for _, pattern := range []string{"sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", "sys/fs/cgroup/*/memory.swap.max"} {
		if found, err := filepath.Glob(c.below(pattern)); err == nil && len(found) > 0 {
			f.Detail = "the kernel counts it per container"
			return f
		}
	}
	f.Result, f.Detail, f.Remedy = Warns, "the kernel does not count it: a memory limit does not bound it", "boot with swapaccount=1"
	return f
}

func (c Checkup) checkSELinux() Finding {
	if text, err := c.tree().read("sys/fs/selinux/enforce"); err == nil && strings.TrimSpace(string(text)) == "1" {
		return Finding{Check: "SELinux", Result: Fails, Detail: "enforcing is not supported yet", Remedy: "set it to permissive: setenforce 0, and in /etc/selinux/config"}
	}
	return Finding{Check: "SELinux", Result: Good, Detail: "not enforcing"}
}

// checkAppArmor: where the kernel confines, liblxc needs the parser to load the profile of each container, and fails without it.
func (c Checkup) checkAppArmor() Finding {
	f := Finding{Check: "AppArmor", Result: Good, Detail: "the kernel does not confine with it"}
	enabled, err := c.tree().read("sys/module/apparmor/parameters/enabled")
	if err != nil || !strings.HasPrefix(string(enabled), "Y") {
		return f
	}
	if !c.tree().exists("usr/sbin/apparmor_parser") && !c.tree().exists("sbin/apparmor_parser") {
		f.Result, f.Detail, f.Remedy = Fails, "the kernel confines with it, and its parser is not installed", "apt-get install apparmor"
		return f
	}
	f.Detail = "each container has a profile of its own"
	return f
}
