package shadow

import (
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
)

// File is what the host had or has at a path.
type File struct {
	Mode     uint32 // type and permissions, as in st_mode
	UID, GID uint32
	Target   string // of a link
}

// Change is what happened to a path of the host. Nil stands for nothing there.
type Change struct {
	Path    string // absolute
	Was, Is *File
}

// Changes are the changes since a delta was born. The zero value has none.
type Changes struct {
	ever   bool
	byPath map[string]Change
	sorted []string
}

// Ever is for a delta of which it is not known when it was born: every path has changed.
func Ever() Changes { return Changes{ever: true} }

// Since puts together changes in the order in which they happened: of several of one path the first says what was there and the last what is.
// So a file that came and went meanwhile has changed as well. The package managers' own is left out: nobody misses that.
func Since(changes []Change) Changes {
	byPath := make(map[string]Change, len(changes))
	for _, c := range changes {
		if IsDatabase(c.Path) {
			continue
		}
		if before, twice := byPath[c.Path]; twice {
			c.Was = before.Was
			if c.Was == nil {
				c.Was = before.Is
			}
		}
		byPath[c.Path] = c
	}
	return Changes{byPath: byPath, sorted: slices.Sorted(maps.Keys(byPath))}
}

// Between is Since for the differences between generations, in the order in which they came: each begins with that with which the one before ended.
// It leaves out files that were sealed and are: no container could ever read them. And those that are what they were.
func Between(diffs ...generation.Diff) Changes {
	var all []Change
	for _, d := range diffs {
		for _, f := range d.Files {
			if f.Kept || sealed(f.Was) && sealed(f.Is) {
				continue
			}
			all = append(all, Change{Path: f.Path, Was: fileOf(f.Was), Is: fileOf(f.Is)})
		}
	}
	return Since(all)
}

// sealed reports whether nobody but owner and group gets anything from a file, and it is no program, of which containers may have a copy.
func sealed(m *generation.Meta) bool {
	const others, execute = 0o005, 0o111
	return m == nil || m.Type == unix.S_IFREG && m.Mode&(others|execute) == 0
}

func fileOf(m *generation.Meta) *File {
	if m == nil {
		return nil
	}
	return &File{Mode: m.Type | m.Mode, UID: m.UID, GID: m.GID, Target: m.Target}
}

// Ever reports whether everything has changed.
func (c Changes) Ever() bool { return c.ever }

// At returns what happened to a path, and whether anything did. Where everything has changed, it is not known what.
func (c Changes) At(path string) (Change, bool) {
	if c.ever {
		return Change{Path: path}, true
	}
	change, ok := c.byPath[path]
	return change, ok
}

// Below returns the paths below dir that changed and are there now, sorted. It has none where everything has changed: who asks must look.
func (c Changes) Below(dir string) func(yield func(string) bool) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	return func(yield func(string) bool) {
		at, _ := slices.BinarySearch(c.sorted, prefix)
		for _, path := range c.sorted[at:] {
			if !strings.HasPrefix(path, prefix) {
				return
			}
			if path != prefix && c.byPath[path].Is != nil && !yield(path) {
				return
			}
		}
	}
}
