package manager_test

import (
	"context"
	"errors"
	"testing"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
)

// TestDecidesAgain: what has changed since the world was observed is not overrun, and nobody claims another's work.
func TestDecidesAgain(t *testing.T) {
	ctx, names := context.Background(), []string{"a"}
	for _, test := range []struct {
		summary string
		plan    func(w manager.World) func(f *fleet) []manager.Outcome
		between func(f *fleet)
		running bool
		want    error
	}{
		{"destroy what another command has destroyed", func(w manager.World) func(*fleet) []manager.Outcome {
			p := manager.PlanDestroy(w, names, true)
			return func(f *fleet) []manager.Outcome { return f.Destroy(ctx, p, manager.Apply{}) }
		}, func(f *fleet) {
			good(t, f.Destroy(ctx, manager.PlanDestroy(f.observe(t), names, true), manager.Apply{}))
		}, false, nil},
		{"destroy without force what has been started", func(w manager.World) func(*fleet) []manager.Outcome {
			p := manager.PlanDestroy(w, names, false)
			return func(f *fleet) []manager.Outcome { return f.Destroy(ctx, p, manager.Apply{}) }
		}, func(f *fleet) { good(t, f.Manager.Start(ctx, manager.PlanStart(f.observe(t), names), manager.Apply{})) }, true, manager.ErrRunningContainer},
		{"restart what has been stopped", func(w manager.World) func(*fleet) []manager.Outcome {
			p := manager.PlanRestart(w, names)
			return func(f *fleet) []manager.Outcome { return f.Restart(ctx, p, manager.Apply{}) }
		}, func(f *fleet) { good(t, f.Manager.Stop(ctx, manager.PlanStop(f.observe(t), names), manager.Apply{})) }, false, nil},
		{"stop what has been stopped", func(w manager.World) func(*fleet) []manager.Outcome {
			p := manager.PlanStop(w, names)
			return func(f *fleet) []manager.Outcome { return f.Manager.Stop(ctx, p, manager.Apply{}) }
		}, func(f *fleet) { good(t, f.Manager.Stop(ctx, manager.PlanStop(f.observe(t), names), manager.Apply{})) }, false, nil},
	} {
		t.Run(test.summary, func(t *testing.T) {
			f := newFleet(t)
			f.create(t, spec(t), names...)
			if !test.running {
				good(t, f.Manager.Start(ctx, manager.PlanStart(f.observe(t), names), manager.Apply{}))
			}
			run := test.plan(f.observe(t))
			test.between(f)
			o := run(f)[0]
			if o.Changed || !errors.Is(o.Err, test.want) {
				t.Errorf("changed: %v, %v; want %v", o.Changed, o.Err, test.want)
			}
			if running := f.stateOf(t, "a") == record.Running; running != test.running {
				t.Errorf("it runs: %v", running)
			}
		})
	}
}
