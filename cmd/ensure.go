package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

type ensureOptions struct {
	changing
	manager.Request
	state string
}

func (a *app) ensureCommand() *cobra.Command {
	var o ensureOptions
	c := &cobra.Command{
		Use: "ensure NAME…", Short: "Bring containers into a state, from whatever is there", Args: atLeastOneTarget, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Does what is missing for the named containers to be as asked, and nothing where they are; names may
be ranges. What is not there is created, what is there gets what 'sysctr apply' would give it. Then:

present    leaves their states alone
started    starts what is stopped
stopped    stops what runs
restarted  starts what is stopped, restarts the others
absent     destroys what is there, with its delta, running or not; there is no way back

A failure of one container keeps no other back, and the same command run again finishes. Without
--profile a container keeps its profile, and new ones are of the profile system. The Ansible module
sysctr.sysctr.container runs this.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitBusy, output.ExitHost, output.ExitInterrupted),
		Example: "  sysctr ensure 'web<1..100>' --state started --profile web\n  sysctr ensure 'web<101..200>' --state absent --dry-run",
		RunE:    func(c *cobra.Command, args []string) error { return a.ensure(c.Context(), args, &o) },
	}
	o.flags(c, true)
	f := c.Flags()
	f.StringVar(&o.state, "state", "", "present, started, stopped, restarted or absent")
	f.StringVarP(&o.Profile, "profile", "p", "", "profile of the containers")
	f.StringArrayVar(&o.Set, "set", nil, "a setting, laid over those that were set before: key=value")
	f.BoolVar(&o.Grant, "grant", false, "give more privilege where the profile does (drop, hide, share)")
	_ = c.RegisterFlagCompletionFunc("profile", a.completeProfiles) // fails only for a flag that does not exist
	_ = c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(goals(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func goals() []string {
	words := []string{}
	for _, g := range manager.Goals() {
		words = append(words, string(g))
	}
	return words
}

func (a *app) ensure(ctx context.Context, args []string, o *ensureOptions) error {
	names, err := expand(args)
	if err != nil {
		return err
	}
	if !slices.Contains(goals(), o.state) {
		return usage(fmt.Errorf("bad state %q: give --state %s", o.state, strings.Join(goals(), ", ")))
	}
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	if manager.Goal(o.state) == manager.Absent && !o.dryRun {
		if err := m.Sweep(); err != nil {
			a.printer.Warn("%v", err)
		}
	}
	w, err := m.Observe()
	if err != nil {
		return err
	}
	e := ensuring{a: a, m: m, o: o, w: w}
	outcomes, err := e.run(ctx, names)
	if err != nil {
		return err
	}
	if !o.dryRun {
		a.publish(ctx)
	}
	slices.SortFunc(outcomes, func(x, y manager.Outcome) int { return name.Compare(x.Name, y.Name) })
	return a.result(e.told(outcomes), o.dryRun, nil)
}

// ensuring is one run of ensure over the world as it was before.
type ensuring struct {
	a *app
	m *manager.Manager
	o *ensureOptions
	w manager.World
}

func (e ensuring) run(ctx context.Context, names []string) ([]manager.Outcome, error) {
	there, missing := e.w.Split(names)
	if manager.Goal(e.o.state) == manager.Absent {
		outcomes := e.carry(ctx, e.w, manager.PlanDestroy(e.w, there, true), e.m.Destroy)
		for _, n := range missing {
			outcomes = append(outcomes, manager.Outcome{Step: manager.Step{Name: n, Action: manager.None, Why: "is not there"}})
		}
		return outcomes, nil
	}
	spec, err := e.spec(missing)
	if err != nil {
		return nil, err
	}
	create := manager.PlanCreate(e.w, missing, spec, true)
	if err := manager.ReadSupply("/", e.a.dirs.State, e.m.Pool).Refuse(e.w.Fleet(), spec, create.Makes()); err != nil {
		return nil, err
	}
	apply := manager.PlanApply(e.w, there, e.o.Request, e.a.library().Resolve)
	outcomes := e.carry(ctx, e.w, create, func(ctx context.Context, p manager.Plan, how manager.Apply) []manager.Outcome {
		return e.m.Create(ctx, p, spec, how)
	})
	outcomes = append(outcomes, e.carry(ctx, e.w, apply, e.m.ApplySpecs)...)
	next := e.w.With(missing, spec)
	if !e.o.dryRun {
		if next, err = e.m.Observe(); err != nil {
			return nil, err
		}
	}
	return e.reach(ctx, next, outcomes), nil
}

// spec resolves what new containers are made of. A profile or a setting that is asked for and no good is refused before anything is done.
func (e ensuring) spec(missing []string) (profiles.Spec, error) {
	profile := e.o.Profile
	if profile == "" {
		if len(missing) == 0 {
			return profiles.Spec{}, nil
		}
		profile = "system"
	}
	spec, err := e.a.library().Resolve(profile, e.o.Set)
	if err == nil && len(missing) > 0 {
		e.a.warnSpec(spec, map[string]bool{})
	}
	return spec, err
}

// reach brings containers that are there now, and about which nothing has failed, into the state that is asked for.
func (e ensuring) reach(ctx context.Context, w manager.World, outcomes []manager.Outcome) []manager.Outcome {
	var good []string
	at := map[string]int{}
	for i, o := range outcomes {
		at[o.Name] = i
		if o.Err == nil {
			good = append(good, o.Name)
		}
	}
	for _, p := range manager.PlanGoal(w, good, manager.Goal(e.o.state)) {
		do := map[manager.Action]func(context.Context, manager.Plan, manager.Apply) []manager.Outcome{
			manager.Start: e.m.Start, manager.Stop: e.m.Stop, manager.Restart: e.m.Restart,
		}[p.Verb]
		for _, then := range e.carry(ctx, w, p, do) {
			outcomes[at[then.Name]] = manager.Follow(outcomes[at[then.Name]], then)
		}
	}
	return outcomes
}

// carry carries a plan out, or says what that would do. Nothing is said of a plan without steps.
func (e ensuring) carry(ctx context.Context, w manager.World, p manager.Plan,
	do func(context.Context, manager.Plan, manager.Apply) []manager.Outcome,
) []manager.Outcome {
	switch {
	case len(p.Steps) == 0:
		return nil
	case e.o.dryRun:
		return planned(w, p)
	}
	return e.a.watched(p, e.o.apply(), func(how manager.Apply) []manager.Outcome { return do(ctx, p, how) })
}

// told adds to each outcome what became of the container's state, as a change: so a dry run, and Ansible's, show the same lines as the run.
func (e ensuring) told(outcomes []manager.Outcome) []manager.Outcome {
	field := func(field, from, to string) manager.Change {
		return manager.Change{Change: profiles.Change{Field: field, From: from, To: to}}
	}
	for i, o := range outcomes {
		was := "absent"
		if c, ok := e.w.Find(o.Name); ok {
			was = string(c.Status.State)
		}
		is := after(o, was)
		var changes []manager.Change
		if is != was {
			changes = append(changes, field("state", was, is))
		}
		if was == "absent" && is != was {
			profile := e.o.Profile
			if profile == "" {
				profile = "system"
			}
			changes = append(changes, field("profile", "none", profile))
		}
		outcomes[i].Changes = append(changes, o.Changes...)
	}
	return outcomes
}

// after is the state that an outcome leaves behind; of a failure, what was found then.
func after(o manager.Outcome, was string) string {
	steps := strings.Split(string(o.Action), "+")
	if o.Err != nil {
		if o.Status.State == "" {
			return was
		}
		return string(o.Status.State)
	}
	switch manager.Action(steps[len(steps)-1]) {
	case manager.Create, manager.Stop:
		return string(record.Stopped)
	case manager.Start:
		return string(record.Running)
	case manager.Restart:
		return string(record.Running) + " (restarted)"
	case manager.Destroy:
		return "absent"
	}
	return was
}
