package roll_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

func TestPlanRefuses(t *testing.T) {
	tests := []struct {
		summary string
		change  func(*scene)
		want    string
		is      error
	}{
		{"a circle", func(s *scene) {
			s.planned("a").Patch.After, s.planned("b").Patch.After, s.planned("c").Patch.After = []string{"b"}, []string{"c"}, []string{"a"}
		}, "after: goes in a circle: a is after b is after c is after a", roll.ErrCircle},
		{"a circle of itself", func(s *scene) { s.planned("b").Patch.After = []string{"b"} }, "goes in a circle: b is after b", roll.ErrCircle},
		{"a circle by tag", func(s *scene) {
			for _, n := range []string{"a", "b"} {
				s.planned(n).Tags, s.planned(n).Patch.After = []string{"db"}, []string{"@db"}
			}
		}, "goes in a circle: a is after b is after a", roll.ErrCircle},
		{"no target", func(s *scene) { s.planned("b").Patch.After = []string{"B"} }, `b: after: bad name "B"`, nil},
		{"no policy", func(s *scene) { s.plan.Policy = profiles.Policy{} }, "patch.mode: is not said", nil},
		{"nobody may be down", func(s *scene) { s.plan.Policy.MaxUnavailable = "0" }, `"0" is not an amount`, nil},
		{"a batch of nobody", func(s *scene) { s.plan.Policy.Batch = "0%" }, `"0%" is not an amount`, nil},
		{"no window", func(s *scene) { s.planned("a").Patch.Window = []string{"Mon"} }, `a: "Mon" is not a window`, nil},
		{"twice", func(s *scene) { s.plan.Members = append(s.plan.Members, s.plan.Members[0]) }, "a is in it twice", roll.ErrDamaged},
		{"no name", func(s *scene) { s.planned("a").Name = "../a" }, `bad name "../a"`, nil},
		{"no action", func(s *scene) { s.planned("a").Action = "" }, "unknown action", roll.ErrDamaged},
		{"a member without a policy", func(s *scene) { s.planned("a").Patch = profiles.Patch{} }, "nobody said what holds for a", roll.ErrDamaged},
		{"a negative generation", func(s *scene) { s.plan.Generation = -1 }, "generation -1", roll.ErrDamaged},
	}
	for _, test := range tests {
		s := newScene(t, nil, nil)
		test.change(&s)
		_, err := roll.New("20261120T120000Z-000", s.plan, s.now)
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%s: got %v, want %s", test.summary, err, test.want)
		}
	}
}

func TestWhoIsLeftAlone(t *testing.T) {
	tests := []struct {
		summary string
		change  func(p *roll.Plan, m *roll.Planned)
		state   roll.Progress
		reason  string
	}{
		{"restart", func(*roll.Plan, *roll.Planned) {}, roll.Pending, ""},
		{"none", func(_ *roll.Plan, m *roll.Planned) { m.Action = roll.None }, roll.Skipped, "nothing to do"},
		{"none, of all", func(_ *roll.Plan, m *roll.Planned) { m.Action, m.Patch.Scope = roll.None, profiles.All }, roll.Skipped, "nothing to do"},
		{"stopped", func(_ *roll.Plan, m *roll.Planned) { m.Resting = true }, roll.Skipped, "stopped or frozen by hand"},
		{"stopped, of all", func(_ *roll.Plan, m *roll.Planned) { m.Resting, m.Patch.Scope = true, profiles.All }, roll.Skipped,
			"stopped or frozen by hand"},
		{"not asked for", func(_ *roll.Plan, m *roll.Planned) { m.Leave = "not asked for" }, roll.Skipped, "not asked for"},
		{"notify", func(_ *roll.Plan, m *roll.Planned) { m.Patch.Mode = profiles.Notify }, roll.Skipped, "patch.mode is notify"},
		{"manual", func(_ *roll.Plan, m *roll.Planned) { m.Patch.Mode = profiles.Manual }, roll.Skipped, "patch.mode is manual"},
		{"manual, by hand", func(p *roll.Plan, m *roll.Planned) { p.Manual, m.Patch.Mode = true, profiles.Manual }, roll.Pending, ""},
		{"off, by hand", func(p *roll.Plan, m *roll.Planned) { p.Manual, m.Patch.Mode = true, profiles.Off }, roll.Skipped, "patch.mode is off"},
		{"off, by force", func(p *roll.Plan, m *roll.Planned) { p.Manual, p.Force, m.Patch.Mode = true, true, profiles.Off }, roll.Pending, ""},
		{"wait", func(_ *roll.Plan, m *roll.Planned) { m.Action = roll.Wait }, roll.Skipped, "it must wait for a human"},
		{"wait, by hand", func(p *roll.Plan, m *roll.Planned) { p.Manual, m.Action = true, roll.Wait }, roll.Skipped, "it must wait for a human"},
		{"wait, by force", func(p *roll.Plan, m *roll.Planned) { p.Force, m.Action = true, roll.Wait }, roll.Pending, ""},
		{"heal", func(_ *roll.Plan, m *roll.Planned) { m.Action = roll.Heal }, roll.Skipped, "a restart would not help"},
	}
	for _, test := range tests {
		s := newScene(t, func(s *scene) { test.change(&s.plan, s.planned("b")) }, nil)
		if m := s.member("b"); m.State != test.state || !strings.HasPrefix(m.Reason, test.reason) || (m.Reason == "") != (test.reason == "") {
			t.Errorf("%s: %s, %q", test.summary, m.State, m.Reason)
		}
	}
}

