package manager_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// states are containers in every state that there is, each named after it.
func states() manager.World {
	in := func(n string, s record.Status) manager.Container {
		return manager.Container{Name: n, Status: s, Record: record.Record{Name: n, Spec: profiles.Spec{Profile: "system", Priority: 50}}}
	}
	unusable := func(n string, err error) manager.Container {
		return manager.Container{Name: n, Err: err, Status: record.Observe(err, nil, record.Facts{}, false)}
	}
	w := manager.World{Containers: []manager.Container{
		in("broken", record.Status{State: record.Broken, Reason: "its monitor is gone"}),
		unusable("creating", fmt.Errorf("load: %w", record.ErrCreating)),
		unusable("damaged", fmt.Errorf("load: %w", record.ErrDamaged)),
		unusable("format", fmt.Errorf("load: %w", record.ErrFormat)),
		in("frozen", record.Status{State: record.Frozen, Ready: true}),
		unusable("gone", fs.ErrNotExist),
		in("ready", record.Status{State: record.Running, Ready: true}),
		in("running", record.Status{State: record.Running}),
		in("starting", record.Status{State: record.Starting}),
		in("stopped", record.Status{State: record.Stopped}),
		in("stopping", record.Status{State: record.Stopping}),
	}}
	restarting := in("torn", record.Status{State: record.Stopped})
	restarting.Restarting = true
	left := in("left", record.Status{State: record.Stopped})
	left.Live.Phase = record.PhaseStopping
	crashed, failed := in("crashed", record.Status{State: record.Stopped}), in("failed", record.Status{State: record.Stopped})
	crashed.Live.Phase = record.PhaseRunning
	failed.Live.Phase, failed.Live.Stopped = record.PhaseStarting, "its start failed"
	w.Containers = append(w.Containers, restarting, left, crashed, failed)
	slices.SortFunc(w.Containers, func(a, b manager.Container) int { return name.Compare(a.Name, b.Name) })
	return w
}

// refusal is the word for an error in the tables below.
func refusal(err error) string {
	for _, known := range []struct {
		is   error
		word string
	}{
		{manager.ErrState, "!state"}, {manager.ErrRunningContainer, "!running"}, {manager.ErrExists, "!exists"}, {record.ErrCreating, "!creating"},
		{record.ErrDamaged, "!damaged"}, {record.ErrFormat, "!format"}, {name.ErrNoMatch, "!none"}, {fs.ErrNotExist, "!gone"},
	} {
		if errors.Is(err, known.is) {
			return known.word
		}
	}
	return "!" + err.Error()
}

// decisions is what a plan does, by name.
func decisions(p manager.Plan) map[string]string {
	d := map[string]string{}
	for _, s := range p.Steps {
		d[s.Name] = string(s.Action)
		if s.Err != nil {
			d[s.Name] = refusal(s.Err)
		}
	}
	return d
}

