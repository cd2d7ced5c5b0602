package patch

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/shadow"
)

// Verdict is what is true of a container after a change of the host.
type Verdict string

// The verdicts. Patched and Unaffected are good.
const (
	Patched    Verdict = "patched"    // mounted on the newest generation, and nothing of it is hidden or old
	Unaffected Verdict = "unaffected" // mounted on an older one (or not at all), and yet it shows and runs nothing that is not the host's
	Stale      Verdict = "stale"      // it runs or answers something that the host has not any more; a restart cures it
	Shadowed   Verdict = "shadowed"   // its own layers hide a changed file of the host; a restart does not cure it
	Unknown    Verdict = "unknown"    // it could not be looked at
)

// Good reports whether the host's patches have arrived in a container of this verdict.
func (v Verdict) Good() bool { return v == Patched || v == Unaffected }

// Action is what a plan does about a container.
type Action string

// The actions.
const (
	None    Action = "none"
	Restart Action = "restart" // stop, unmount, mount, start
	Heal    Action = "heal"    // take out of its delta what hides the host's files; only the owner of the delta can decide that
	Wait    Action = "wait"    // a restart would take away what it uses, or nobody knows whether it needs one: only on demand
)

// Reason is one piece of evidence. Fields that do not apply are empty.
type Reason struct {
	Kind    string // a kind of evidence, a class of shadow, or one of this package's
	PID     int    // as the host sees it
	Comm    string // the name of that process; any bytes
	Path    string // as the container names it; any bytes
	Package string
	Old     string // version of the package that the container started with
	New     string // that of the host now
	Detail  string // a clause for a human
	HostIno uint64 // of the path on the host, 0 if there is none or nobody looked
	SeenIno uint64 // of what the container has or uses there
}

// The kinds of reasons that are neither evidence nor shadows.
const (
	KindMixed   = "mixed"   // started while the package manager worked
	KindRelease = "release" // the host is of another release than at the start
	KindUnseen  = "unseen"  // something could not be looked at
)

// Facts are what was observed of one container.
type Facts struct {
	Name string
	// Unusable says why nothing can be told of the container, as a clause; "" if it can.
	Unusable string
	// Mounted is whether it has processes, and so layers that may be old. A container that has none mounts anew when it starts.
	Mounted bool
	// Generation is the number of the one that it mounted, 0 if that was not told. Mixed is whether that was changing.
	Generation int
	Mixed      bool
	// Diff is what changed on the host from that generation to now.
	Diff generation.Diff
	// Evidence is what a look at its processes and paths gave; of no meaning unless it is mounted.
	Evidence evidence.Report
	// Shadows are what its delta and seed hide. Blind says why they could not be looked for, "" if they could.
	Shadows []shadow.Shadow
	Blind   string
}

// Judgement is what is true of one container.
type Judgement struct {
	Name    string
	Verdict Verdict
	Action  Action
	Reasons []Reason // why; of good verdicts there are none
	// Generation is what it mounted, as Facts have it.
	Generation int
}

// Judge returns what is true of one container. newest is the generation of the host as it is now.
func Judge(f Facts, newest int) Judgement {
	j := Judgement{Name: f.Name, Generation: f.Generation}
	if f.Unusable != "" {
		j.Verdict, j.Action = Unknown, None
		j.Reasons = []Reason{{Kind: KindUnseen, Detail: f.Unusable}}
		return j
	}
	stale := staleReasons(f)
	hidden := shadowReasons(f)
	unseen := unseenReasons(f)
	if f.Mounted && f.Evidence.Omitted > 0 && len(stale) == 0 { // those that were kept are explained, and the others need not be
		unseen = append(unseen, Reason{Kind: KindUnseen, Detail: fmt.Sprintf("%d findings more than can be told", f.Evidence.Omitted)})
	}
	j.Reasons = slices.Concat(hidden, stale, unseen)
	switch {
	case len(hidden) > 0:
		j.Verdict = Shadowed
	case len(stale) > 0:
		j.Verdict = Stale
	case len(unseen) > 0:
		j.Verdict = Unknown
	case f.Mounted && f.Generation == newest:
		j.Verdict = Patched
	default:
		j.Verdict = Unaffected
	}
	j.Action = action(stale, hidden, f.Mounted && slices.ContainsFunc(f.Shadows, generated))
	if j.Action == None && f.Mounted && j.Verdict == Unknown {
		j.Action = Wait // one that cannot be looked at now may be one that never can: it would be restarted at every look
	}
	return j
}

