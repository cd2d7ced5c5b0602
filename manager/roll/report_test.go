package roll_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/roll"
)

func TestReport(t *testing.T) {
	first := newScene(t, func(s *scene) {
		s.plan.Packages = []roll.Change{{Package: "libssl3", Old: "1", New: "2"}, {Package: "bash", Old: "5", New: "6"}}
		s.planned("d").Action, s.planned("d").Reasons = roll.None, nil
	}, func(s *scene) {
		s.set("a", roll.Done)
		s.member("a").Ended, s.member("a").Result = noon().Add(time.Minute), roll.Result{Boot: "x", Generation: 2}
		s.set("b", roll.Failed)
		s.member("b").Reason = "newly failed: x.service"
		s.set("c", roll.Held)
		s.member("c").Reason = "held"
		s.roll.State, s.roll.Reason = roll.Aborted, "aborted"
	}).roll
	second := newScene(t, func(s *scene) {
		s.plan.Generation, s.plan.Packages = 3, []roll.Change{{Package: "libssl3", Old: "2", New: "3"}}
		s.planned("d").Resting = true
	}, func(s *scene) {
		s.set("a", roll.Pending)
		s.set("b", roll.Done)
		s.member("b").Ended, s.member("b").Result = noon().Add(time.Hour), roll.Result{Boot: "y", Generation: 3}
		delete(s.world.Sights, "c")
		s.roll.Members = append(s.roll.Members[:2], s.roll.Members[3:]...)
	}).roll
	second.ID = "20261120T130000Z-000"
	rolls := []roll.Roll{first, second}
	line := func(r roll.Roll, c roll.Change, last time.Time, have, of, resting int, rest ...roll.Rest) roll.Line {
		return roll.Line{
			Change: c, Roll: r.ID, Generation: r.Generation, Seen: noon(), Last: last, Have: have, Of: of, Resting: resting, Rest: rest,
			State: r.State, Why: r.Reason,
		}
	}
	later := noon().Add(time.Hour)
	want := []roll.Line{
		line(second, second.Packages[0], later, 1, 2, 1, roll.Rest{Name: "a", Reason: "pending"}),
		line(first, first.Packages[0], later, 3, 4, 0, roll.Rest{Name: "c", Reason: "held: held"}),
		line(first, first.Packages[1], later, 3, 4, 0, roll.Rest{Name: "c", Reason: "held: held"}),
	}
	if diff := cmp.Diff(want, roll.Report(rolls, "", nil)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want[2:], roll.Report(rolls, "bash", nil)); diff != "" {
		t.Error(diff)
	}
	now := map[string]error{"a": errors.New("stale: maps libssl3"), "b": nil, "c": nil} // d was destroyed
	want = []roll.Line{line(first, first.Packages[1], later, 2, 3, 0, roll.Rest{Name: "a", Reason: "stale: maps libssl3"})}
	if diff := cmp.Diff(want, roll.Report(rolls, "bash", now)); diff != "" {
		t.Error(diff)
	}
	if lines := roll.Report(nil, "", nil); len(lines) != 0 {
		t.Errorf("of no rolls: %v", lines)
	}
}