// TestPlans is the table of what each verb does in each state.
func TestPlans(t *testing.T) {
	w := states()
	names := []string{"missing"}
	for _, c := range w.Containers {
		names = append(names, c.Name)
	}
	unusable := map[string]string{"creating": "!creating", "damaged": "!damaged", "format": "!format", "gone": "!none", "missing": "!none"}
	for _, test := range []struct {
		verb string
		plan func(manager.World, []string) manager.Plan
		want map[string]string
	}{
		{"start", manager.PlanStart, map[string]string{
			"broken": "start", "frozen": "!state", "ready": "none", "running": "start", "starting": "start", "stopped": "start", "stopping": "start", "torn": "start", "left": "start",
			"crashed": "start", "failed": "start",
		}},
		{"stop", manager.PlanStop, map[string]string{
			"broken": "stop", "frozen": "stop", "ready": "stop", "running": "stop", "starting": "stop", "stopped": "none", "stopping": "stop", "torn": "stop", "left": "stop",
			"crashed": "stop", "failed": "stop",
		}},
		{"kill", manager.PlanKill, map[string]string{
			"broken": "kill", "frozen": "kill", "ready": "kill", "running": "kill", "starting": "kill", "stopped": "none", "stopping": "kill", "torn": "kill", "left": "kill",
			"crashed": "kill", "failed": "kill",
		}},
		{"restart", manager.PlanRestart, map[string]string{
			"broken": "restart", "frozen": "restart", "ready": "restart", "running": "restart", "starting": "restart", "stopped": "none",
			"stopping": "restart", "torn": "restart", "left": "none", "crashed": "restart", "failed": "restart",
		}},
		{"freeze", manager.PlanFreeze, map[string]string{
			"broken": "!state", "frozen": "none", "ready": "freeze", "running": "freeze", "starting": "!state", "stopped": "!state",
			"stopping": "!state", "torn": "!state", "left": "!state", "crashed": "!state", "failed": "!state",
		}},
		{"thaw", manager.PlanThaw, map[string]string{
			"broken": "none", "frozen": "thaw", "ready": "none", "running": "none", "starting": "none", "stopped": "none", "stopping": "none", "torn": "none", "left": "none",
			"crashed": "none", "failed": "none",
		}},
		{"wait", func(w manager.World, n []string) manager.Plan { return manager.PlanWait(w, n, false) }, map[string]string{
			"broken": "wait", "frozen": "wait", "ready": "none", "running": "wait", "starting": "wait", "stopped": "wait", "stopping": "wait", "torn": "wait", "left": "wait",
			"crashed": "wait", "failed": "wait",
		}},
		{"wait for the stop", func(w manager.World, n []string) manager.Plan { return manager.PlanWait(w, n, true) }, map[string]string{
			"broken": "wait for its stop", "frozen": "wait for its stop", "ready": "wait for its stop", "running": "wait for its stop",
			"starting": "wait for its stop", "stopped": "none", "stopping": "wait for its stop", "torn": "none", "left": "none",
			"crashed": "none", "failed": "none",
		}},
	} {
		t.Run(test.verb, func(t *testing.T) {
			p := test.plan(w, names)
			want := map[string]string{}
			for _, m := range []map[string]string{unusable, test.want} {
				for n, d := range m {
					want[n] = d
				}
			}
			if diff := cmp.Diff(want, decisions(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, s := range p.Steps {
				if s.Action == manager.None && s.Err == nil && s.Why == "" {
					t.Errorf("nothing is done with %s, and nobody is told why", s.Name)
				}
			}
		})
	}
}

func TestPlanDestroy(t *testing.T) {
	w := states()
	var names []string
	for _, c := range w.Containers {
		names = append(names, c.Name)
	}
	names = append(names, "missing")
	for _, test := range []struct {
		force bool
		want  map[string]string
	}{
		{false, map[string]string{
			"broken": "!running", "frozen": "!running", "ready": "!running", "running": "!running", "starting": "!running", "stopping": "!running",
			"stopped": "destroy", "torn": "destroy", "left": "destroy", "crashed": "destroy", "failed": "destroy", "creating": "!creating", "damaged": "!damaged", "format": "!format", "missing": "!none", "gone": "!gone",
		}},
		{true, map[string]string{
			"broken": "destroy", "frozen": "destroy", "ready": "destroy", "running": "destroy", "starting": "destroy", "stopping": "destroy",
			"stopped": "destroy", "torn": "destroy", "left": "destroy", "crashed": "destroy", "failed": "destroy", "creating": "destroy", "damaged": "destroy", "format": "!format", "missing": "!none", "gone": "destroy",
		}},
	} {
		t.Run(fmt.Sprintf("force=%v", test.force), func(t *testing.T) {
			if diff := cmp.Diff(test.want, decisions(manager.PlanDestroy(w, names, test.force))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestPlanCreate(t *testing.T) {
	spec := profiles.Spec{Profile: "system", Priority: 50}
	other := spec
	other.Priority = 60
	w := states()
	for _, test := range []struct {
		summary string
		names   []string
		spec    profiles.Spec
		missing bool
		want    map[string]string
		refused bool
	}{
		{"all new", []string{"a", "b"}, spec, false, map[string]string{"a": "create", "b": "create"}, false},
		{"some there", []string{"a", "ready"}, spec, false, map[string]string{"a": "create", "ready": "none"}, false},
		{"another spec", []string{"a", "ready", "stopped"}, other, false, map[string]string{"a": "none", "ready": "!exists", "stopped": "!exists"}, true},
		{"another spec, only what is missing", []string{"a", "ready"}, other, true, map[string]string{"a": "create", "ready": "none"}, false},
		{"an unusable record", []string{"a", "damaged"}, spec, false, map[string]string{"a": "none", "damaged": "!damaged"}, true},
		{"an unknown format", []string{"a", "format"}, spec, false, map[string]string{"a": "none", "format": "!format"}, true},
		{"an unusable record, only what is missing", []string{"a", "damaged"}, spec, true, map[string]string{"a": "create", "damaged": "none"}, false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			p := manager.PlanCreate(w, test.names, test.spec, test.missing)
			if diff := cmp.Diff(test.want, decisions(p)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if p.Refused() != test.refused {
				t.Errorf("Refused is %v", p.Refused())
			}
		})
	}
	p := manager.PlanCreate(w, []string{"ready"}, other, false)
	if text := p.Steps[0].Err.Error(); !strings.Contains(text, "priority") || !strings.Contains(text, "60") {
		t.Errorf("the refusal does not say what differs: %s", text)
	}
}

// TestOrder: those of higher priority are started first and stopped last; equal ones go by their names' natural order.
func TestOrder(t *testing.T) {
	var w manager.World
	priorities := map[string]int{"a1": 50, "a2": 100, "a10": 50, "b": 0, "c": 100}
	for n, p := range priorities {
		w.Containers = append(w.Containers, manager.Container{
			Name: n, Status: record.Status{State: record.Running}, Record: record.Record{Spec: profiles.Spec{Priority: p}},
		})
	}
	slices.SortFunc(w.Containers, func(a, b manager.Container) int { return name.Compare(a.Name, b.Name) })
	names := []string{"b", "a10", "c", "a1", "a2"}
	up, down := []string{"a2", "c", "a1", "a10", "b"}, []string{"b", "a1", "a10", "a2", "c"}
	for _, test := range []struct {
		summary string
		plan    manager.Plan
		want    []string
	}{
		{"start", manager.PlanStart(w, names), up},
		{"restart", manager.PlanRestart(w, names), up},
		{"stop", manager.PlanStop(w, names), down},
		{"kill", manager.PlanKill(w, names), down},
		{"destroy", manager.PlanDestroy(w, names, true), down},
		{"create", manager.PlanCreate(manager.World{}, names, profiles.Spec{}, false), []string{"a1", "a2", "a10", "b", "c"}},
	} {
		if got := test.plan.Names(); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.summary, got, test.want)
		}
	}
}

func TestWorld(t *testing.T) {
	w := states()
	for _, c := range w.Containers {
		if found, ok := w.Find(c.Name); !ok || found.Name != c.Name {
			t.Errorf("Find(%s): %v", c.Name, ok)
		}
	}
	for _, n := range []string{"", "a", "zz", "frozen2", "ready "} {
		if _, ok := w.Find(n); ok {
			t.Errorf("there is %q", n)
		}
	}
	subjects := w.Subjects()
	if len(subjects) != len(w.Containers) || subjects[0].Name != "broken" || subjects[0].State != "broken" || subjects[0].Profile != "system" {
		t.Errorf("the subjects are %+v", subjects)
	}
}