func TestGate(t *testing.T) {
	ready := &roll.Health{Ready: true, Failed: []string{"old.service"}}
	tests := []struct {
		before *roll.Health
		after  roll.Health
		want   string
	}{
		{ready, roll.Health{Ready: true, Failed: []string{"old.service"}}, ""},
		{ready, roll.Health{Ready: true}, ""},
		{ready, roll.Health{}, "it was ready before, and is not after its restart"},
		{ready, roll.Health{Probe: "x"}, "it was ready before, and is not after its restart (x)"},
		{ready, roll.Health{Ready: true, Failed: []string{"a.service", "old.service"}}, "newly failed after its restart: a.service"},
		{ready, roll.Health{Ready: true, Probe: "status 7"}, "its probe does not pass any more: status 7"},
		{&roll.Health{Ready: true, Probe: "status 7"}, roll.Health{Ready: true, Probe: "status 8"}, ""},
		{&roll.Health{}, roll.Health{Failed: []string{"a.service"}, Probe: "x"}, ""},
		{nil, roll.Health{}, ""},
	}
	for _, test := range tests {
		if got := roll.Gate(test.before, test.after); got != test.want {
			t.Errorf("%+v after %+v: %q, want %q", test.after, test.before, got, test.want)
		}
	}
}

// newer is the plan of the scene for generation 3.
func (s *scene) newer() roll.Plan {
	p := s.plan
	p.Generation, p.Members = 3, nil
	for _, m := range s.plan.Members {
		m.Boot, m.Before, m.Reasons = "now-"+m.Name, &roll.Health{Failed: []string{"later"}}, []string{"newer"}
		p.Members = append(p.Members, m)
	}
	return p
}

