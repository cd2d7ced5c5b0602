package roll

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

// Format is the format of rolls that this version writes and the only one it reads.
const Format = 1

// Roll is one roll, as it is stored. Its values change by Record alone.
type Roll struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	State  State  `json:"state"`
	// Reason is why it is halted or was aborted.
	Reason     string          `json:"reason,omitempty"`
	Generation int             `json:"generation"`
	Manual     bool            `json:"manual,omitempty"`
	Force      bool            `json:"force,omitempty"`
	Policy     profiles.Policy `json:"policy"`
	Packages   []Change        `json:"packages,omitempty"`
	Started    time.Time       `json:"started"`
	Ended      time.Time       `json:"ended,omitzero"`
	// Proven says that the canaries have shown that the generation can be borne.
	Proven  bool     `json:"proven,omitempty"`
	Members []Member `json:"members"` // in the order in which they are restarted, as far as nothing else counts
}

// State is that of a roll.
type State string

// The states of a roll. Finished and Aborted are its end.
const (
	Running  State = "running"
	Halted   State = "halted"
	Finished State = "finished"
	Aborted  State = "aborted"
)

// Over says whether nothing of the roll is left to do.
func (s State) Over() bool { return s == Finished || s == Aborted }

// Member is a container in a roll. Planned.Boot is the boot that the restart is to end.
type Member struct {
	Planned
	State Progress `json:"state"`
	// Reason is why it is skipped, held or failed, or what there is to say of one that is done.
	Reason string `json:"reason,omitempty"`
	// Canary says that it is restarted before all that are none.
	Canary bool `json:"canary,omitempty"`
	// Begun, Restarted and Passed are when the restart was begun and had ended, and when the first check passed; Ended when the member was settled.
	Begun     time.Time `json:"begun,omitzero"`
	Restarted time.Time `json:"restarted,omitzero"`
	Passed    time.Time `json:"passed,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
	// NotBefore is when it may be tried again, Postponed since when it is tried in vain because somebody else works on it.
	NotBefore time.Time `json:"not_before,omitzero"`
	Postponed time.Time `json:"postponed,omitzero"`
	// Result is what the restart led to.
	Result Result `json:"result,omitzero"`
}

// Result is what a member was after its restart.
type Result struct {
	Boot       string  `json:"boot,omitempty"`
	Generation int     `json:"generation,omitempty"`
	Health     *Health `json:"health,omitempty"`
}

// Progress is the state of a member.
type Progress string

// The states of a member.
const (
	Pending    Progress = "pending"
	Restarting Progress = "restarting"
	Checking   Progress = "checking"
	Done       Progress = "done"
	Failed     Progress = "failed"
	Skipped    Progress = "skipped"
	Held       Progress = "held"
)

// settled says whether nothing is to be done about the member, as far as is known.
func (m Member) settled() bool {
	return m.State == Done || m.State == Failed || m.State == Skipped || m.State == Held
}

// underWay says whether the member has been taken down, and is not known to be well yet.
func (m Member) underWay() bool {
	return m.State == Restarting || m.State == Checking && m.Passed.IsZero()
}

// soaking says whether the member is a canary that is being watched.
func (m Member) soaking() bool { return m.State == Checking && !m.Passed.IsZero() }

// arrived says whether a container has been restarted since the plan was made, and mounts what it was restarted for.
func (m Member) arrived(s Sight, generation int) bool {
	return s.Boot != "" && s.Boot != m.Boot && s.Generation >= generation
}

// Find returns the member of that name.
func (r Roll) Find(member string) (Member, bool) {
	if i := r.index(member); i >= 0 {
		return r.Members[i], true
	}
	return Member{}, false
}

func (r Roll) index(member string) int {
	return slices.IndexFunc(r.Members, func(m Member) bool { return m.Name == member })
}

// Count returns how many members are in a state.
func (r Roll) Count(state Progress) int {
	n := 0
	for _, m := range r.Members {
		if m.State == state {
			n++
		}
	}
	return n
}

// Check returns an error that wraps ErrFormat or ErrDamaged unless the roll can be used.
func (r Roll) Check() error {
	if r.Format != Format {
		return fmt.Errorf("%w: format %d", ErrFormat, r.Format)
	}
	if !isID(r.ID) {
		return fmt.Errorf("%w: %.60q is no id of a roll", ErrDamaged, r.ID)
	}
	if !slices.Contains([]State{Running, Halted, Finished, Aborted}, r.State) {
		return fmt.Errorf("%w: unknown state %.40q", ErrDamaged, r.State)
	}
	planned := make([]Planned, len(r.Members))
	for i, m := range r.Members {
		planned[i] = m.Planned
	}
	if err := (Plan{Generation: r.Generation, Policy: r.Policy, Packages: r.Packages, Members: planned}).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for _, m := range r.Members {
		if !slices.Contains([]Progress{Pending, Restarting, Checking, Done, Failed, Skipped, Held}, m.State) {
			return fmt.Errorf("%w: unknown state %.40q of %s", ErrDamaged, m.State, m.Name)
		}
	}
	return nil
}

const idLayout = "20060102T150405Z"

// newID returns the id of a roll that begins now: ids are ordered by time. taken are those that exist.
func newID(now time.Time, taken func(string) bool) string {
	for i := 0; ; i++ {
		if id := fmt.Sprintf("%s-%03d", now.UTC().Format(idLayout), i); !taken(id) {
			return id
		}
	}
}

// isID says whether s is an id of newID, and so a safe name of a file.
func isID(s string) bool {
	stamp, number, ok := strings.Cut(s, "-")
	_, err := time.Parse(idLayout, stamp)
	return ok && err == nil && number != "" && len(number) < 10 && strings.Trim(number, "0123456789") == ""
}
