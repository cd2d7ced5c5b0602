package manager

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay"
)

// Verdict of a check of the host.
type Verdict string

// What a check can find.
const (
	Good  Verdict = "good"
	Warns Verdict = "warning"
	Fails Verdict = "fails"
)

// Finding is what a check found, and what to do about it.
type Finding struct {
	Check  string
	Result Verdict
	Detail string
	Remedy string
}

// Diagnose tries what containers need of the host. It changes nothing that outlives it.
func Diagnose(d lxc.Dirs, pool idrange.Pool, etc, binary string) []Finding {
	checks := []func() Finding{
		checkRoot, func() Finding { return checkPrepared(d) }, func() Finding { return checkPool(pool, etc) }, checkLXC, checkLimits, checkInotify,
		func() Finding { return checkSELinux("/sys/fs/selinux/enforce") }, func() Finding { return checkTrial(d, binary) },
	}
	found := make([]Finding, len(checks))
	for i, check := range checks {
		found[i] = check()
	}
	return found
}

func checkRoot() Finding {
	f := Finding{Check: "root filesystem", Result: Good}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err == nil {
		var filesystems []overlay.Filesystem
		if filesystems, err = overlay.Filesystems(table); err == nil {
			names := make([]string, len(filesystems))
			for i, fs := range filesystems {
				names[i] = fs.Point + " (" + fs.Type + ")"
			}
			f.Detail = strings.Join(names, ", ")
			return f
		}
	}
	f.Result, f.Detail, f.Remedy = Fails, err.Error(), "use a host with its root on a disk filesystem"
	return f
}

func checkPrepared(d lxc.Dirs) Finding {
	if _, err := os.Stat(filepath.Join(d.State, "containers")); err != nil {
		return Finding{"preparation", Fails, err.Error(), "run 'sysctr host init'"}
	}
	mounter, err := lxc.Mounter()
	if err != nil {
		return Finding{"preparation", Fails, err.Error(), "run 'sysctr host init'"}
	}
	return Finding{"preparation", Good, fmt.Sprintf("%s is %d:%d", lxc.MounterUser, mounter.UID, mounter.GID), ""}
}

func checkPool(pool idrange.Pool, etc string) Finding {
	for _, file := range []string{"subuid", "subgid"} {
		content, err := os.ReadFile(filepath.Join(etc, file))
		if err != nil && !os.IsNotExist(err) {
			return Finding{"id range", Fails, err.Error(), ""}
		}
		_, missing, err := idrange.Reserve(content, pool)
		if err != nil {
			return Finding{"id range", Fails, fmt.Sprintf("/etc/%s: %v", file, err), "free the range: it is where containers' ids lie"}
		}
		if missing {
			return Finding{"id range", Warns, "/etc/" + file + " does not reserve it for root", "run 'sysctr host init'"}
		}
	}
	return Finding{"id range", Good, pool.Whole().String(), ""}
}

// checkLXC knows what liblxc dropped: version 7 has no cgroup v1 any more, and fails there in ways that do not say so.
func checkLXC() Finding {
	version := lxc.Version()
	layout, err := alive.ReadLayout()
	if err != nil {
		return Finding{"liblxc", Fails, err.Error(), ""}
	}
	major, _ := strconv.Atoi(strings.SplitN(version, ".", 2)[0])
	kind := "cgroup v1"
	if layout.Unified() {
		kind = "cgroup v2"
	}
	if major >= 7 && !layout.Unified() {
		return Finding{"liblxc", Fails, version + " cannot work on " + kind, "boot with systemd.unified_cgroup_hierarchy=1, or use liblxc 5 or 6"}
	}
	return Finding{"liblxc", Good, version + " on " + kind, ""}
}

// checkLimits looks for the controllers of limits; without one, containers start and that limit does not hold.
func checkLimits() Finding {
	layout, err := alive.ReadLayout()
	if err != nil {
		return Finding{"limits", Fails, err.Error(), ""}
	}
	var missing []string
	for _, controller := range []string{"memory", "cpu", "pids"} {
		if !layout.Has(controller) {
			missing = append(missing, controller)
		}
	}
	if len(missing) > 0 {
		return Finding{
			"limits", Warns, "no control group controller: " + strings.Join(missing, ", ") + "; these limits do not hold",
			"see cgroup_disable and cgroup_enable in the kernel's command line",
		}
	}
	return Finding{"limits", Good, "memory, cpu, pids", ""}
}

func checkInotify() Finding {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	if err != nil {
		return Finding{"inotify", Fails, err.Error(), ""}
	}
	have, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if have < inotifyInstances {
		return Finding{"inotify", Warns, fmt.Sprintf("%d instances are enough for %d containers", have, have/6), "run 'sysctr host init'"}
	}
	return Finding{"inotify", Good, fmt.Sprintf("%d instances", have), ""}
}

func checkSELinux(enforce string) Finding {
	if text, err := os.ReadFile(enforce); err == nil && strings.TrimSpace(string(text)) == "1" {
		return Finding{"SELinux", Fails, "enforcing is not supported yet", "set it to permissive"}
	}
	return Finding{"SELinux", Good, "not enforcing", ""}
}

// checkTrial mounts a container's layers as a start would, in a child, and proves with a canary that what is sealed stays sealed.
func checkTrial(d lxc.Dirs, binary string) Finding {
	answer, err := lxc.Trial(binary, d)
	if err != nil {
		return Finding{"layers", Fails, err.Error(), "see the kernel's log"}
	}
	return Finding{"layers", Good, answer, ""}
}
