package manager_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// TestPlanGoal: what each goal does about containers in each state.
func TestPlanGoal(t *testing.T) {
	w := states()
	names := []string{"broken", "frozen", "ready", "running", "stopped", "left", "damaged"}
	for goal, want := range map[manager.Goal]map[string]string{
		manager.Present: {},
		manager.Absent:  {},
		manager.Started: {
			"broken": "start", "frozen": "!state", "ready": "none", "running": "start", "stopped": "start", "left": "start", "damaged": "!damaged",
		},
		manager.Stopped: {
			"broken": "stop", "frozen": "stop", "ready": "stop", "running": "stop", "stopped": "none", "left": "stop", "damaged": "!damaged",
		},
		manager.Restarted: {
			"broken": "restart", "frozen": "restart", "ready": "restart", "running": "restart", "stopped": "start", "left": "start", "damaged": "!damaged",
		},
	} {
		got := map[string]string{}
		for _, p := range manager.PlanGoal(w, names, goal) {
			for n, d := range decisions(p) {
				got[n] = d
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", goal, diff)
		}
	}
}

// TestForeseenWorld: what is going to be made can be planned with, and the world it is foreseen from stays as it is.
func TestForeseenWorld(t *testing.T) {
	w := states()
	there, missing := w.Split([]string{"b", "ready", "a"})
	if diff := cmp.Diff([][]string{{"ready"}, {"b", "a"}}, [][]string{there, missing}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	before := len(w.Containers)
	next := w.With(missing, profiles.Spec{Profile: "web", Priority: 7})
	got := decisions(manager.PlanGoal(next, []string{"a", "b", "ready"}, manager.Started)[0])
	if diff := cmp.Diff(map[string]string{"a": "start", "b": "start", "ready": "none"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, ok := w.Find("a"); ok || len(w.Containers) != before {
		t.Error("the world has changed")
	}
}

func TestFollow(t *testing.T) {
	failure := errors.New("no")
	step := func(a manager.Action, changed bool, err error, s record.State) manager.Outcome {
		return manager.Outcome{Step: manager.Step{Name: "a", Action: a, Err: err}, Changed: changed, Status: record.Status{State: s}}
	}
	for _, test := range []struct {
		summary           string
		first, then, want manager.Outcome
	}{
		{"both", step("create", true, nil, "stopped"), step("start", true, nil, "running"), step("create+start", true, nil, "running")},
		{"only the first", step("apply", true, nil, "running"), step("none", false, nil, "running"), step("apply", true, nil, "running")},
		{"only the second", step("none", false, nil, "stopped"), step("start", true, nil, "running"), step("start", true, nil, "running")},
		{"neither", step("none", false, nil, "running"), step("none", false, nil, "running"), step("none", false, nil, "running")},
		{"the second fails", step("create", true, nil, "stopped"), step("start", false, failure, "stopped"), step("create+start", true, failure, "stopped")},
		{"the second is refused", step("none", false, nil, "frozen"), step("", false, failure, "frozen"), step("", false, failure, "frozen")},
	} {
		got := manager.Follow(test.first, test.then)
		if got.Action != test.want.Action || got.Changed != test.want.Changed || !errors.Is(got.Err, test.want.Err) || got.Status != test.want.Status {
			t.Errorf("%s: %+v, want %+v", test.summary, got, test.want)
		}
	}
}
