package manager

import (
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/profiles"
)

// Verdict of a check of the host.
type Verdict string

// What a check can find.
const (
	Good  Verdict = "good"
	Warns Verdict = "warning" // containers run; something of them does not hold, or will not for long
	Fails Verdict = "fails"   // containers do not run, or not safely
)

// Finding is what a check found, and what to do about it.
type Finding struct {
	Check  string
	Result Verdict
	Detail string
	Remedy string
	Room   *Room // of a check of capacity
}

// Checkup is a host to be looked at, and for what.
type Checkup struct {
	Root   string // of the host, "/"; all other paths are below it
	Dirs   lxc.Dirs
	Etc    string // the operator's directory
	Pool   idrange.Pool
	Binary string // sysctr itself, where the units shall find it
	LXC    string // the version of liblxc

	Fleet Fleet         // the containers that there are
	More  int64         // how many containers there shall be besides
	Spec  profiles.Spec // of those
}

func (c Checkup) tree() tree { return tree(c.Root) }

// Diagnose looks at what containers need of the host. It reads only, so that it is as good for a tree of files as for a host; whether the
// kernel keeps its word is what Trial finds. What cannot be read is a finding too.
func (c Checkup) Diagnose() []Finding {
	checks := []func() Finding{
		c.checkKernel, c.checkRoot, c.checkPartitions, c.checkPrepared, c.checkPool, c.checkUidmap, c.checkLXC, c.checkLimits, c.checkSwap,
		c.checkSELinux, c.checkAppArmor, c.checkUnits, c.checkFiles, c.checkMounts, c.checkKeys,
	}
	found := make([]Finding, 0, len(checks)+len(Resources()))
	for _, check := range checks {
		found = append(found, check())
	}
	return append(found, c.checkCapacity()...)
}

// Trial mounts a container's layers as a start would, in a child, and proves with a canary that what is sealed stays sealed. On a host that is not
// prepared there is nothing to try.
func (c Checkup) Trial() []Finding {
	if f := c.checkPrepared(); f.Result == Fails {
		return []Finding{{Check: "layers", Result: Fails, Detail: "not tried: the host is not prepared", Remedy: f.Remedy}}
	}
	return judgeTrial(lxc.Trial(c.Binary, c.Dirs))
}

// judgeTrial reads the answer of lxc.Trial: how layers are mounted, and what was proved on them.
func judgeTrial(answer string, err error) []Finding {
	if err != nil {
		return []Finding{{Check: "layers", Result: Fails, Detail: err.Error(), Remedy: "see the kernel's log: journalctl -k"}}
	}
	how, proof, _ := strings.Cut(answer, "; ")
	return []Finding{
		{Check: "layers", Result: Good, Detail: "the state directory's filesystem holds deltas; " + proof},
		{Check: "id mapping", Result: Good, Detail: how},
	}
}

// checkCapacity has a finding for each resource that is known.
func (c Checkup) checkCapacity() []Finding {
	supply := ReadSupply(c.Root, c.Dirs.State, c.Pool)
	var found []Finding
	for _, r := range Resources() {
		if _, known := supply[r.Name]; !known && r.Sysctl != "" {
			found = append(found, Finding{Check: r.Name, Result: Warns, Detail: r.Sysctl + " cannot be read", Remedy: "is /proc mounted?"})
		}
	}
	for _, room := range supply.Rooms(c.Fleet) {
		found = append(found, judgeRoom(room, c.Spec, c.More))
	}
	return found
}

// judgeRoom finds how many more containers a resource is enough for.
func judgeRoom(room Room, spec profiles.Spec, n int64) Finding {
	f := Finding{Check: room.Name, Result: Good, Detail: room.title() + ", " + room.enough(spec), Room: &room}
	more := FleetOf(spec, n)
	short := room.Takes(more) - room.Free
	switch {
	case !room.Fits(more) && !room.Soft, room.Free < 0 && !room.Left:
		f.Result, f.Remedy = Fails, room.remedy(short)
	case !room.Fits(more), room.Free < 0, room.Have < room.Want:
		f.Result, f.Remedy = Warns, room.remedy(max(short, 0))
	}
	return f
}

// below is a path of the checkup's host.
func (c Checkup) below(path string) string { return filepath.Join(c.Root, path) }
