package manager

import (
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/overlay/mask"
)

// sight is what containers of the same rules see of the host.
type sight struct{ layers mask.Layers }

// sight decides it as it is for a start now, once for containers of the same rules.
func (i *inspector) sight(rules mask.Rules) (sight, error) {
	if seen, ok := i.views[rules.Key()]; ok {
		return seen, nil
	}
	filesystems, err := baseFilesystems(i.Dirs)
	if err != nil {
		return sight{}, err
	}
	var points []string
	for _, fs := range filesystems[1:] {
		points = append(points, fs.Point)
	}
	layers, err := mask.BuildFor("/", rules, points)
	if err != nil {
		return sight{}, err
	}
	i.views[rules.Key()] = sight{layers}
	return i.views[rules.Key()], nil
}

// shows reports whether a path of the host is seen as the host has it: neither hidden nor generated. Copies of what the host has are generated;
// whether those are old is a question of shadows.
func (s sight) shows(path string) bool {
	rel := strings.TrimPrefix(path, "/")
	if s.layers.Mask.Hides(rel) || s.layers.Common.Hides(rel) {
		return false
	}
	_, generated := mask.Seed(mask.Identity{}).Find(rel)
	return !generated
}

// changed is what has to be looked up in containers that mounted the older state of a diff. Directories are looked at by what is in them.
func (s sight) changed(d generation.Diff) []evidence.Changed {
	var all []evidence.Changed
	for _, f := range d.Files {
		if !s.shows(f.Path) || !readable(f.Was) && !readable(f.Is) {
			continue
		}
		c := evidence.Changed{
			Path: f.Path, Package: f.Package, Derived: f.Class == generation.Derived, Database: f.Class == generation.Database,
			Now: evidence.Host{Path: f.Path},
		}
		if was := f.Was; was != nil {
			c.Old, c.OldIno, c.OldDev, c.OldSize = true, was.Ino, was.Dev, was.Size
			c.OldMode, c.OldUID, c.OldGID = was.Mode, was.UID, was.GID
		}
		if is := f.Is; is != nil {
			c.Now = hostFile(f.Path, *is)
		}
		all = append(all, c)
	}
	return all
}

// hostFile is how a path is on the host now.
func hostFile(path string, is generation.Meta) evidence.Host {
	return evidence.Host{
		Path: path, Exists: true, Type: is.Type, Mode: is.Mode, UID: is.UID, GID: is.GID,
		Dev: is.Dev, Ino: is.Ino, Size: is.Size, Ctime: is.Ctime, Target: is.Target,
	}
}

// subjectOf is a running container as package evidence looks at it.
func subjectOf(c Container) evidence.Subject {
	s := evidence.Subject{Name: c.Name, Init: c.Live.Init, Monitor: c.Live.Monitor, Group: c.Live.Cgroup}
	if r := c.Record.Range; !r.IsZero() {
		s.Range = evidence.Range{Start: r.Start, Size: r.Size}
	}
	return s
}

// readable reports whether anybody but its owner gets anything from a file: what they do not is sealed in containers too, even for their root.
func readable(m *generation.Meta) bool {
	return m != nil && (m.Type == unix.S_IFLNK || m.Mode&0o005 != 0)
}
