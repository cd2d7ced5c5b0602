package floor

import (
	"fmt"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
)

// Config is the configuration of a floor container, as little as liblxc needs for a container that is one.
type Config struct {
	Name    string
	Rootfs  string        // lxc.rootfs.path
	Range   idrange.Range // zero: no user namespace
	Seccomp string        // file of the policy; empty for none
	Groups  string        // control group below which those of the container (c/NAME) and its monitor (mon/NAME) are
}

// Render returns the text of the configuration, see lxc.container.conf(5).
func (c Config) Render() []byte {
	lines := []string{
		"lxc.uts.name = " + c.Name,
		"lxc.rootfs.path = " + c.Rootfs,
		"lxc.net.0.type = empty",
		"lxc.tty.max = 0",
		"lxc.autodev = 1",
		"lxc.mount.auto = cgroup:mixed proc:mixed sys:mixed",
		"lxc.cgroup.dir.container = " + c.Groups + "/c/" + c.Name,
		"lxc.cgroup.dir.monitor = " + c.Groups + "/mon/" + c.Name,
		"lxc.cgroup.dir.monitor.pivot = " + c.Groups + "/pivot",
	}
	if !c.Range.IsZero() {
		for _, kind := range []string{"u", "g"} {
			lines = append(lines, fmt.Sprintf("lxc.idmap = %s 0 %d %d", kind, c.Range.Start, c.Range.Size))
		}
	}
	if c.Seccomp != "" {
		lines = append(lines, "lxc.seccomp.profile = "+c.Seccomp)
	}
	return []byte(strings.Join(lines, "\n") + "\n")
}
