package alive

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// unifiedMount is where version 2 must be mounted for the layout to be a unified one; liblxc decides by the same rule.
const unifiedMount = "/sys/fs/cgroup"

// Layout says which cgroup hierarchies this host has and where they are mounted. It is a value: it does not change when the mounts do.
type Layout struct {
	hierarchies []hierarchy // sorted by key
}

type hierarchy struct {
	key   string // sorted controllers, "name=…", or "" for version 2
	mount string // absolute path of the mount point
	root  string // what of the hierarchy is mounted there, as in /proc/PID/mountinfo
	init  string // the cgroup of process 1, relative to the mount
}

// ReadLayout reads the layout of the running host, as the calling process sees it.
func ReadLayout() (Layout, error) {
	mounts, err := readBounded("/proc/self/mountinfo", 64<<20)
	if err != nil {
		return Layout{}, err
	}
	groups, err := readBounded("/proc/1/cgroup", 1<<20)
	if err != nil {
		return Layout{}, err
	}
	return ParseLayout(mounts, groups)
}

// ParseLayout makes a layout from the text of /proc/PID/mountinfo (proc(5)) and that of the /proc/PID/cgroup (cgroups(7)) of process 1. A
// hierarchy that is not mounted, or of which only a part is mounted where process 1 is not, is left out. Where version 2 is
// mounted on /sys/fs/cgroup, it is the only one that counts.
func ParseLayout(mountinfo, initCgroup []byte) (Layout, error) {
	memberships, err := parseMemberships(initCgroup)
	if err != nil {
		return Layout{}, err
	}
	mounts := parseMounts(mountinfo)
	var l Layout
	for key, member := range memberships {
		for _, m := range mounts {
			relative, ok := below(m.root, member)
			if !ok || !m.carries(key) {
				continue
			}
			l.hierarchies = append(l.hierarchies, hierarchy{key: key, mount: m.point, root: m.root, init: relative})
			break
		}
	}
	slices.SortFunc(l.hierarchies, func(a, b hierarchy) int { return strings.Compare(a.key, b.key) })
	if len(l.hierarchies) == 0 {
		return Layout{}, fmt.Errorf("%w: mount the cgroup file systems below %s", ErrUnsupported, unifiedMount)
	}
	if l.hierarchies[0].key == "" && l.hierarchies[0].mount == unifiedMount {
		l.hierarchies = l.hierarchies[:1]
	}
	return l, nil
}

// Unified reports whether version 2 is all there is. If not, version 1 has the controllers, and version 2 may be mounted beside it.
func (l Layout) Unified() bool {
	return len(l.hierarchies) == 1 && l.hierarchies[0].key == ""
}

// Mounts returns where each hierarchy is mounted.
func (l Layout) Mounts() map[string]string {
	mounts := make(map[string]string, len(l.hierarchies))
	for _, h := range l.hierarchies {
		mounts[h.key] = h.mount
	}
	return mounts
}

// Has reports whether a mounted hierarchy has the controller ("memory", "pids", …). Where that is version 2 it reads which ones it has, and
// an unreadable list has none.
func (l Layout) Has(controller string) bool {
	for _, h := range l.hierarchies {
		if h.key != "" && slices.Contains(strings.Split(h.key, ","), controller) {
			return true
		}
		if h.key == "" {
			content, err := readBounded(path.Join(h.mount, "cgroup.controllers"), 1<<16)
			if err == nil && slices.Contains(strings.Fields(string(content)), controller) {
				return true
			}
		}
	}
	return false
}

// readBounded reads a whole file of a pseudo file system, which has no size, and refuses more than limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("read %s: more than %d bytes", name, limit)
	}
	return content, nil
}
