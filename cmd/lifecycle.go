package cmd

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
)

// codes are the exit codes of verbs over targets.
func codes() string {
	return output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitNoMatch, output.ExitBusy, output.ExitHost,
		output.ExitInterrupted)
}

// simple makes the command of a changing verb without flags of its own.
func (a *app) simple(use, short, long string, waits bool, v verb) *cobra.Command {
	var o changing
	c := &cobra.Command{
		Use: use + " TARGET…", Short: short, Long: long + "\n\n" + codes(), Args: atLeastOneTarget,
		ValidArgsFunction: a.completeTargets,
		RunE:              func(c *cobra.Command, args []string) error { return a.change(c, args, &o, v) },
	}
	o.flag(c)
	o.flags(c, waits)
	return c
}

func (a *app) startCommand() *cobra.Command {
	return a.simple("start", "Start containers and wait until they are ready",
		"Starts what is stopped, those of higher priority first. What runs already is left alone.", true,
		verb{manager.PlanStart, (*manager.Manager).Start})
}

func (a *app) stopCommand() *cobra.Command {
	return a.simple("stop", "Stop containers",
		"Sends each container its stop signal, gives it the time of its profile, and then kills it.", false,
		verb{manager.PlanStop, (*manager.Manager).Stop})
}

func (a *app) killCommand() *cobra.Command {
	return a.simple("kill", "Stop containers at once",
		"Kills every process of the containers, frozen ones included. Their deltas stay.", false,
		verb{manager.PlanKill, (*manager.Manager).Stop})
}

func (a *app) restartCommand() *cobra.Command {
	var o changing
	var now bool
	c := &cobra.Command{
		Use: "restart TARGET…", Short: "Stop containers and start them on fresh mounts", Args: atLeastOneTarget,
		Long: "Restarts what runs and starts what has ended by itself; what was stopped by hand stays stopped.\n" +
			"The new start sees the host's root as it is now: this is how a patch of the host arrives.\n\n" + codes(),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			return a.change(c, args, &o, verb{manager.PlanRestart,
				func(m *manager.Manager, ctx context.Context, p manager.Plan, how manager.Apply) []manager.Outcome {
					how.Now = now
					return m.Restart(ctx, p, how)
				}})
		},
	}
	o.flag(c)
	o.flags(c, true)
	c.Flags().BoolVar(&now, "now", false, "kill instead of asking to stop")
	return c
}

func (a *app) freezeCommand() *cobra.Command {
	return a.simple("freeze", "Freeze all processes of containers", "Frozen containers keep their memory and use no processor.", false,
		verb{manager.PlanFreeze, (*manager.Manager).Freeze})
}

func (a *app) thawCommand() *cobra.Command {
	return a.simple("thaw", "Let frozen containers go on", "The reverse of freeze.", false,
		verb{manager.PlanThaw, (*manager.Manager).Freeze})
}

func (a *app) destroyCommand() *cobra.Command {
	var o changing
	var yes, force bool
	c := &cobra.Command{
		Use: "destroy TARGET…", Short: "Destroy containers with their deltas", Args: atLeastOneTarget,
		Long: "Removes containers and everything in their deltas. There is no way back; --yes says that you mean it.\n" +
			"Containers that are named and not there are failures, and the others are destroyed all the same.\n\n" + codes(),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			v := verb{
				func(w manager.World, names []string) manager.Plan { return manager.PlanDestroy(w, names, force) },
				(*manager.Manager).Destroy,
			}
			if !yes && !o.dryRun {
				return a.askFirst(c, args, &o, v)
			}
			o.gone = true
			return a.change(c, args, &o, v)
		},
	}
	o.flag(c)
	o.flags(c, false)
	c.Flags().BoolVar(&yes, "yes", false, "destroy without asking back")
	c.Flags().BoolVar(&force, "force", false, "also what runs, and what has an unusable record")
	return c
}

// askFirst says what would be destroyed, and refuses.
func (a *app) askFirst(c *cobra.Command, args []string, o *changing, v verb) error {
	m, done, err := a.open(c.Context())
	if err != nil {
		return err
	}
	defer done()
	w, names, err := o.choose(c.Context(), m, args)
	if err != nil {
		return err
	}
	return &output.Error{
		Exit: output.ExitUsage, Message: "this would destroy " + output.Compact(v.plan(w, names).Names()) + " with everything in their deltas",
		Hint: "add --yes if you mean it",
	}
}
