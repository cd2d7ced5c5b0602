package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
)

type createOptions struct {
	changing
	profile string
	set     []string
	start   bool
	missing bool
}

func (a *app) createCommand() *cobra.Command {
	var o createOptions
	c := &cobra.Command{
		Use: "create NAME…", Short: "Create containers from a profile", Args: atLeastOneTarget, ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Creates containers; names may be ranges such as 'web<1..100>' (quoted: < and > are the
shell's), web[001-100] or web{1..100}. A container that exists with the same spec is left as it
is; one with another spec is refused before anything is made, and so is everything if the host
cannot hold as many containers ('sysctr doctor --capacity N' tells).

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitExists, output.ExitBusy, output.ExitHost,
			output.ExitInterrupted),
		Example: "  sysctr create web1\n  sysctr create 'web<1..100>' --profile web --start\n  sysctr create db1 --set limits.memory=4G --set autostart=true",
		RunE:    func(c *cobra.Command, args []string) error { return a.create(c.Context(), args, &o) },
	}
	o.flags(c, true)
	f := c.Flags()
	f.StringVarP(&o.profile, "profile", "p", "system", "profile of the containers")
	f.StringArrayVar(&o.set, "set", nil, "set a field of the profile for these containers: key=value")
	f.BoolVar(&o.start, "start", false, "start them too")
	f.BoolVar(&o.missing, "missing", false, "make only what is not there, whatever is there already")
	_ = c.RegisterFlagCompletionFunc("profile", a.completeProfiles) // fails only for a flag that does not exist
	return c
}

func (a *app) create(ctx context.Context, args []string, o *createOptions) error {
	names, err := expand(args)
	if err != nil {
		return err
	}
	spec, err := a.library().Resolve(o.profile, o.set)
	if err != nil {
		return err
	}
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w, err := m.Observe()
	if err != nil {
		return err
	}
	a.warnSpec(spec, map[string]bool{})
	plan := manager.PlanCreate(w, names, spec, o.missing)
	if plan.Refused() {
		return a.refused(w, plan, o.dryRun)
	}
	if err := manager.ReadSupply("/", a.dirs.State, m.Pool).Refuse(w.Fleet(), spec, plan.Makes()); err != nil {
		return err
	}
	if o.dryRun {
		return a.result(planned(w, plan), true, nil)
	}
	outcomes := a.watched(plan, o.apply(), func(how manager.Apply) []manager.Outcome { return m.Create(ctx, plan, spec, how) })
	a.publish(ctx)
	if o.start {
		if outcomes, err = a.startCreated(ctx, m, outcomes, o); err != nil {
			return err
		}
	}
	return a.result(outcomes, false, nil)
}

// refused prints a plan that is not carried out. With several names the exit code is that of the first refused one: that some failed would
// mean that others were made.
func (a *app) refused(w manager.World, plan manager.Plan, dryRun bool) error {
	outcomes := planned(w, plan)
	var whole error
	for _, out := range outcomes {
		if out.Err != nil && len(outcomes) > 1 && whole == nil {
			failure := output.ErrorOf(a.translate(out.Err))
			whole = &output.Error{Code: failure.Code, Exit: failure.Exit, Message: "nothing is made, because a name is refused"}
		}
	}
	return a.result(outcomes, dryRun, whole)
}

// startCreated starts what was made and what was there already and is stopped, and returns one outcome per container.
func (a *app) startCreated(ctx context.Context, m *manager.Manager, made []manager.Outcome, o *createOptions) ([]manager.Outcome, error) {
	w, err := m.Observe()
	if err != nil {
		return made, err
	}
	var names []string
	for _, out := range made {
		if out.Err == nil {
			names = append(names, out.Name)
		}
	}
	plan := manager.PlanStart(w, names)
	started := map[string]manager.Outcome{}
	for _, out := range a.watched(plan, o.apply(), func(how manager.Apply) []manager.Outcome { return m.Start(ctx, plan, how) }) {
		started[out.Name] = out
	}
	for i, out := range made {
		s, ok := started[out.Name]
		if !ok {
			continue
		}
		made[i] = manager.Follow(out, s)
	}
	return made, nil
}
