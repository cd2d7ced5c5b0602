package cmd

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
)

func (a *app) applyCommand() *cobra.Command {
	var o changing
	var r manager.Request
	c := &cobra.Command{
		Use: "apply TARGET…", Short: "Bring containers in step with their profiles", Args: atLeastOneTarget,
		Long: `Brings records in step with what their profiles give now; with --profile another one, with --set
further settings. Limits, tags, autostart, priority, stop and restart policy hold at once; the
rest is pending until the container is restarted. What would give a container more privilege than
its record says is refused without --grant. --dry-run prints the changes and makes none.

` + codes(),
		Example:           "  sysctr apply profile:web --dry-run\n  sysctr apply web7 --set limits.memory=1G\n  sysctr apply 'web*' --profile web2 && sysctr restart 'web*'",
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			return a.change(c, args, &o, verb{
				plan: func(w manager.World, names []string) manager.Plan {
					return manager.PlanApply(w, names, r, a.library().Resolve)
				},
				apply: func(m *manager.Manager, ctx context.Context, p manager.Plan, how manager.Apply) []manager.Outcome {
					return m.ApplySpecs(ctx, p, how)
				},
			})
		},
	}
	o.flag(c)
	o.flags(c, false)
	f := c.Flags()
	f.StringVarP(&r.Profile, "profile", "p", "", "another profile for these containers")
	f.StringArrayVar(&r.Set, "set", nil, "a further setting: key=value")
	f.BoolVar(&r.Grant, "grant", false, "give more privilege where the profile does (drop, hide, share)")
	_ = c.RegisterFlagCompletionFunc("profile", a.completeProfiles) // fails only for a flag that does not exist
	return c
}

// diffs are the changes that were made, or would be, one text per container: none of a lane that has failed or is refused.
func diffs(outcomes []manager.Outcome) []output.Diff {
	list := []output.Diff{}
	for _, o := range outcomes {
		if len(o.Changes) == 0 || !o.Changed {
			continue
		}
		var before, after strings.Builder
		for _, c := range o.Changes {
			note := ""
			if c.Pending {
				note = " (after a restart)"
			}
			before.WriteString(c.Field + ": " + c.From + "\n")
			after.WriteString(c.Field + ": " + c.To + note + "\n")
		}
		list = append(list, output.Diff{BeforeHeader: o.Name, AfterHeader: o.Name, Before: before.String(), After: after.String()})
	}
	return list
}
