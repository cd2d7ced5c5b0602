package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles/name"
)

// World is what is looked at.
type World struct {
	State, Run string   // sysctr's directories
	Proc       string   // where proc(5) is mounted; a tree of the same shape does as well
	Groups     []string // the directories in which sysctr makes control groups, of every hierarchy: …/sysctr/c, …/sysctr/mon
	Locks      string   // where liblxc keeps its lock files of our containers
	Boot       string   // id of the boot
	Binary     string   // the program, whose processes are sysctr's
	// Prefix begins the names of all containers that are looked at; what is global to the machine and of other names is somebody else's.
	Prefix string
	// Marks are, for each container, files of its delta, written there before. They must be found as long as the container has not been destroyed.
	Marks map[string][]Mark
}

// Mark is a file that must not get lost.
type Mark struct {
	Path, Content string // in the delta's upper directory
	Taken         bool   // it may be in the delta's trash instead
}

// Moment says what may be there.
type Moment int

const (
	// Broken is right after a fault: leftovers are fine as long as the next verb can find them.
	Broken Moment = iota
	// Rest is after a verb that has finished: there is what containers have and run, and nothing else.
	Rest
	// Empty is after every container was destroyed.
	Empty
)

// Finding is something that must not be.
type Finding struct{ Name, What string }

// String is one line.
func (f Finding) String() string { return f.Name + ": " + f.What }

// Check looks at everything and returns what must not be, in order of names. No command may be at work. It changes nothing.
func (w World) Check(m Moment) []Finding {
	l := &look{World: w, moment: m, records: map[string]record.Record{}}
	l.containers()
	l.ranges()
	l.marks()
	l.lives()
	l.processes()
	l.files()
	l.mounts()
	slices.SortStableFunc(l.found, func(a, b Finding) int { return strings.Compare(a.Name, b.Name) })
	return slices.Compact(l.found)
}

// look is one Check.
type look struct {
	World
	moment  Moment
	records map[string]record.Record // of containers that can be used
	live    map[string]record.Live
	drafts  []string // names of entries that a sweep takes
	found   []Finding
}

func (l *look) add(name, format string, args ...any) {
	l.found = append(l.found, Finding{name, fmt.Sprintf(format, args...)})
}

func (l *look) store() record.Store { return record.Open(l.State) }

// containers: every directory has a whole and valid record and a delta, or is what a sweep takes away.
func (l *look) containers() {
	entries, err := os.ReadDir(filepath.Join(l.State, "containers"))
	if err != nil && !os.IsNotExist(err) {
		l.add("containers", "cannot be read: %v", err)
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), ".new-") || strings.HasPrefix(e.Name(), ".trash-"):
			l.drafts = append(l.drafts, e.Name())
			if l.moment != Broken {
				l.add(e.Name(), "has not been swept")
			}
		case name.Check(e.Name()) != nil:
			l.add(e.Name(), "is no container, no draft and no trash")
		case l.moment == Empty:
			l.add(e.Name(), "still exists")
		default:
			l.container(e.Name())
		}
	}
}

func (l *look) container(n string) {
	rec, err := l.store().Load(n)
	if err != nil {
		l.add(n, "its record cannot be used: %v", err)
		return
	}
	l.records[n] = rec
	if info, err := os.Lstat(filepath.Join(l.store().Dir(n), "delta")); err != nil || !info.IsDir() {
		l.add(n, "it has no delta: %v", err)
	}
	l.entries(n, l.store().Dir(n), "record.json", "delta", "console.log")
}

// entries: at rest a directory has these files and no others, temporary ones above all.
func (l *look) entries(n, dir string, known ...string) {
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		l.add(n, "%s cannot be read: %v", dir, err)
	}
	for _, e := range entries {
		if l.moment != Broken && !slices.Contains(known, e.Name()) {
			l.add(n, "%s is left", filepath.Join(dir, e.Name()))
		}
	}
}

// ranges: no id belongs to two owners, trash and drafts included, and nobody has the shared ones for himself.
func (l *look) ranges() {
	type owner struct {
		name string
		idrange.Range
	}
	pool := idrange.Default()
	var owners []owner
	for n, r := range l.records {
		owners = append(owners, owner{n, r.Range})
	}
	for _, n := range l.drafts {
		if r, ok := readRange(filepath.Join(l.State, "containers", n, "record.json")); ok {
			owners = append(owners, owner{n, r})
		}
	}
	slices.SortFunc(owners, func(a, b owner) int { return strings.Compare(a.name, b.name) })
	for i, a := range owners {
		if a.Size == 0 || a.Range == pool.Shared() {
			continue
		}
		for _, b := range owners[i+1:] {
			if uint64(a.Start) < b.End() && uint64(b.Start) < a.End() && b.Size > 0 {
				l.add(a.name, "has ids %v, and %s has %v", a.Range, b.name, b.Range)
			}
		}
		if uint64(a.Start) < pool.Shared().End() {
			l.add(a.name, "has the shared ids %v for itself", a.Range)
		}
	}
}

// marks: what was in a delta is in it.
func (l *look) marks() {
	for n, marks := range l.Marks {
		for _, mark := range marks {
			delta := filepath.Join(l.store().Dir(n), "delta")
			text, err := os.ReadFile(filepath.Join(delta, "upper", mark.Path))
			if (err != nil || string(text) != mark.Content) && !(mark.Taken && holds(filepath.Join(delta, "trash"), mark.Content)) {
				l.add(n, "its delta has lost %s: %q, %v", mark.Path, text, err)
			}
		}
	}
}

// holds tells whether a file of this content is below a directory.
func holds(dir, content string) bool {
	found := false
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error { // what cannot be read does not hold it
		if err == nil && e.Type().IsRegular() {
			text, readErr := os.ReadFile(path)
			found = found || readErr == nil && string(text) == content
		}
		return nil
	})
	return found
}
