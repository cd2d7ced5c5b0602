package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// marking makes a command that asks something of rolls.
func (a *app) marking(use, short, long string, do func(ctx context.Context, m *manager.Manager) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long + "\n\n" + rollCodes(), Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			m, done, err := a.open(c.Context())
			if err != nil {
				return err
			}
			defer done()
			return do(c.Context(), m)
		},
	}
}

func (a *app) patchPause() *cobra.Command {
	return a.marking("pause", "Begin no further restart until resume",
		"Restarts that were begun are finished, and no other is begun, in this roll and in any other, until\n'sysctr patch resume'.",
		func(_ context.Context, m *manager.Manager) error { return m.Rolls().Pause() })
}

func (a *app) patchResume() *cobra.Command {
	return a.marking("resume", "Go on with a roll that is paused or halted",
		"Ends a pause, and goes on with a roll that a gate has halted: members that failed are looked at again,\nand restarted only if they were not yet.",
		func(ctx context.Context, m *manager.Manager) error {
			if err := m.Rolls().Resume(); err != nil {
				return err
			}
			return a.goOn(ctx, m)
		})
}

func (a *app) patchAbort() *cobra.Command {
	return a.marking("abort", "End the roll that is under way",
		"Restarts that were begun are finished, and no other is begun. What still needs a restart is found by\nthe next roll.",
		func(ctx context.Context, m *manager.Manager) error {
			if err := m.Rolls().Abort(); err != nil {
				return err
			}
			return a.goOn(ctx, m)
		})
}

// goOn has a mark carried out, by whoever drives the roll or here.
func (a *app) goOn(ctx context.Context, m *manager.Manager) error {
	err := a.drive(ctx, m, nil)
	if errors.Is(err, roll.ErrBusy) {
		a.printer.Say("the roll that is under way does it")
		return nil
	}
	return err
}

func (a *app) patchHold() *cobra.Command {
	var t targeting
	var until string
	c := &cobra.Command{
		Use: "hold TARGET…", Short: "Keep rolls from restarting containers", Args: atLeastOneTarget, ValidArgsFunction: a.completeTargets,
		Long:    "No roll restarts these containers until that time, or until 'sysctr patch unhold'.\n\n" + rollCodes(),
		Example: "  sysctr patch hold db1 --until 3d\n  sysctr patch hold @shop --until 2026-12-27T06:00:00+01:00",
		RunE: func(c *cobra.Command, args []string) error {
			end, err := parseUntil(until, time.Now())
			if err != nil {
				return usage(err)
			}
			return a.eachTarget(c, &t, args, func(s roll.Store, container string) error { return s.Hold(container, end) })
		},
	}
	t.flag(c)
	c.Flags().StringVar(&until, "until", "", "a time such as 2026-12-27T06:00:00+01:00, or a duration from now such as 3d (default: for ever)")
	return c
}

func (a *app) patchUnhold() *cobra.Command {
	var t targeting
	c := &cobra.Command{
		Use: "unhold TARGET…", Short: "Let rolls restart containers again", Args: atLeastOneTarget, ValidArgsFunction: a.completeTargets,
		Long: "Takes back 'sysctr patch hold'.\n\n" + rollCodes(),
		RunE: func(c *cobra.Command, args []string) error {
			return a.eachTarget(c, &t, args, func(s roll.Store, container string) error { return s.Unhold(container) })
		},
	}
	t.flag(c)
	return c
}

func (a *app) eachTarget(c *cobra.Command, t *targeting, args []string, do func(s roll.Store, container string) error) error {
	return a.observe(c, t, args, func(m *manager.Manager, found []manager.Container) error {
		for _, container := range found {
			if err := do(m.Rolls(), container.Name); err != nil {
				return &output.Error{Message: fmt.Sprintf("%s: %v", container.Name, err), Err: err}
			}
		}
		return nil
	})
}

// parseUntil reads a time, or a duration from now. Nothing is the zero time.
func parseUntil(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := profiles.ParseDuration(s); err == nil && d > 0 {
		return now.Add(time.Duration(d)), nil
	}
	end, err := time.Parse(time.RFC3339, s)
	if err != nil || !end.After(now) {
		return time.Time{}, fmt.Errorf("--until %.40q is no time to come: write one such as 2026-12-27T06:00:00+01:00, or a duration such as 3d", s)
	}
	return end, nil
}
