package manager

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay"
)

// checkKernel looks for what a start cannot do without. The version is that of the first overlayfs over idmapped mounts; whether it works is
// for the trial to say.
func (c Checkup) checkKernel() Finding {
	f := Finding{Check: "kernel", Result: Fails}
	release, err := c.tree().read("proc/sys/kernel/osrelease")
	if err != nil {
		f.Detail, f.Remedy = err.Error(), "mount /proc"
		return f
	}
	f.Detail = "Linux " + strings.TrimSpace(string(release))
	if older(string(release), 5, 19) {
		f.Remedy = "boot Linux 5.19 or newer"
		return f
	}
	for _, kind := range []string{"user", "mnt", "pid", "ipc", "uts", "net", "cgroup"} {
		if !c.tree().exists("proc/self/ns/" + kind) {
			f.Detail, f.Remedy = f.Detail+" has no "+kind+" namespaces", "use a distribution's kernel"
			return f
		}
	}
	known, err := c.tree().read("proc/filesystems")
	if err != nil || !bytes.Contains(known, []byte("\toverlay\n")) {
		f.Result, f.Detail, f.Remedy = Warns, f.Detail+", overlayfs is not loaded", "run 'sysctr host init'"
		return f
	}
	f.Result, f.Detail = Good, f.Detail+", overlayfs, namespaces"
	return f
}

// older compares the two leading numbers of a kernel release; one that has none is taken for new, since a real one never has.
func older(release string, major, minor int) bool {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return false
	}
	have, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	haveMinor, err := strconv.Atoi(parts[1])
	return err == nil && (have < major || have == major && haveMinor < minor)
}

func (c Checkup) checkRoot() Finding {
	f := Finding{Check: "root filesystem", Result: Good}
	table, err := c.tree().read("proc/self/mountinfo")
	var base []overlay.Filesystem
	if err == nil {
		base, err = overlay.Filesystems(table, c.Dirs.State)
	}
	if err != nil {
		f.Result, f.Detail, f.Remedy = Fails, err.Error(), "use a host with its root on a disk filesystem"
		return f
	}
	f.Detail = base[0].Type
	return f
}

// checkPartitions tells which further filesystems of the host containers see, and which they do not although they lie where containers see the
// host.
func (c Checkup) checkPartitions() Finding {
	f := Finding{Check: "partitions", Result: Good, Detail: "containers see only the root filesystem"}
	table, err := c.tree().read("proc/self/mountinfo")
	if err != nil {
		return Finding{Check: f.Check, Result: Fails, Detail: err.Error(), Remedy: "mount /proc"}
	}
	base, err := overlay.Filesystems(table, c.Dirs.State)
	if err != nil {
		return Finding{Check: f.Check, Result: Good, Detail: "see the root filesystem"}
	}
	if len(base) > 1 {
		f.Detail = "containers also see " + points(base[1:])
	}
	if unseen, err := overlay.Unseen(table, c.Dirs.State); err == nil && len(unseen) > 0 {
		f.Detail += "; not " + points(unseen) + " (mounts in a profile bring in what is needed)"
	}
	return f
}

// points lists a few filesystems.
func points(list []overlay.Filesystem) string {
	const few = 6
	var names []string
	for _, fs := range list[:min(few, len(list))] {
		names = append(names, fs.Point+" ("+fs.Type+")")
	}
	if len(list) > few {
		names = append(names, fmt.Sprintf("and %d more", len(list)-few))
	}
	return strings.Join(names, ", ")
}

func (c Checkup) checkPrepared() Finding {
	const remedy = "run 'sysctr host init'"
	for _, dir := range []string{filepath.Join(c.Dirs.State, "containers"), c.Dirs.Run} {
		if !c.tree().exists(dir) {
			return Finding{Check: "preparation", Result: Fails, Detail: "there is no " + dir, Remedy: remedy}
		}
	}
	passwd, err := c.tree().read(filepath.Join(c.Etc, "passwd"))
	if err != nil {
		return Finding{Check: "preparation", Result: Fails, Detail: err.Error(), Remedy: remedy}
	}
	for line := range bytes.Lines(passwd) {
		fields := strings.Split(string(line), ":")
		if fields[0] == lxc.MounterUser && len(fields) > 3 {
			return Finding{Check: "preparation", Result: Good, Detail: fmt.Sprintf("%s is %s:%s", lxc.MounterUser, fields[2], fields[3])}
		}
	}
	return Finding{Check: "preparation", Result: Fails, Detail: "there is no user " + lxc.MounterUser, Remedy: remedy}
}

// checkPool looks whether anybody else has ids of the pool.
func (c Checkup) checkPool() Finding {
	f := Finding{Check: "id pool", Result: Good, Detail: c.Pool.Whole().String() + " is reserved"}
	for _, file := range []string{"subuid", "subgid"} {
		path := filepath.Join(c.Etc, file)
		content, err := c.tree().read(path)
		if err != nil && c.tree().exists(path) {
			return Finding{Check: f.Check, Result: Fails, Detail: err.Error(), Remedy: "look at what is wrong with the file"}
		}
		_, missing, err := idrange.Reserve(content, c.Pool)
		if err != nil {
			return Finding{Check: f.Check, Result: Fails, Detail: fmt.Sprintf("%s: %v", path, err), Remedy: "free the range: it is where containers' ids lie"}
		}
		if missing {
			f.Result, f.Detail, f.Remedy = Warns, path+" does not reserve "+c.Pool.Whole().String()+" for root", "run 'sysctr host init'"
		}
	}
	return f
}

// checkUidmap explains a trap: liblxc run by others uses newuidmap if it is there. Starters of sysctr have it in no PATH.
func (c Checkup) checkUidmap() Finding {
	if c.tree().exists("usr/bin/newuidmap") {
		return Finding{Check: "uidmap", Result: Good, Detail: "newuidmap is installed; starters do without it"}
	}
	return Finding{Check: "uidmap", Result: Good, Detail: "newuidmap is not installed, and not needed"}
}
