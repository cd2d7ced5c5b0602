package manager

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
)

// Effective is where a container's parts are, as its run has them. What the next start decides is empty for a stopped one.
type Effective struct {
	Layers        []overlay.Stack // one for each host filesystem that the container has a layer over
	Group         alive.Group     // control groups
	Monitor       alive.Group
	Groups        map[string]string // where each hierarchy is mounted
	Config        string            // generated for liblxc
	Record, Delta string
	ConsoleFile   string
}

// Effective looks up where the parts of a container are.
func (m *Manager) Effective(c Container) (Effective, error) {
	if err := c.usable(); err != nil {
		return Effective{}, err
	}
	e := Effective{
		Groups: m.host.Layout.Mounts(), Record: filepath.Join(m.store.Dir(c.Name), "record.json"), Delta: m.Dirs.Delta(c.Name),
		ConsoleFile: m.Dirs.Console(c.Name),
	}
	if c.Status.State == record.Stopped {
		return e, nil
	}
	e.Group, e.Monitor, e.Config = c.Live.Cgroup, c.Live.MonitorCgroup, filepath.Join(m.Dirs.LXC(), c.Name, "config")
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Effective{}, fmt.Errorf("read the mount table: %w", err)
	}
	base, err := overlay.Filesystems(table, m.Dirs.State)
	if err != nil {
		return Effective{}, err
	}
	generation := filepath.Join(m.Dirs.Masks(), c.Live.Mask)
	for _, s := range overlay.Plan(base, overlay.Dirs{
		Delta: e.Delta, Seed: m.Dirs.Seed(c.Name), Mask: filepath.Join(generation, "mask"), Common: filepath.Join(generation, "sealed", "common"),
	}) {
		if _, err := os.Lstat(s.Upper); err == nil { // every start makes what it mounts
			e.Layers = append(e.Layers, s)
		}
	}
	return e, nil
}
