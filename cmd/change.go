package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// changing are the flags of every verb that changes containers.
type changing struct {
	targeting
	dryRun   bool
	noWait   bool
	timeout  time.Duration
	parallel int
}

func (o *changing) flags(c *cobra.Command, waits bool) {
	f := c.Flags()
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	f.DurationVar(&o.timeout, "timeout", 0, "for each container; what has begun goes on (default: none)")
	f.IntVar(&o.parallel, "parallel", 0, "how many containers at a time (default: as many as the host can use)")
	if waits {
		f.BoolVar(&o.noWait, "no-wait", false, "return when it runs, without waiting until it is ready")
	}
}

func (o *changing) apply() manager.Apply {
	return manager.Apply{Parallel: o.parallel, Timeout: o.timeout, NoWait: o.noWait}
}

// verb is a changing verb over existing containers: its plan and its carrying out.
type verb struct {
	plan  func(w manager.World, names []string) manager.Plan
	apply func(m *manager.Manager, ctx context.Context, p manager.Plan, how manager.Apply) []manager.Outcome
}

// change runs a verb over targets.
func (a *app) change(c *cobra.Command, args []string, o *changing, v verb) error {
	ctx := c.Context()
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	if !o.dryRun {
		if err := m.Sweep(); err != nil { // what a killed create or destroy left is no reason not to go on
			a.printer.Warn("%v", err)
		}
	}
	w, names, err := o.choose(ctx, m, args)
	if err != nil {
		if o.gone && !o.dryRun {
			a.publish(ctx) // whoever destroyed them may not have come to this
		}
		return err
	}
	plan := v.plan(w, names)
	a.warn(w, plan)
	if o.dryRun {
		return a.result(planned(w, plan), true, nil)
	}
	outcomes := a.watched(plan, o.apply(), func(how manager.Apply) []manager.Outcome { return v.apply(m, ctx, plan, how) })
	if plan.Verb == manager.Destroy || plan.Verb == manager.ApplyVerb {
		a.publish(ctx)
	}
	return a.result(outcomes, false, nil)
}

// watched runs a plan under a progress line.
func (a *app) watched(p manager.Plan, how manager.Apply, run func(manager.Apply) []manager.Outcome) []manager.Outcome {
	progress := a.printer.Progress(string(p.Verb), p.Names())
	defer progress.End()
	how.Report = func(o manager.Outcome) { progress.Done(o.Name, word(o), o.Err) }
	return run(how)
}

func word(o manager.Outcome) string {
	if o.Action == manager.None {
		return o.Why
	}
	return string(o.Action)
}

// warn says once per profile what is dangerous about the containers that a plan starts.
func (a *app) warn(w manager.World, p manager.Plan) {
	if p.Verb != manager.Start && p.Verb != manager.Restart {
		return
	}
	said := map[string]bool{}
	for _, step := range p.Steps {
		if c, ok := w.Find(step.Name); ok && step.Action != manager.None {
			a.warnSpec(c.Record.Spec, said)
		}
	}
}

func (a *app) warnSpec(spec profiles.Spec, said map[string]bool) {
	for _, text := range spec.Warnings() {
		if line := "profile " + spec.Profile + ": " + text; !said[line] {
			said[line] = true
			a.printer.Warn("%s", line)
		}
	}
}

// planned are the outcomes that a plan would have.
func planned(w manager.World, p manager.Plan) []manager.Outcome {
	outcomes := make([]manager.Outcome, len(p.Steps))
	for i, s := range p.Steps {
		c, _ := w.Find(s.Name)
		outcomes[i] = manager.Outcome{Step: s, Changed: s.Err == nil && s.Action != manager.None, Status: c.Status}
	}
	return outcomes
}

// result prints outcomes in the envelope and returns the exit code as an error.
func (a *app) result(outcomes []manager.Outcome, dryRun bool, whole error) error {
	r := output.Result{DryRun: dryRun, Items: make([]output.Item, len(outcomes)), Diff: diffs(outcomes), Error: output.ErrorOf(a.translate(whole))}
	for i, o := range outcomes {
		action := o.Action
		if action == "" {
			action = manager.None
		}
		r.Items[i] = output.Item{
			Name: o.Name, Action: string(action), Changed: o.Changed, State: string(o.Status.State), Ready: o.Status.Ready,
			Error: output.ErrorOf(a.translate(interrupted(o.Err))),
		}
	}
	if err := a.printer.Result(a.format, r); err != nil {
		return err
	}
	return r.Status()
}

// interrupted keeps a cancelled context recognisable under whatever was wrapped around it.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return &output.Error{Exit: output.ExitInterrupted, Message: "interrupted", Hint: "run the same command again to finish", Err: err}
	}
	if errors.Is(err, lxc.ErrPromise) {
		return &output.Error{Code: "promise_broken", Exit: output.ExitHost, Hint: "nothing runs; see 'sysctr doctor'", Err: err}
	}
	if errors.Is(err, record.ErrFormat) {
		return &output.Error{Exit: output.ExitError, Hint: "a newer sysctr wrote it; use that one", Err: err}
	}
	return err
}
