package roll

import (
	"fmt"

	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// Action is what a plan does about one container.
type Action string

// The actions. Wait needs force; Heal is left to whoever heals: a restart would not help.
const (
	Restart Action = "restart"
	Heal    Action = "heal"
	Wait    Action = "wait"
	None    Action = "none"
)

// Plan is what is to be done about every container of the host.
type Plan struct {
	// Generation is the one that the members are to be restarted onto; a member on a later one is as good.
	Generation int `json:"generation"`
	// Manual says that a human asked for it, so that members of mode notify and manual are restarted too.
	Manual bool `json:"manual,omitempty"`
	// Force restarts members of action wait, too.
	Force    bool            `json:"force,omitempty"`
	Policy   profiles.Policy `json:"policy"`
	Packages []Change        `json:"packages,omitempty"`
	Members  []Planned       `json:"members"`
}

// Change is a package whose version differs between what the containers had and what the host has now; Old or New is empty for one that came
// or went.
type Change struct {
	Package string `json:"package"`
	Arch    string `json:"arch,omitempty"`
	Old     string `json:"old,omitempty"`
	New     string `json:"new,omitempty"`
}

// Planned is what a plan says of one container.
type Planned struct {
	Name     string   `json:"name"`
	Profile  string   `json:"profile"`
	Tags     []string `json:"tags,omitempty"`
	Priority int      `json:"priority"`
	// Patch is what holds for it: Policy.For of its spec.
	Patch   profiles.Patch `json:"patch"`
	Action  Action         `json:"action"`
	Reasons []string       `json:"reasons,omitempty"`
	// Leave is why it is left alone although its action is another, such as NotAsked.
	Leave string `json:"leave,omitempty"`
	// Resting says that it was stopped or frozen by hand.
	Resting bool `json:"resting,omitempty"`
	// Boot is the id of its boot as in its Sight.
	Boot string `json:"boot,omitempty"`
	// Before is its health before the patch reached it; nil has the roll measure it before the first restart.
	Before *Health `json:"before,omitempty"`
}

// NotAsked is why a plan that a human made for others leaves a container alone. It takes nothing back of the roll that is under way.
const NotAsked = "not asked for"

// The bounds of plans and rolls.
const (
	maxMembers  = 20000
	maxPackages = 20000
	maxList     = 256 // tags, reasons, units of one member
)

// Check returns an error that says why the plan cannot be rolled, with the remedy: a policy that cannot be met, a circle of after, or values that
// no plan has.
func (p Plan) Check() error {
	if p.Generation < 0 || len(p.Members) > maxMembers || len(p.Packages) > maxPackages {
		return fmt.Errorf("%w: generation %d, %d members, %d packages", ErrDamaged, p.Generation, len(p.Members), len(p.Packages))
	}
	if err := p.Policy.Validate(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, m := range p.Members {
		if err := m.check(); err != nil {
			return err
		}
		if seen[m.Name] {
			return fmt.Errorf("%w: %s is in it twice", ErrDamaged, m.Name)
		}
		seen[m.Name] = true
	}
	return checkOrder(p.Members)
}

func (p Planned) check() error {
	if err := name.Check(p.Name); err != nil {
		return err
	}
	if len(p.Tags) > maxList || len(p.Reasons) > maxList {
		return fmt.Errorf("%w: %s has %d tags and %d reasons", ErrDamaged, p.Name, len(p.Tags), len(p.Reasons))
	}
	switch p.Action {
	case Restart, Heal, Wait, None:
	default:
		return fmt.Errorf("%w: unknown action %.40q of %s", ErrDamaged, p.Action, p.Name)
	}
	if p.Patch.Mode == "" {
		return fmt.Errorf("%w: nobody said what holds for %s", ErrDamaged, p.Name)
	}
	if _, err := profiles.ParseWindows(p.Patch.Window); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}
