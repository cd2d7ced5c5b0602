package cmd

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/manager"
)

func (a *app) waitCommand() *cobra.Command {
	var t targeting
	var until string
	var timeout time.Duration
	c := &cobra.Command{
		Use: "wait TARGET…", Short: "Wait until containers are ready or stopped", Args: atLeastOneTarget,
		Long:              "Waits for each container until it is ready (or --for=stopped), whoever starts or stops it.\n\n" + codes(),
		ValidArgsFunction: a.completeTargets,
		RunE: func(c *cobra.Command, args []string) error {
			if until != "ready" && until != "stopped" {
				return usage(fmt.Errorf("--for is %q; it is ready or stopped", until))
			}
			return a.wait(c, args, &t, until, timeout)
		},
	}
	t.flag(c)
	c.Flags().StringVar(&until, "for", "ready", "what to wait for: ready or stopped")
	c.Flags().DurationVar(&timeout, "timeout", 0, "give up after this time (default: never)")
	return c
}

func (a *app) wait(c *cobra.Command, args []string, t *targeting, until string, timeout time.Duration) error {
	ctx := c.Context()
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w, names, err := t.choose(ctx, m, args)
	if err != nil {
		return err
	}
	plan := manager.PlanWait(w, names, until == "stopped")
	how := manager.Apply{Timeout: timeout}
	return a.result(a.watched(plan, how, func(how manager.Apply) []manager.Outcome { return m.Wait(ctx, plan, how) }), false, nil)
}