// action of a container with these reasons. A restart cures what is stale; anew is whether it also makes anew what hides the host's files. What its
// own delta hides stays hidden until somebody decides about that.
func action(stale, hidden []Reason, anew bool) Action {
	switch {
	case slices.ContainsFunc(stale, waits):
		return Wait
	case len(stale) > 0 || anew:
		return Restart
	case len(hidden) > 0:
		return Heal
	}
	return None
}

// generated reports whether a shadow is of the seed, which each start makes anew.
func generated(s shadow.Shadow) bool { return s.Hides() && s.Layer == shadow.Seed }

// waits says whether a restart would take something away that the container uses.
func waits(r Reason) bool {
	return r.Kind == KindRelease || r.Kind == string(evidence.Gone)
}

func staleReasons(f Facts) []Reason {
	if !f.Mounted {
		return nil
	}
	var reasons []Reason
	if f.Mixed {
		reasons = append(reasons, Reason{Kind: KindMixed, Detail: "it was started while the package manager worked"})
	}
	changed := byPath(f.Diff)
	for _, found := range f.Evidence.Findings {
		if explained(found, f.Shadows) {
			continue
		}
		r := Reason{Kind: string(found.Kind), PID: found.PID, Comm: found.Comm, Path: found.Path, Package: found.Package, Detail: found.Detail}
		r.HostIno, r.SeenIno = found.HostIno, found.SeenIno
		if c, ok := changed[found.Path]; ok {
			r.Package, r.Old, r.New = c.Package, c.OldVersion, c.NewVersion
		}
		reasons = append(reasons, r)
	}
	// Another release alone is no reason: what makes a container stale is what it shows and runs.
	if release := f.Diff.Release; len(reasons) > 0 && release[0] != release[1] {
		reasons = append(reasons, Reason{Kind: KindRelease, Old: release[0], New: release[1], Detail: "the host is of another release"})
	}
	return reasons
}

// explained reports whether a shadow is why a path answers otherwise than on the host: no restart cures that.
func explained(found evidence.Finding, shadows []shadow.Shadow) bool {
	if !found.Kind.Looked() {
		return false
	}
	return slices.ContainsFunc(shadows, func(s shadow.Shadow) bool {
		return s.Hides() && (s.Path == found.Path || strings.HasPrefix(found.Path, s.Path+"/"))
	})
}

func shadowReasons(f Facts) []Reason {
	var reasons []Reason
	for _, s := range f.Shadows {
		if s.Hides() {
			reasons = append(reasons, Reason{
				Kind: string(s.Class), Path: s.Path, Package: s.Package, Old: s.OldVersion, New: s.Version, Detail: s.Detail,
			})
		}
	}
	return reasons
}

func unseenReasons(f Facts) []Reason {
	var reasons []Reason
	if f.Blind != "" {
		reasons = append(reasons, Reason{Kind: KindUnseen, Detail: f.Blind})
	}
	if f.Mounted && f.Evidence.Unknown != "" {
		reasons = append(reasons, Reason{Kind: KindUnseen, Detail: f.Evidence.Unknown})
	}
	if f.Mounted && f.Generation == 0 && !f.Mixed {
		reasons = append(reasons, Reason{Kind: KindUnseen, Detail: "it is not known on which generation of the host it was started"})
	}
	return reasons
}

func byPath(d generation.Diff) map[string]generation.FileChange {
	changed := make(map[string]generation.FileChange, len(d.Files))
	for _, c := range d.Files {
		changed[c.Path] = c
	}
	return changed
}

// String is the reason in one line for a human, with nothing made safe for a terminal.
func (r Reason) String() string {
	s := r.Kind
	if r.PID != 0 {
		s += fmt.Sprintf(" by %s (pid %s)", r.Comm, strconv.Itoa(r.PID))
	}
	if r.Path != "" {
		s += " " + r.Path
	}
	if r.Package != "" {
		s += fmt.Sprintf(" of %s %s -> %s", r.Package, r.Old, r.New)
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}
