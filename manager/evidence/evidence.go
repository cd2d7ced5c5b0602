package evidence

import (
	"time"

	"github.com/sysctr/sysctr/manager/alive"
)

// Subject is a running container.
type Subject struct {
	Name    string
	Init    alive.Process // its PID 1
	Monitor alive.Process // liblxc's process above it; the zero Process where there is none
	Group   alive.Group   // the cgroups of its processes
	Range   Range         // its ids; zero where ids are the host's
}

// Range is the host's ids that a container's ids 0, 1, … are.
type Range struct{ Start, Size uint32 }

// Host is how a changed path is on the host now. Mode, owner and so on are as lstat(2) says.
type Host struct {
	Path       string // where to open it on the host
	Exists     bool
	Type, Mode uint32 // the type bits of st_mode, and its lower twelve bits
	UID, GID   uint32
	Dev, Ino   uint64
	Size       uint64
	Ctime      time.Time
	Target     string // of a symbolic link
}

// Changed is a path of the base that is not what it was when a container mounted it.
type Changed struct {
	Path    string // absolute and canonical, as processes in a container name it
	Old     bool   // whether it existed then; the other Old fields say what it was
	OldIno  uint64
	OldDev  uint64
	OldSize uint64
	OldMode uint32 // the lower twelve bits
	OldUID  uint32
	OldGID  uint32
	Now     Host
	// Derived is a cache that the host made of other files. Database is a file of the package manager's own, which by itself gives no finding.
	Derived, Database bool
	Package           string // whose file it is; for the findings
}

// Report is what was found in one container.
type Report struct {
	Unknown   string    `json:",omitempty"` // why the container could not be looked at; "" if it was
	Findings  []Finding `json:",omitempty"` // sorted by kind, path and process
	Omitted   int       `json:",omitempty"` // findings that are left out because there are many like them
	Processes int       // of the container, without the monitor
	Looked    int       // changed paths that were looked up
}

// Finding is one thing in a container that is not the host's.
type Finding struct {
	Kind    Kind
	PID     int    `json:",omitempty"` // as the host sees it; 0 where no process is meant
	Comm    string `json:",omitempty"` // the process's own name for itself
	Path    string // the changed path; else as the kernel shows it
	Package string `json:",omitempty"`
	HostIno uint64 `json:",omitempty"` // 0 if the host has no such path
	SeenIno uint64 `json:",omitempty"` // 0 if the container has none
	Detail  string `json:",omitempty"` // for a human
}

// Kind says what a finding is.
type Kind string

// The kinds of findings.
const (
	Mapped      Kind = "mapped"      // a process maps a file that was replaced on the host
	Executed    Kind = "executed"    // it is its program
	Open        Kind = "open"        // it holds it open
	Gone        Kind = "gone"        // one of the three, and the host has no such path any more
	Answers     Kind = "answers"     // looking the path up in the container gives something else than on the host
	Missing     Kind = "missing"     // it gives nothing, and the host has it
	Lingers     Kind = "lingers"     // it gives something, and the host has nothing
	Interpreter Kind = "interpreter" // a process of an interpreter started before modules of it changed
	Script      Kind = "script"      // a process was started with the path as argument before it changed
	Monitor     Kind = "monitor"     // the monitor maps or holds a file that was replaced on the host
)

// Looked says whether a finding of this kind is what a path answers, which whoever owns the delta can have chosen, and not what a process uses.
func (k Kind) Looked() bool { return k == Answers || k == Missing || k == Lingers }

// Options say how to look. The zero Options are for production.
type Options struct {
	Root     string        // the host's root directory; "/" if empty
	Parallel int           // children at a time; as many as processors if 0
	Deadline time.Duration // for one container; 10 s if 0
}