func TestMerge(t *testing.T) {
	s := newScene(t, nil, func(s *scene) {
		s.roll.Packages = []roll.Change{{Package: "a", Old: "1", New: "2"}, {Package: "b", Old: "1", New: "2"}}
		s.set("a", roll.Done)
		s.member("a").Result = roll.Result{Boot: "x", Generation: 3}
		s.set("b", roll.Done)
		s.member("b").Result = roll.Result{Boot: "y", Generation: 2}
		s.set("c", roll.Failed)
		s.member("c").Result = roll.Result{Boot: "z", Generation: 2}
		s.set("d", roll.Held)
		s.roll.State, s.roll.Reason = roll.Halted, "c failed"
	})
	p := s.newer()
	p.Members = append(p.Members, roll.Planned{Name: "e", Profile: "web", Action: roll.Restart, Patch: p.Members[0].Patch})
	p.Packages = []roll.Change{{Package: "b", Old: "2", New: "1"}, {Package: "a", Old: "2", New: "3"}, {Package: "c", New: "1"}}
	r, err := roll.Merge(s.roll, p, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Check(); err != nil {
		t.Error(err)
	}
	got := map[string]string{}
	for _, m := range r.Members {
		got[m.Name] = fmt.Sprint(m.State, " ", m.Boot, " ", m.Before != nil && m.Before.Ready)
	}
	want := map[string]string{
		"a": "done old-a true", "b": "pending now-b true", "c": "pending now-c true", "d": "pending now-d true", "e": "pending  false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.ID != s.roll.ID || r.State != roll.Halted || r.Proven || r.Generation != 3 {
		t.Errorf("%s %s, proven %v, generation %d", r.ID, r.State, r.Proven, r.Generation)
	}
	if diff := cmp.Diff([]roll.Change{{Package: "a", Old: "1", New: "3"}, {Package: "c", New: "1"}}, r.Packages); diff != "" {
		t.Error(diff)
	}
	again, err := roll.Merge(r, p, s.now)
	if diff := cmp.Diff(r.Members, again.Members); diff != "" || err != nil {
		t.Errorf("the same plan once more changes it: %s %v", diff, err)
	}
	p.Members[0].Patch.After, p.Members[1].Patch.After = []string{"b"}, []string{"a"}
	if same, err := roll.Merge(r, p, s.now); !errors.Is(err, roll.ErrCircle) || !cmp.Equal(same, r) {
		t.Errorf("a plan that cannot be rolled: %v", err)
	}
}

// An automatic plan takes nothing back of what a human has asked for, nor does a human who asks for one container take back the others.
func TestMergeKeepsWhatWasAsked(t *testing.T) {
	s := newScene(t, func(s *scene) {
		s.plan.Manual, s.plan.Force = true, true
		s.planned("a").Patch.Mode, s.planned("b").Action = profiles.Manual, roll.Wait
	}, func(s *scene) { s.set("d", roll.Skipped) })
	automatic := s.newer()
	automatic.Manual, automatic.Force = false, false
	r, err := roll.Merge(s.roll, automatic, s.now)
	if err != nil || r.Count(roll.Pending) != 4 || !r.Manual || !r.Force {
		t.Errorf("%d are pending, manual %v, force %v, %v", r.Count(roll.Pending), r.Manual, r.Force, err)
	}
	automatic.Members[0].Action, automatic.Members[1].Action, automatic.Members[1].Resting = roll.None, roll.None, true
	r, err = roll.Merge(s.roll, automatic, s.now)
	if a, _ := r.Find("a"); err != nil || a.State != roll.Pending || r.Count(roll.Pending) != 3 {
		t.Errorf("of those who need nothing, what was asked for is taken back: %+v, %v", r.Members, err)
	}
	one := s.newer()
	for i := range one.Members[:3] {
		one.Members[i].Leave = roll.NotAsked
	}
	r, err = roll.Merge(s.roll, one, s.now)
	if err != nil || r.Count(roll.Pending) != 4 {
		t.Errorf("%d are pending, %v", r.Count(roll.Pending), err)
	}
}

func TestRecord(t *testing.T) {
	later := noon().Add(time.Minute)
	failed := func(s *scene) { s.set("a", roll.Failed); s.roll.State = roll.Halted }
	tests := []struct {
		summary string
		change  func(*scene)
		event   roll.Event
		want    roll.Progress // "" if it cannot happen
		reason  string
	}{
		{"begun", nil, roll.Event{Kind: roll.Began, Sight: roll.Sight{Boot: "b"}}, roll.Restarting, ""},
		{"begun twice", func(s *scene) { s.set("a", roll.Done) }, roll.Event{Kind: roll.Began}, "", ""},
		{"postponed", func(s *scene) { s.set("a", roll.Restarting) }, roll.Event{Kind: roll.Postponed, Until: later, Reason: "busy"}, roll.Pending, "busy"},
		{"postponed while it is down", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Postponed, Until: later, Sight: roll.Sight{Restarting: true}}, roll.Restarting, ""},
		{"postponed for too long", func(s *scene) { s.set("a", roll.Restarting); s.member("a").Postponed = noon().Add(-10 * time.Minute) },
			roll.Event{Kind: roll.Postponed, Until: later, Reason: "busy"}, roll.Skipped, "it could not be begun for 10m0s: busy"},
		{"postponed for too long while it is down", func(s *scene) { s.set("a", roll.Restarting); s.member("a").Postponed = noon().Add(-10 * time.Minute) },
			roll.Event{Kind: roll.Postponed, Until: later, Reason: "busy", Sight: roll.Sight{Restarting: true}}, roll.Failed, "it is down and could not"},
		{"restarted", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Up, Boot: "new", Generation: 2}}, roll.Checking, ""},
		{"restarted with an error", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Sick, Boot: "new", Generation: 2}, Reason: "not ready"},
			roll.Checking, "not ready"},
		{"restarted while packages were changed", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Up, Boot: "new"}}, roll.Checking, "it started while packages were changed"},
		{"not restarted", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Up, Boot: "old-a"}, Reason: "no room"}, roll.Failed, "no room"},
		{"left half-way", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Down, Restarting: true}, Reason: "no room"}, roll.Failed, "no room"},
		{"stopped by hand", func(s *scene) { s.set("a", roll.Restarting) },
			roll.Event{Kind: roll.Restarted, Sight: roll.Sight{Condition: roll.Resting}, Reason: "x"}, roll.Skipped, "stopped by hand"},
		{"destroyed", func(s *scene) { s.set("a", roll.Restarting) }, roll.Event{Kind: roll.Restarted, Reason: "x"}, roll.Skipped, "destroyed"},
		{"well", func(s *scene) { s.set("a", roll.Checking) }, roll.Event{Kind: roll.Checked, Health: roll.Health{Ready: true}}, roll.Done, ""},
		{"unwell", func(s *scene) { s.set("a", roll.Checking) }, roll.Event{Kind: roll.Checked, Health: roll.Health{Probe: "a\x1b[31mb"}}, roll.Failed,
			"it was ready before, and is not after its restart (a?[31mb)"},
		{"a well canary is watched", func(s *scene) { s.set("a", roll.Checking); s.member("a").Canary = true },
			roll.Event{Kind: roll.Checked, Health: roll.Health{Ready: true}}, roll.Checking, ""},
		{"a canary that was watched", func(s *scene) { s.set("a", roll.Checking); s.member("a").Canary, s.member("a").Passed = true, noon() },
			roll.Event{Kind: roll.Checked, Health: roll.Health{Ready: true}}, roll.Done, ""},
		{"checked before it was restarted", nil, roll.Event{Kind: roll.Checked}, "", ""},
		{"measured", nil, roll.Event{Kind: roll.Measured}, roll.Pending, ""},
		{"measured too late", func(s *scene) { s.set("a", roll.Restarting) }, roll.Event{Kind: roll.Measured}, "", ""},
		{"settled", nil, roll.Event{Kind: roll.Settled, State: roll.Skipped, Reason: "r"}, roll.Skipped, "r"},
		{"settled when it was done", func(s *scene) { s.set("a", roll.Done) }, roll.Event{Kind: roll.Settled, State: roll.Pending}, "", ""},
		{"resumed", failed, roll.Event{Kind: roll.Resumed}, roll.Restarting, ""},
		{"resumed when it was not halted", nil, roll.Event{Kind: roll.Resumed}, "", ""},
		{"halted twice", failed, roll.Event{Kind: roll.WasHalted}, "", ""},
		{"ended", nil, roll.Event{Kind: roll.Ended, End: roll.Finished}, roll.Pending, ""},
		{"ended with no end", nil, roll.Event{Kind: roll.Ended, End: roll.Running}, "", ""},
		{"unknown", nil, roll.Event{Kind: "x"}, "", ""},
	}
	for _, test := range tests {
		s := newScene(t, nil, test.change)
		before := *s.member("a")
		test.event.Name, test.event.At = "a", s.now
		r, err := s.roll.Record(test.event)
		m, _ := r.Find("a")
		switch {
		case test.want == "" && (!errors.Is(err, roll.ErrEvent) || !cmp.Equal(m, before)):
			t.Errorf("%s: %v, %+v", test.summary, err, m)
		case test.want != "" && (err != nil || m.State != test.want || !strings.HasPrefix(m.Reason, test.reason)):
			t.Errorf("%s: %s %q, %v", test.summary, m.State, m.Reason, err)
		}
		if !cmp.Equal(*s.member("a"), before) {
			t.Errorf("%s: the roll before it was changed", test.summary)
		}
	}
	s := newScene(t, nil, nil)
	if _, err := s.roll.Record(roll.Event{Kind: roll.Began, Name: "x"}); !errors.Is(err, roll.ErrEvent) {
		t.Errorf("of nobody: %v", err)
	}
}
