package roll_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// noon is a Friday.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// scene is a roll of generation 2 with the members a, b, c and d, all of them up on generation 1 and measured, and no canary.
type scene struct {
	plan  roll.Plan
	roll  roll.Roll
	world roll.World
	now   time.Time
}

func newScene(t testing.TB, change func(*scene), after func(*scene)) scene {
	t.Helper()
	p := profiles.DefaultPolicy()
	p.Canary, p.MaxUnavailable, p.Batch = profiles.CanaryNone, "2", "3"
	s := scene{plan: roll.Plan{Generation: 2, Policy: p}, world: roll.World{Sights: map[string]roll.Sight{}}, now: noon()}
	for _, n := range []string{"a", "b", "c", "d"} {
		s.plan.Members = append(s.plan.Members, roll.Planned{
			Name: n, Profile: "web", Priority: 50, Action: roll.Restart, Boot: "old-" + n, Patch: p.For(profiles.Patch{}), Before: &roll.Health{Ready: true},
		})
		s.world.Sights[n] = roll.Sight{Condition: roll.Up, Boot: "old-" + n, Generation: 1}
	}
	if change != nil {
		change(&s)
	}
	r, err := roll.New("20261120T120000Z-000", s.plan, s.now)
	if err != nil {
		t.Fatal(err)
	}
	r.Proven = true
	s.roll = r
	if after != nil {
		after(&s)
	}
	return s
}

func (s *scene) member(n string) *roll.Member {
	for i := range s.roll.Members {
		if s.roll.Members[i].Name == n {
			return &s.roll.Members[i]
		}
	}
	return nil
}

func (s *scene) planned(n string) *roll.Planned {
	for i := range s.plan.Members {
		if s.plan.Members[i].Name == n {
			return &s.plan.Members[i]
		}
	}
	return nil
}

func (s *scene) see(n string, c roll.Condition) {
	sight := s.world.Sights[n]
	sight.Condition = c
	s.world.Sights[n] = sight
}

func (s *scene) set(n string, state roll.Progress) { s.member(n).State = state }

// told writes steps shortly: "restart a", "settle b skipped", "wait 12:05".
func told(steps []roll.Step) string {
	var list []string
	for _, s := range steps {
		words := []string{string(s.Do), s.Name, string(s.State), string(s.End), strings.Join(s.Names, "+")}
		if !s.Until.IsZero() {
			words = append(words, s.Until.Format("15:04"))
		}
		list = append(list, strings.Join(strings.Fields(strings.Join(words, " ")), " "))
	}
	return strings.Join(list, ", ")
}

