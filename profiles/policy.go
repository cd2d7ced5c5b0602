package profiles

import (
	"maps"
	"slices"

	"github.com/sysctr/sysctr/profiles/name"
)

// Policy is how the fleet follows a patch of the host: what holds for a container whose profile does not say, and how a roll goes about it.
type Policy struct {
	// Patch holds for each container whose spec says nothing at that key; MaxUnavailable is of the whole fleet, After is never set.
	Patch
	// Canary is an amount, a target, or CanaryNone: who is restarted first, and alone. Soak is how long they are watched then.
	Canary string   `json:"canary"`
	Soak   Duration `json:"soak"`
	// Batch is how many are restarted side by side.
	Batch Amount `json:"batch"`
	// PerTag is how many containers of a tag may be down at once.
	PerTag map[string]Amount `json:"per_tag,omitempty"`
	// OnFailure says what a failure after the canaries does; a roll that continues stops at MaxFailures failures all the same.
	OnFailure   AfterFailure `json:"on_failure"`
	MaxFailures int          `json:"max_failures"`
	// Settle is how long the package manager must have been quiet before anything is done.
	Settle Duration `json:"settle"`
}

// CanaryNone is the canary of a roll without any.
const CanaryNone = "none"

// AfterFailure says what a failed restart does to a roll.
type AfterFailure string

// What a failure does; Halt is the default. The failure of a canary always halts.
const (
	Halt     AfterFailure = "halt"
	Continue AfterFailure = "continue"
)

// DefaultPolicy is what holds where neither profile nor configuration says anything.
func DefaultPolicy() Policy {
	return Policy{
		Patch: Patch{
			Mode: Auto, Scope: Affected, MaxLag: days(7), MaxUnavailable: "25%", ProbeTimeout: seconds(30),
		},
		Canary: "1", Soak: seconds(60), Batch: "10%", OnFailure: Halt, MaxFailures: 3, Settle: seconds(30),
	}
}

// For returns what holds for a container whose spec says own. MaxUnavailable and After are the spec's alone, packages are merged by name.
func (p Policy) For(own Patch) Patch {
	merged := p.Patch
	merged.MaxUnavailable, merged.After = own.MaxUnavailable, slices.Clone(own.After)
	merged.Packages = maps.Clone(p.Packages)
	if merged.Packages == nil && own.Packages != nil {
		merged.Packages = map[string]Reaction{}
	}
	maps.Copy(merged.Packages, own.Packages)
	if own.Mode != "" {
		merged.Mode = own.Mode
	}
	if own.Scope != "" {
		merged.Scope = own.Scope
	}
	if own.MaxLag != 0 {
		merged.MaxLag = own.MaxLag
	}
	if own.ProbeTimeout != 0 {
		merged.ProbeTimeout = own.ProbeTimeout
	}
	if own.Cooldown != 0 {
		merged.Cooldown = own.Cooldown
	}
	if len(own.Probe) > 0 {
		merged.Probe = own.Probe
	}
	if len(own.Window) > 0 {
		merged.Window = own.Window
	}
	merged.Probe, merged.Window = slices.Clone(merged.Probe), slices.Clone(merged.Window)
	return merged
}

// Validate says whether the policy may be used: whether a configuration could have given it. The error is like that of Spec.Validate.
func (p Policy) Validate() error {
	var errs []*Error
	for _, found := range p.problems() {
		errs = append(errs, &Error{File: "policy", Key: found.key, Reason: found.reason, Hint: found.hint})
	}
	return join(errs)
}

func (p Policy) problems() []problem {
	c := &checker{}
	c.patch(p.Patch)
	c.said(p)
	if p.Canary != CanaryNone {
		if _, err := ParseAmount(p.Canary); err != nil {
			c.fixed("patch.canary", p.Canary)
		}
	}
	c.duration("patch.soak", p.Soak, "0s", "1d")
	c.amount("patch.batch", p.Batch)
	if c.count("patch.per_tag", len(p.PerTag)) {
		for _, tag := range slices.Sorted(maps.Keys(p.PerTag)) {
			c.tag("patch.per_tag", tag)
			c.amount("patch.per_tag."+bound(tag), p.PerTag[tag])
		}
	}
	c.choice("patch.on_failure", string(p.OnFailure), string(Halt), string(Continue))
	c.within("patch.max_failures", int64(p.MaxFailures), 1, maxAmount)
	c.duration("patch.settle", p.Settle, "0s", "1h")
	return c.problems
}

// said refuses a policy that leaves open what a spec may leave open to it.
func (c *checker) said(p Policy) {
	for key, missing := range map[string]bool{
		"mode": p.Mode == "", "scope": p.Scope == "", "max_lag": p.MaxLag == 0, "max_unavailable": p.MaxUnavailable == "", "probe_timeout": p.ProbeTimeout == 0,
		"batch": p.Batch == "",
	} {
		if missing {
			c.add("patch."+key, "is not said", "leave the key out for the default")
		}
	}
	if len(p.After) > 0 {
		c.add("patch.after", "is for profiles", "")
	}
}

// fixed checks a target that means the same containers at any time.
func (c *checker) fixed(key, target string) {
	t, err := name.ParseTarget(target)
	if err != nil {
		c.add(key, err.Error(), "")
		return
	}
	if !t.Lasting() {
		c.add(key, quote(target)+" changes while a roll goes on", "write a name, a pattern, @tag or profile:P")
	}
}

func (c *checker) amount(key string, a Amount) {
	if a == "" {
		return
	}
	if _, err := ParseAmount(string(a)); err != nil {
		c.add(key, err.Error(), "")
	}
}
