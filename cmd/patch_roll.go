package cmd

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

type rollOptions struct {
	targeting
	force, all, dryRun bool
}

func (a *app) patchRoll() *cobra.Command {
	var o rollOptions
	c := &cobra.Command{
		Use: "roll [TARGET…]", Short: "Restart what a patch affects, in order and with a gate behind each", ValidArgsFunction: a.completeTargets,
		Long: `Restarts the containers that need it for the host's patches to arrive, of all without a target: the
canaries first, then the others in batches, each as healthy afterwards as before, and never more of
them down than the policy in /etc/sysctr/config.yaml and the profiles allow. What was stopped stays
stopped. It stops at the first failure; then cure it and say 'sysctr patch resume'.

It can be ended at any time: the next one goes on. Where one is under way already, that one takes up
what was asked.

` + rollCodes(),
		RunE: func(c *cobra.Command, args []string) error { return a.roll(c.Context(), &o, args) },
	}
	o.flag(c)
	f := c.Flags()
	f.BoolVar(&o.force, "force", false, "also what must wait for a human, and what its profile leaves out")
	f.BoolVar(&o.all, "all", false, "restart what is not affected, too")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	return c
}

func rollCodes() string {
	return output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitNoMatch, output.ExitBusy, output.ExitGate, output.ExitInterrupted)
}

func (a *app) roll(ctx context.Context, o *rollOptions, args []string) error {
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w, err := m.Observe()
	if err != nil {
		return err
	}
	asked := manager.RollOptions{Manual: true, Force: o.force, All: o.all}
	if len(args) > 0 || len(o.exclude) > 0 {
		chosen, err := o.among(ctx, m, args)
		if err != nil {
			return err
		}
		asked.Only = map[string]bool{}
		for _, c := range chosen {
			asked.Only[c.Name] = true
		}
	}
	p, _, err := a.planRoll(ctx, m, w, asked) // the roll waits with its restarts until nobody changes packages
	if err != nil {
		return err
	}
	if o.dryRun {
		r, err := roll.New("", p, time.Now())
		if err != nil {
			return err
		}
		return a.rolled(w, r, true, nil)
	}
	if err := m.Rolls().Submit(p); err != nil {
		return err
	}
	return a.drive(ctx, m, nil)
}

// planRoll looks at every container and says what a roll would do. mixed: packages were changed meanwhile, and it may be half the truth.
func (a *app) planRoll(ctx context.Context, m *manager.Manager, w manager.World, asked manager.RollOptions) (p roll.Plan, mixed bool, err error) {
	config, err := profiles.ReadConfig(a.etc + "/sysctr/config.yaml")
	if err != nil {
		return p, false, err
	}
	look, err := m.Inspect(ctx, w.Containers)
	if err == nil && !asked.Manual {
		look, err = m.InspectAgain(ctx, look)
	}
	if err != nil {
		return p, false, err
	}
	behind, err := m.Behind(ctx, look)
	if err != nil {
		return p, false, err
	}
	a.sayHost(look)
	return manager.RollPlan(w, look, behind, config.Policy, asked, time.Now()), look.Mixed != "", nil
}

// drive carries out what waits, and prints what became of it; nothing if it was left while it waits.
func (a *app) drive(ctx context.Context, m *manager.Manager, leave func() bool) error {
	r, err := roll.Run(ctx, m.Rolls(), m.Roller(), roll.Wall{}, roll.Caller{Tell: a.sayEvent, Leave: leave})
	if errors.Is(err, roll.ErrWaits) {
		return err
	}
	if r.ID == "" {
		if err != nil {
			return err
		}
		a.printer.Say("nothing to do")
		if a.format.Structured() {
			return a.printer.Result(a.format, output.Result{})
		}
		return nil
	}
	w, errLook := m.Observe()
	if errLook != nil {
		return errLook
	}
	return a.rolled(w, r, false, err)
}

// sayEvent tells of one event while a roll goes on.
func (a *app) sayEvent(r roll.Roll, e roll.Event) {
	member, _ := r.Find(e.Name)
	switch e.Kind {
	case roll.Elected:
		a.printer.Say("first: %s", strings.Join(e.Names, ", "))
	case roll.Began:
		a.printer.Say("%s: restarting: %s", e.Name, strings.Join(member.Reasons, "; "))
	case roll.Checked, roll.Settled:
		a.printer.Say("%s: %s%s", e.Name, member.State, clause(member.Reason))
	case roll.Dropped:
		a.printer.Warn("a plan that waited is dropped, and made anew by the next look: %s", e.Reason)
	case roll.WasHalted:
		a.printer.Warn("halted: %s", e.Reason)
	default: // the rest is read in the roll itself
	}
}

func clause(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

// rolled prints a roll in the envelope of changing verbs. Members about which there was nothing to do are left out.
func (a *app) rolled(w manager.World, r roll.Roll, dryRun bool, whole error) error {
	result := output.Result{DryRun: dryRun, Error: output.ErrorOf(a.translate(whole))}
	for _, m := range r.Members {
		if m.State == roll.Skipped && m.Action == roll.None {
			continue
		}
		c, _ := w.Find(m.Name)
		item := output.Item{
			Name: m.Name, Action: string(manager.None), Changed: !m.Begun.IsZero() || dryRun && m.State == roll.Pending,
			State: string(c.Status.State), Ready: c.Status.Ready,
		}
		if item.Changed {
			item.Action = string(manager.Restart)
		}
		if m.State == roll.Failed {
			item.Error = output.ErrorOf(&output.Error{Exit: output.ExitGate, Message: m.Reason})
		}
		if item.Action == string(manager.None) {
			a.printer.Detail("%s: %s%s", m.Name, m.State, clause(m.Reason))
		}
		result.Items = append(result.Items, item)
	}
	if err := a.printer.Result(a.format, result); err != nil {
		return err
	}
	return result.Status()
}
