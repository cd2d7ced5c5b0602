package alive

import (
	"fmt"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Group names one cgroup in every hierarchy: hierarchy -> absolute path below its mount point. It can be stored as JSON.
type Group map[string]string

const (
	maxHierarchies = 64   // the kernel has a dozen controllers
	maxPath        = 4000 // PATH_MAX is 4096; deeper groups cannot be named, only reached
)

// Check returns an error wrapping ErrGroup unless every path is absolute, clean, short enough to open, and not a hierarchy's root.
func (g Group) Check() error {
	if len(g) > maxHierarchies {
		return fmt.Errorf("%w: %d hierarchies", ErrGroup, len(g))
	}
	for key, name := range g {
		if len(key) > maxPath || len(name) > maxPath {
			return fmt.Errorf("%w: name too long: %.40q", ErrGroup, name)
		}
		if !path.IsAbs(name) || path.Clean(name) != name || name == "/" || strings.ContainsAny(name, "\n\x00") {
			return fmt.Errorf("%w: %.80q in hierarchy %.40q is no absolute, clean path below its root", ErrGroup, name, key)
		}
	}
	return nil
}

// At returns the group rel, the same in every hierarchy, below the cgroup of process 1: where liblxc puts what lxc.cgroup.dir.* names.
// Where process 1 is systemd's init.scope, that is the group above it.
func (l Layout) At(rel string) (Group, error) {
	if err := checkRelative(rel); err != nil {
		return nil, err
	}
	g := Group{}
	for _, h := range l.hierarchies {
		g[h.key] = path.Join("/", strings.TrimSuffix(h.init, "/init.scope"), rel)
	}
	return g, g.Check()
}

// Beside returns the group suffix below the cgroup that the process is in, which may be another one in each hierarchy: where liblxc, run by
// that process, puts what lxc.cgroup.dir.* names under lxc.cgroup.relative=1. The process 0 is the caller.
func (l Layout) Beside(pid int, suffix string) (Group, error) {
	if err := checkRelative(suffix); err != nil {
		return nil, err
	}
	own, err := l.of(pid)
	if err != nil {
		return nil, err
	}
	g := Group{}
	for key, name := range own {
		g[key] = path.Join(name, suffix)
	}
	return g, g.Check()
}

// of returns the cgroups that a process is in, relative to the mounts; a hierarchy in which it is outside what is mounted is left out.
func (l Layout) of(pid int) (Group, error) {
	name := "self"
	if pid != 0 {
		name = strconv.Itoa(pid)
	}
	content, err := readBounded("/proc/"+name+"/cgroup", 1<<20)
	if err != nil {
		return nil, goneOr(pid, err)
	}
	memberships, err := parseMemberships(content)
	if err != nil {
		return nil, err
	}
	own := Group{}
	for _, h := range l.hierarchies {
		if relative, ok := below(h.root, memberships[h.key]); ok {
			own[h.key] = relative
		}
	}
	return own, nil
}

func checkRelative(rel string) error {
	if !filepath.IsLocal(rel) || path.Clean(rel) != rel || rel == "." {
		return fmt.Errorf("%w: %.80q is no clean relative path", ErrGroup, rel)
	}
	return nil
}