// long: a table
func TestNext(t *testing.T) {
	arrived := roll.Sight{Condition: roll.Up, Boot: "new", Generation: 2}
	tests := []struct {
		summary string
		plan    func(*scene) // before the roll is made
		change  func(*scene)
		want    string
	}{
		{"as many as may be down", nil, nil, "restart a, restart b, wait"},
		{"as many as the batch has", func(s *scene) { s.plan.Policy.Batch = "1" }, nil, "restart a, wait"},
		{"a share of the fleet", func(s *scene) { s.plan.Policy.MaxUnavailable = "75%" }, nil, "restart a, restart b, restart c, wait"},
		{"who is sick already counts", nil, func(s *scene) { s.see("d", roll.Sick) }, "restart a, restart d, wait"},
		{"who is down already counts", func(s *scene) { s.planned("d").Action = roll.None }, func(s *scene) { s.see("d", roll.Down) }, "restart a, wait"},
		{"who was stopped does not", func(s *scene) { s.planned("d").Resting = true }, func(s *scene) { s.see("d", roll.Resting) },
			"restart a, restart b, wait"},
		{"nobody when too many are sick", func(s *scene) { s.planned("c").Action, s.planned("d").Action = roll.None, roll.None },
			func(s *scene) { s.see("c", roll.Sick); s.see("d", roll.Sick) }, "wait"},
		{"of a tag", func(s *scene) {
			s.plan.Policy.PerTag = map[string]profiles.Amount{"db": "1"}
			s.planned("a").Tags, s.planned("b").Tags = []string{"db"}, []string{"db"}
		}, nil, "restart a, restart c, wait"},
		{"of a profile", func(s *scene) {
			for _, n := range []string{"a", "b", "c"} {
				s.planned(n).Patch.MaxUnavailable = "1"
			}
			s.planned("d").Profile = "db"
		}, nil, "restart a, restart d, wait"},
		{"by priority", func(s *scene) { s.planned("d").Priority, s.planned("c").Priority = 90, 60 }, nil, "restart d, restart c, wait"},
		{"after others", func(s *scene) { s.planned("a").Patch.After = []string{"b", "c"} }, nil, "restart b, restart c, wait"},
		{"after those of a tag, not after itself", func(s *scene) {
			s.planned("a").Patch.After, s.planned("a").Tags, s.planned("d").Tags = []string{"@db"}, []string{"db"}, []string{"db"}
		}, nil, "restart b, restart c, wait"},
		{"not after who is held", func(s *scene) { s.planned("a").Patch.After = []string{"b"} }, func(s *scene) {
			s.set("b", roll.Held)
			s.world.Marks.Holds = map[string]time.Time{"b": {}}
		}, "restart a, restart c, wait"},
		{"out of the window", func(s *scene) {
			for _, n := range []string{"a", "b", "c", "d"} {
				s.planned(n).Patch.Window = []string{"13:00-14:00 UTC"}
			}
		}, nil, "wait 13:00"},
		{"some in the window", func(s *scene) { s.planned("a").Patch.Window = []string{"13:00-14:00 UTC"} }, nil, "restart b, restart c, wait 13:00"},
		{"cooling down", func(s *scene) { s.planned("a").Patch.Cooldown = profiles.Duration(time.Hour) }, func(s *scene) {
			sight := s.world.Sights["a"]
			sight.Started = noon().Add(-time.Minute)
			s.world.Sights["a"] = sight
		}, "restart b, restart c, wait 12:59"},
		{"stopped by hand", nil, func(s *scene) { s.see("a", roll.Resting) }, "settle a skipped"},
		{"ended by itself", nil, func(s *scene) { s.see("a", roll.Down) }, "settle a skipped"},
		{"destroyed", nil, func(s *scene) { delete(s.world.Sights, "a") }, "settle a skipped"},
		{"restarted by somebody else", nil, func(s *scene) { s.world.Sights["a"] = arrived }, "settle a done"},
		{"started on an older generation meanwhile", nil, func(s *scene) { s.world.Sights["a"] = roll.Sight{Condition: roll.Up, Boot: "x", Generation: 1} },
			"restart a, restart b, wait"},
		{"held for a time", nil, func(s *scene) { s.world.Marks.Holds = map[string]time.Time{"a": noon().Add(time.Hour)} }, "settle a held"},
		{"no longer held", nil, func(s *scene) { s.set("a", roll.Held); s.world.Marks.Holds = map[string]time.Time{"a": noon()} }, "settle a pending"},
		{"interrupted before anything was done", nil, func(s *scene) { s.set("a", roll.Restarting) }, "settle a pending"},
		{"interrupted when it was down", nil, func(s *scene) {
			s.set("a", roll.Restarting)
			s.world.Sights["a"] = roll.Sight{Condition: roll.Down, Restarting: true}
		}, "restart a, wait"},
		{"interrupted, and stopped by hand then", nil, func(s *scene) { s.set("a", roll.Restarting); s.see("a", roll.Resting) }, "settle a skipped"},
		{"interrupted when it was done", nil, func(s *scene) { s.set("a", roll.Restarting); s.world.Sights["a"] = arrived }, "arrive a"},
		{"interrupted, and somebody works on it", nil, func(s *scene) {
			s.set("a", roll.Restarting)
			s.member("a").NotBefore = noon().Add(time.Minute)
			s.world.Sights["a"] = roll.Sight{Condition: roll.Down, Restarting: true}
		}, "restart b, wait 12:01"},
		{"to be checked", nil, func(s *scene) { s.set("a", roll.Checking) }, "check a, wait"},
		{"being checked", nil, func(s *scene) { s.set("a", roll.Checking); s.world.Busy = map[string]bool{"a": true} }, "restart b, wait"},
		{"stopped by hand when it was to be checked", nil, func(s *scene) { s.set("a", roll.Checking); s.see("a", roll.Resting) }, "settle a skipped"},
		{"a failure halts", nil, func(s *scene) { s.set("a", roll.Failed) }, "halt"},
		{"a failure halts when the others have finished", nil, func(s *scene) {
			s.set("a", roll.Failed)
			s.set("b", roll.Restarting)
			s.world.Busy = map[string]bool{"b": true}
		}, "wait"},
		{"a failure is borne, and counts as down", func(s *scene) { s.plan.Policy.OnFailure = profiles.Continue },
			func(s *scene) { s.set("a", roll.Failed) }, "restart b, wait"},
		{"too many failures", func(s *scene) { s.plan.Policy.OnFailure, s.plan.Policy.MaxFailures = profiles.Continue, 2 },
			func(s *scene) { s.set("a", roll.Failed); s.set("b", roll.Failed) }, "halt"},
		{"a canary's failure halts always", func(s *scene) { s.plan.Policy.OnFailure = profiles.Continue },
			func(s *scene) { s.set("a", roll.Failed); s.member("a").Canary = true }, "halt"},
		{"packages are being changed", nil, func(s *scene) { s.world.Changing = "dpkg is at work" }, "wait 12:00"},
		{"packages are being changed, and somebody is down", nil, func(s *scene) {
			s.world.Changing = "dpkg is at work"
			s.set("a", roll.Restarting)
			s.world.Sights["a"] = roll.Sight{Condition: roll.Down, Restarting: true}
			s.set("b", roll.Checking)
		}, "restart a, check b, wait"},
		{"paused", nil, func(s *scene) { s.world.Marks.Paused = true }, "wait"},
		{"paused with somebody under way", nil, func(s *scene) { s.world.Marks.Paused = true; s.set("a", roll.Checking) }, "check a, wait"},
		{"paused and done", nil, func(s *scene) { s.world.Marks.Paused = true; s.all(roll.Done) }, "end finished"},
		{"aborted", nil, func(s *scene) { s.world.Marks.Abort = true }, "settle a skipped, settle b skipped, settle c skipped, settle d skipped"},
		{"aborted with somebody under way", nil, func(s *scene) {
			s.all(roll.Skipped)
			s.set("a", roll.Checking)
			s.world.Marks.Abort = true
		}, "check a, wait"},
		{"aborted when it was halted", nil, func(s *scene) { s.world.Marks.Abort = true; s.roll.State = roll.Halted }, "end aborted"},
		{"halted", nil, func(s *scene) { s.roll.State = roll.Halted }, ""},
		{"resumed", nil, func(s *scene) { s.roll.State = roll.Halted; s.world.Marks.Resume = true }, "resume"},
		{"a plan waits", nil, func(s *scene) { s.world.Marks.Plan = true }, "merge"},
		{"a plan waits for who is under way", nil, func(s *scene) { s.world.Marks.Plan = true; s.set("a", roll.Checking) }, "check a, wait"},
		{"measured first", func(s *scene) { s.planned("c").Before = nil }, nil, "measure c"},
		{"being measured", func(s *scene) { s.planned("c").Before = nil }, func(s *scene) { s.world.Busy = map[string]bool{"c": true} }, "wait"},
		{"everybody done", nil, func(s *scene) { s.all(roll.Done) }, "end finished"},
		{"held ones do not keep it", nil, func(s *scene) {
			s.all(roll.Done)
			s.set("a", roll.Held)
			s.world.Marks.Holds = map[string]time.Time{"a": {}}
		}, "end finished"},
		{"over", nil, func(s *scene) { s.roll.State = roll.Finished }, ""},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			s := newScene(t, test.plan, test.change)
			before := fmt.Sprintf("%+v", s.roll)
			if got := told(roll.Next(s.roll, s.world, s.now)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if after := fmt.Sprintf("%+v", s.roll); after != before {
				t.Error("Next has changed the roll")
			}
		})
	}
}

