package manager

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/systemd"
)

// unitDirs are where systemd looks for unit files, in its order; see systemd.unit(5).
func unitDirs() []string {
	return []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// checkUnits compares the unit files that systemd reads with those of this program.
func (c Checkup) checkUnits() Finding {
	f := Finding{Check: "units", Result: Good, Detail: "systemd is not PID 1: starters run containers"}
	if !systemd.Booted(c.Root) {
		return f
	}
	files, err := systemd.Units(c.Binary)
	if err != nil {
		return Finding{Check: f.Check, Result: Fails, Detail: err.Error(), Remedy: "install sysctr: make install"}
	}
	var other []string
	for _, file := range files {
		path, text := c.unitFile(file.Name)
		if path == "" {
			return Finding{Check: f.Check, Result: Fails, Detail: file.Name + " is not installed", Remedy: "install the units: make install"}
		}
		if !bytes.Equal(text, file.Data) {
			other = append(other, path)
		}
	}
	switch {
	case len(other) > 0:
		f.Result, f.Detail = Warns, "not those of this sysctr, "+c.Binary+": "+strings.Join(other, ", ")
		f.Remedy = "install those of this version: make install; or use the sysctr that they name"
	case !c.tree().exists("etc/systemd/system/multi-user.target.wants/" + systemd.Target):
		f.Result, f.Detail, f.Remedy = Warns, systemd.Target+" is not enabled: no container starts with the host", "run 'sysctr host init'"
	default:
		f.Detail = "installed, of this version, " + systemd.Target + " is enabled"
	}
	return f
}

// unitFile returns the file that systemd takes a unit from, its path empty if there is none.
func (c Checkup) unitFile(name string) (string, []byte) {
	for _, dir := range unitDirs() {
		path := filepath.Join("/", dir, name)
		if text, err := c.tree().read(path); err == nil {
			return path, text
		}
	}
	return "", nil
}

// enoughFiles is what busy servers and databases ask for. systemd itself would give each service a hard limit of 524288.
const enoughFiles = 65536

// checkFiles looks at the hard limit of open files, which containers inherit from whoever starts them.
func (c Checkup) checkFiles() Finding {
	f := Finding{Check: "nofile", Result: Good, Detail: "units have systemd's own limit"}
	if systemd.Booted(c.Root) {
		return f
	}
	text, err := c.tree().read("proc/self/limits")
	if err != nil {
		return Finding{Check: f.Check, Result: Warns, Detail: err.Error(), Remedy: "mount /proc"}
	}
	hard := hardFiles(string(text))
	f.Detail = fmt.Sprintf("containers inherit %d open files per process from this shell", hard)
	if hard < enoughFiles {
		f.Result, f.Remedy = Warns, "raise it before starting containers: ulimit -Hn 524288"
	}
	return f
}

// hardFiles reads the text of /proc/PID/limits, 0 if it does not say.
func hardFiles(limits string) int64 {
	for line := range strings.Lines(limits) {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			if fields := strings.Fields(rest); len(fields) > 1 {
				if fields[1] == "unlimited" {
					return 1 << 30
				}
				n, _ := strconv.ParseInt(fields[1], 10, 64) // 0, as said
				return n
			}
		}
	}
	return 0
}

// containerMounts is more than a container has in a mount namespace beyond those of the host it began with; 33 and 45 were seen.
const containerMounts = 1024

// checkMounts looks at how many mounts one mount namespace may have. Containers' mounts are not in the host's, so their number does not count.
func (c Checkup) checkMounts() Finding {
	f := Finding{Check: "mounts", Result: Good}
	limit, err := c.tree().sysctl("fs.mount-max")
	if err != nil {
		return Finding{Check: f.Check, Result: Warns, Detail: err.Error(), Remedy: "mount /proc"}
	}
	table, err := c.tree().read("proc/self/mountinfo")
	if err != nil {
		return Finding{Check: f.Check, Result: Warns, Detail: err.Error(), Remedy: "mount /proc"}
	}
	have := int64(bytes.Count(table, []byte("\n")))
	f.Detail = fmt.Sprintf("fs.mount-max is %d for each namespace, the host has %d", limit, have)
	if limit < have+containerMounts {
		f.Result, f.Remedy = Fails, fmt.Sprintf("raise it with sysctl(8): fs.mount-max = %d", max(100000, have+containerMounts))
	}
	return f
}

// enoughKeys is what root of the host should have left for its own services and sessions.
const enoughKeys = 64

// checkKeys looks at the keys of the host's root. Containers have none: their seccomp policy answers keyctl(2) with "not implemented".
func (c Checkup) checkKeys() Finding {
	f := Finding{Check: "keys", Result: Good, Detail: "containers have none"}
	limit, err := c.tree().sysctl("kernel.keys.root_maxkeys")
	if err != nil {
		f.Detail = "the kernel has none"
		return f
	}
	users, err := c.tree().read("proc/key-users")
	if err != nil {
		return f
	}
	used := rootKeys(string(users))
	f.Detail = fmt.Sprintf("containers have none; root has %d, and kernel.keys.root_maxkeys is %d", used, limit)
	if limit-used < enoughKeys {
		f.Result, f.Remedy = Warns, fmt.Sprintf("raise it with sysctl(8): kernel.keys.root_maxkeys = %d", max(1000000, 2*limit))
	}
	return f
}

// rootKeys reads the text of /proc/key-users (keyrings(7)): "0: 32 31/31 26/1000000 474/25000000", the fourth being keys and their limit.
func rootKeys(users string) int64 {
	for line := range strings.Lines(users) {
		fields := strings.Fields(line)
		if len(fields) > 3 && fields[0] == "0:" {
			keys, _, _ := strings.Cut(fields[3], "/")
			n, _ := strconv.ParseInt(keys, 10, 64) // 0 where there is no number
			return n
		}
	}
	return 0
}
