package manager_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// applied is a container of the built-in profile "command" with the settings, in the state.
func applied(t *testing.T, state record.State, set ...string) manager.Container {
	t.Helper()
	var library profiles.Library
	spec, err := library.Resolve("command", set)
	if err != nil {
		t.Fatal(err)
	}
	c := manager.Container{Name: "a1", Record: record.Record{Name: "a1", Spec: spec}, Status: record.Status{State: state}}
	if state != record.Stopped {
		c.Live = record.Live{Init: alive.Process{PID: 1, Start: 1}, Spec: spec}
	}
	return c
}

func TestPlanApply(t *testing.T) {
	var library profiles.Library
	tests := []struct {
		summary string
		have    manager.Container
		request manager.Request
		want    []string // "field: from -> to", with a star where a restart is needed
		wantErr error
	}{
		{"nothing to do", applied(t, record.Running, "tags=a"), manager.Request{}, nil, nil},
		{"live fields", applied(t, record.Running), manager.Request{Set: []string{"limits.memory=1G", "tags=a", "priority=7"}},
			[]string{"limits.memory: none -> 1G", "priority: 50 -> 7", `tags:  -> ["a"]`}, nil},
		{"fields that need a restart", applied(t, record.Running), manager.Request{Set: []string{"environment.A=1"}},
			[]string{`environment*:  -> {"A":"1"}`}, nil},
		{"nothing is pending of what is stopped", applied(t, record.Stopped), manager.Request{Set: []string{"environment.A=1"}},
			[]string{`environment:  -> {"A":"1"}`}, nil},
		{"earlier settings stay", applied(t, record.Running, "tags=a"), manager.Request{Set: []string{"priority=7"}},
			[]string{"priority: 50 -> 7"}, nil},
		{"a capability given back", applied(t, record.Running, "drop=net_raw"), manager.Request{Set: []string{"drop={replace: []}"}},
			[]string{`drop*: ["net_raw"] -> `}, manager.ErrWidens},
		{"a capability given back, confirmed", applied(t, record.Running, "drop=net_raw"),
			manager.Request{Set: []string{"drop={replace: []}"}, Grant: true}, []string{`drop*: ["net_raw"] -> `}, nil},
		{"something shared", applied(t, record.Running), manager.Request{Set: []string{"share=/var/lib/x"}},
			[]string{`share*:  -> ["/var/lib/x"]`}, manager.ErrWidens},
		{"something shown again", applied(t, record.Running, "hide=/opt/x"), manager.Request{Set: []string{"hide={replace: []}"}},
			[]string{`hide*: ["/opt/x"] -> `}, manager.ErrWidens},
		{"another isolation", applied(t, record.Running), manager.Request{Set: []string{"isolation=privileged"}, Grant: true},
			[]string{"isolation*: private -> privileged"}, manager.ErrIsolation},
		{"an unknown profile", applied(t, record.Running), manager.Request{Profile: "nosuch"}, nil, profiles.ErrNotFound},
	}
	for _, tt := range tests {
		t.Run(tt.summary, func(t *testing.T) {
			plan := manager.PlanApply(manager.World{Containers: []manager.Container{tt.have}}, []string{"a1"}, tt.request, library.Resolve)
			step := plan.Steps[0]
			if !errors.Is(step.Err, tt.wantErr) {
				t.Fatalf("error %v, want %v", step.Err, tt.wantErr)
			}
			var got []string
			for _, c := range step.Changes {
				star := ""
				if c.Pending {
					star = "*"
				}
				got = append(got, c.Field+star+": "+c.From+" -> "+c.To)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if (len(got) == 0 && step.Err == nil) != (step.Action == manager.None) {
				t.Errorf("action %s for %d changes", step.Action, len(got))
			}
		})
	}
}

// The same settings again must not make the list of what was set grow.
func TestPlanApplyTwice(t *testing.T) {
	var library profiles.Library
	request := manager.Request{Set: []string{"priority=7"}}
	c := applied(t, record.Running, "tags=a", "priority=7")
	c.Record.Spec.Priority = 50 // somebody wrote another record
	step := manager.PlanApply(manager.World{Containers: []manager.Container{c}}, []string{"a1"}, request, library.Resolve).Steps[0]
	if diff := cmp.Diff([]string{"tags=a", "priority=7"}, step.Spec.Set); diff != "" {
		t.Errorf("set (-want +got):\n%s", diff)
	}
}

// A plan that was made before another command changed the record is not carried out: it would undo that, and might give back a capability that
// was dropped meanwhile without anybody having confirmed it.
func TestApplyOverAnother(t *testing.T) {
	var library profiles.Library
	f := newFleet(t)
	ctx := context.Background()
	f.create(t, spec(t), "a")
	plan := func(set string) manager.Plan {
		return manager.PlanApply(f.observe(t), []string{"a"}, manager.Request{Set: []string{set}}, library.Resolve)
	}
	early := plan("tags=late")
	good(t, f.ApplySpecs(ctx, plan("drop=net_raw"), manager.Apply{}))
	if o := f.ApplySpecs(ctx, early, manager.Apply{})[0]; !errors.Is(o.Err, record.ErrBusy) || o.Changed {
		t.Errorf("an early plan: %+v, want it refused as busy", o)
	}
	good(t, f.ApplySpecs(ctx, plan("tags=late"), manager.Apply{}))
	c, _ := f.observe(t).Find("a")
	if got := c.Record.Spec; !slices.Equal(got.Drop, []string{"net_raw"}) || !slices.Equal(got.Tags, []string{"late"}) {
		t.Errorf("the record has drop %q and tags %q", got.Drop, got.Tags)
	}
}

func TestPendingAndDrift(t *testing.T) {
	var library profiles.Library
	c := applied(t, record.Running, "tags=a")
	c.Record.Spec.Environment = map[string]string{"A": "1"}
	c.Record.Spec.Tags = []string{"b"}
	if diff := cmp.Diff([]string{"environment"}, c.Pending()); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
	drift := manager.World{Containers: []manager.Container{c}}.Drift(library.Resolve)
	if diff := cmp.Diff(map[string][]string{"a1": {"environment", "tags"}}, drift); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	broken := manager.World{Containers: []manager.Container{c}}.Drift(func(string, []string) (profiles.Spec, error) {
		return profiles.Spec{}, errors.New("gone")
	})
	if got := strings.Join(broken["a1"], " "); got != "profile" {
		t.Errorf("drift without the profile is %q", got)
	}
}