func (s *scene) all(state roll.Progress) {
	for i := range s.roll.Members {
		s.roll.Members[i].State = state
	}
}

// long: a table
func TestCanaries(t *testing.T) {
	tests := []struct {
		summary, canary string
		plan            func(*scene)
		change          func(*scene)
		want            string
	}{
		{"none", "none", nil, nil, "pass"},
		{"the first", "1", nil, nil, "elect a"},
		{"a share", "50%", nil, nil, "elect a+b"},
		{"more than there are", "9", nil, nil, "elect a+b+c+d"},
		{"who was sick proves nothing", "1", func(s *scene) { s.planned("a").Before.Ready = false }, nil, "elect b"},
		{"all were sick", "1", func(s *scene) {
			for i := range s.plan.Members {
				s.plan.Members[i].Before.Ready = false
			}
		}, nil, "pass"},
		{"who may not be restarted yet is none", "2", func(s *scene) {
			s.planned("a").Patch.Window = []string{"13:00-14:00 UTC"}
			s.planned("b").Patch.After = []string{"c"}
		}, nil, "elect c+d"},
		{"nobody may be restarted yet", "1", func(s *scene) {
			for i := range s.plan.Members {
				s.plan.Members[i].Patch.Window = []string{"13:00-14:00 UTC"}
			}
		}, nil, "wait 13:00"},
		{"a target", "@canary", func(s *scene) { s.planned("c").Tags, s.planned("d").Tags = []string{"canary"}, []string{"canary"} }, nil, "elect c+d"},
		{"a target with who is before it", "d", func(s *scene) { s.planned("d").Patch.After = []string{"b"} }, nil, "elect b+d"},
		{"a target that is nobody", "x", nil, nil, "elect a"},
		{"a target that was sick", "c", func(s *scene) { s.planned("c").Before.Ready = false }, nil, "elect a"},
		{"elected", "1", nil, func(s *scene) { s.member("b").Canary = true }, "restart b, wait"},
		{"being watched", "1", nil, func(s *scene) {
			s.member("b").Canary, s.member("b").State, s.member("b").Passed = true, roll.Checking, noon().Add(-10*time.Second)
		}, "wait 12:00"},
		{"watched", "1", nil, func(s *scene) {
			s.member("b").Canary, s.member("b").State, s.member("b").Passed = true, roll.Checking, noon().Add(-time.Minute)
		}, "check b, wait"},
		{"well", "1", nil, func(s *scene) { s.member("b").Canary, s.member("b").State = true, roll.Done }, "pass"},
		{"gone", "1", nil, func(s *scene) { s.member("b").Canary, s.member("b").State = true, roll.Skipped }, "elect a"},
		{"one of two is well", "2", nil, func(s *scene) {
			s.member("a").Canary, s.member("a").State, s.member("b").Canary = true, roll.Done, true
		}, "restart b, wait"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			s := newScene(t, func(s *scene) {
				s.plan.Policy.Canary = test.canary
				if test.plan != nil {
					test.plan(s)
				}
			}, func(s *scene) {
				s.roll.Proven = false
				if test.change != nil {
					test.change(s)
				}
			})
			if got := told(roll.Next(s.roll, s.world, s.now)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestBlockedSaysWho(t *testing.T) {
	s := newScene(t, func(s *scene) { s.plan.Policy.MaxUnavailable = "1"; s.planned("d").Action = roll.None }, func(s *scene) { s.see("d", roll.Sick) })
	steps := roll.Next(s.roll, s.world, s.now)
	if len(steps) != 1 || !steps[0].Blocked || steps[0].Reason != "max_unavailable is 1 (1), and down are d" {
		t.Errorf("got %+v", steps)
	}
}
