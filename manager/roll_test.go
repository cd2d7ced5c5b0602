package manager_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/patch"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// look returns what a roll sees of a container.
func look(t *testing.T, m *manager.Manager, container string) roll.Sight {
	t.Helper()
	w, err := m.Roller().Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w.Sights[container]
}

func TestRollerRestarts(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a", "b")
	r := f.Roller()
	good(t, f.Manager.Start(t.Context(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{}))
	before := look(t, f.Manager, "a")
	if before.Condition != roll.Up || before.Boot == "" || before.Started.IsZero() {
		t.Fatalf("a container that runs is seen as %+v", before)
	}
	after, err := r.Restart(t.Context(), "a", before.Boot, []string{"because"})
	if err != nil || after.Condition != roll.Up || after.Boot == before.Boot || len(f.begun) != 2 {
		t.Errorf("restarted: %+v, %v; begun %v", after, err, f.begun)
	}
	mark := filepath.Join(f.dirs.Run, "containers", "a", "restart") // as one leaves it that was killed between the start and taking it away
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := r.Restart(t.Context(), "a", before.Boot, nil)
	if err != nil || again.Boot != after.Boot || again.Restarting || len(f.begun) != 2 {
		t.Errorf("one that has another boot: %+v, %v; begun %v", again, err, f.begun)
	}
	if s := look(t, f.Manager, "b"); s.Condition != roll.Resting || s.Boot != "" {
		t.Errorf("a stopped one is seen as %+v", s)
	}
	if s, err := r.Restart(t.Context(), "b", "", nil); err != nil || s.Condition != roll.Resting || len(f.begun) != 2 {
		t.Errorf("a stopped one: %+v, %v; begun %v", s, err, f.begun)
	}
	if s, err := r.Restart(t.Context(), "c", "", nil); err != nil || s != (roll.Sight{}) {
		t.Errorf("one that is not there: %+v, %v", s, err)
	}
	if h, err := r.Health(t.Context(), "a", nil, time.Minute); err != nil || !h.Ready || len(h.Failed) > 0 {
		t.Errorf("health: %+v, %v", h, err)
	}
	if h, err := r.Health(t.Context(), "b", nil, time.Minute); err != nil || h.Ready || h.Probe == "" {
		t.Errorf("health of a stopped one: %+v, %v", h, err)
	}
}

// A restart that was interrupted is finished; while somebody else works on the container, nothing is done.
func TestRollerFinishes(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	good(t, f.Manager.Start(t.Context(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{}))
	boot := look(t, f.Manager, "a").Boot
	locks, err := record.OpenLocks(f.dirs.Lock())
	if err != nil {
		t.Fatal(err)
	}
	if err := locks.Try("a", record.Verb); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Roller().Restart(t.Context(), "a", boot, nil); !errors.Is(err, roll.ErrLater) || s.Boot != boot {
		t.Errorf("with its lock taken: %+v, %v", s, err)
	}
	if err := locks.Close(); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("no room")
	f.before = func(context.Context, string, func()) error { return failed }
	s, err := f.Roller().Restart(t.Context(), "a", boot, nil)
	if !errors.Is(err, failed) || s.Condition != roll.Down || !s.Restarting || s.Boot != "" {
		t.Errorf("one that does not start: %+v, %v", s, err)
	}
	f.before = nil
	if s, err = f.Roller().Restart(t.Context(), "a", "", nil); err != nil || s.Condition != roll.Up || s.Restarting {
		t.Errorf("finished: %+v, %v", s, err)
	}
}

// A start that goes on although whoever began it was killed is waited for: to begin it anew would start the container twice.
func TestRollerWaits(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	good(t, f.Manager.Start(t.Context(), manager.PlanStart(f.observe(t), []string{"a"}), manager.Apply{}))
	failed := errors.New("no room")
	f.before = func(context.Context, string, func()) error { return failed }
	if s, err := f.Roller().Restart(t.Context(), "a", look(t, f.Manager, "a").Boot, nil); !errors.Is(err, failed) || !s.Restarting {
		t.Fatalf("one that does not start: %+v, %v", s, err)
	}
	begun, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	f.before = func(_ context.Context, name string, _ func()) error {
		self, err := alive.Self()
		err = errors.Join(err, f.live.Save(name, record.Live{Phase: record.PhaseStarting, Starter: self, Started: time.Now().UTC()}))
		close(begun)
		<-goOn
		return err
	}
	go func() { ended <- f.start(context.Background(), "a", nil) }()
	<-begun
	f.before = nil
	if s := look(t, f.Manager, "a"); s.Condition != roll.Sick || s.Boot != "" || !s.Restarting {
		t.Errorf("while it starts: %+v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if s, err := f.Roller().Restart(ctx, "a", "", nil); !errors.Is(err, context.Canceled) || s.Condition != roll.Sick || len(f.begun) != 3 {
		t.Errorf("one who waits and has to end: %+v, %v; begun %v", s, err, f.begun)
	}
	time.AfterFunc(100*time.Millisecond, func() { close(goOn) })
	s, err := f.Roller().Restart(t.Context(), "a", "", nil)
	if err := errors.Join(err, <-ended); err != nil || s.Condition != roll.Up || len(f.begun) != 3 {
		t.Errorf("waited for: %+v, %v; begun %v", s, err, f.begun)
	}
}

// TestRollPlanOfAll: patch.scope all asks for a restart after a change, and for none without one; --all asks for one in any case.
func TestRollPlanOfAll(t *testing.T) {
	tests := []struct {
		summary string
		behind  bool
		state   record.State
		scope   profiles.PatchScope
		all     bool
		want    roll.Action
	}{
		{"mounted before a patch", true, record.Running, profiles.All, false, roll.Restart},
		{"mounted after it", false, record.Running, profiles.All, false, roll.None},
		{"stopped", false, record.Stopped, profiles.All, false, roll.None},
		{"of the affected only", true, record.Running, profiles.Affected, false, roll.None},
		{"all by hand", false, record.Running, profiles.Affected, true, roll.Restart},
		{"all by hand, stopped", false, record.Stopped, profiles.Affected, true, roll.None},
	}
	for _, test := range tests {
		c := manager.Container{Name: "a", Record: record.Record{Spec: spec(t)}, Status: record.Status{State: test.state, Ready: true}}
		c.Record.Spec.Patch.Scope = test.scope
		if test.state == record.Running {
			c.Live.Init.PID = 7
		}
		verdict := patch.Judgement{Name: "a", Verdict: patch.Unaffected, Action: patch.None, Generation: 2}
		found := manager.Inspection{Newest: 3, Containers: []manager.Judged{{Judgement: verdict, Behind: test.behind}}}
		p := manager.RollPlan(manager.World{Containers: []manager.Container{c}}, found, nil, profiles.DefaultPolicy(),
			manager.RollOptions{Manual: test.all, All: test.all}, time.Now())
		r, err := roll.New("20261120T120000Z-000", p, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", test.summary, err)
		}
		if m := r.Members[0]; m.Action != test.want || (m.State == roll.Pending) != (test.want == roll.Restart) || len(m.Reasons) == 0 != (test.want == roll.None) {
			t.Errorf("%s: %s, %s because %q", test.summary, m.Action, m.State, m.Reasons)
		}
	}
}

// long: a table
func TestRollPlan(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	policy := profiles.DefaultPolicy()
	policy.Packages = map[string]profiles.Reaction{"tzdata": profiles.ReactLazy, "vim": profiles.ReactIgnore}
	of := func(packages ...string) []patch.Reason {
		var list []patch.Reason
		for _, p := range packages {
			list = append(list, patch.Reason{Kind: "mapped", Path: "/usr/lib/x", Package: p, Old: "1", New: "2"})
		}
		return list
	}
	old := map[int]time.Time{1: now.Add(-8 * 24 * time.Hour), 2: now.Add(-time.Hour)}
	tests := []struct {
		summary    string
		verdict    patch.Verdict
		action     patch.Action
		generation int
		reasons    []patch.Reason
		want       roll.Action
		left       bool
	}{
		{"patched", patch.Patched, patch.None, 3, nil, roll.None, false},
		{"stale", patch.Stale, patch.Restart, 2, of("libssl3"), roll.Restart, false},
		{"stale by no package", patch.Stale, patch.Restart, 2, of(""), roll.Restart, false},
		{"to wait", patch.Stale, patch.Wait, 2, of("libssl3"), roll.Wait, false},
		{"shadowed", patch.Shadowed, patch.Heal, 2, of("libssl3"), roll.Heal, false},
		{"unaffected", patch.Unaffected, patch.None, 2, nil, roll.None, false},
		{"unaffected for long", patch.Unaffected, patch.None, 1, nil, roll.Restart, false},
		{"not looked at", patch.Unknown, patch.Wait, 2, of(""), roll.Wait, false},
		{"not looked at for long", patch.Unknown, patch.Wait, 1, of(""), roll.Restart, false},
		{"not looked at, on the newest", patch.Unknown, patch.Wait, 3, of(""), roll.Wait, false},
		{"of no known generation", patch.Unknown, patch.Wait, 0, of(""), roll.Wait, false},
		{"of no known generation for long", patch.Unknown, patch.Wait, 0, of(""), roll.Restart, false},
		{"broken for long", patch.Unknown, patch.None, 1, nil, roll.None, false},
		{"lazy", patch.Stale, patch.Restart, 2, of("tzdata", "vim"), roll.Restart, true},
		{"lazy for long", patch.Stale, patch.Restart, 1, of("tzdata"), roll.Restart, false},
		{"lazy and not", patch.Stale, patch.Restart, 2, of("tzdata", "libssl3"), roll.Restart, false},
		{"ignored", patch.Stale, patch.Restart, 1, of("vim"), roll.Restart, true},
	}
	for _, test := range tests {
		c := manager.Container{Name: "a", Record: record.Record{Spec: spec(t)}, Status: record.Status{State: record.Running, Ready: true}}
		c.Record.Spec.Tags, c.Record.Spec.Priority, c.Live.Started = []string{"x"}, 7, now.Add(-time.Hour)
		if strings.HasSuffix(test.summary, "for long") {
			c.Live.Started = now.Add(-8 * 24 * time.Hour)
		}
		w := manager.World{Containers: []manager.Container{c, {Name: "b", Err: record.ErrDamaged}}}
		found := manager.Inspection{Newest: 3, Packages: []generation.PackageChange{{Name: "libssl3", Arch: "amd64", Old: "1", New: "2"}}}
		found.Containers = []manager.Judged{{Judgement: patch.Judgement{
			Name: "a", Verdict: test.verdict, Action: test.action, Generation: test.generation, Reasons: test.reasons,
		}}}
		p := manager.RollPlan(w, found, old, policy, manager.RollOptions{}, now)
		if err := p.Check(); err != nil || len(p.Members) != 1 || p.Generation != 3 {
			t.Fatalf("%s: %+v, %v", test.summary, p, err)
		}
		m := p.Members[0]
		if m.Action != test.want || (m.Leave != "") != test.left || len(m.Reasons) == 0 != (test.want == roll.None) {
			t.Errorf("%s: action %s, %q, left because %q", test.summary, m.Action, m.Reasons, m.Leave)
		}
		if m.Priority != 7 || !cmp.Equal(m.Tags, []string{"x"}) || m.Profile != "command" || m.Patch.Mode != profiles.Auto {
			t.Errorf("%s: %+v", test.summary, m)
		}
		if diff := cmp.Diff([]roll.Change{{Package: "libssl3", Arch: "amd64", Old: "1", New: "2"}}, p.Packages); diff != "" {
			t.Error(diff)
		}
		other := manager.RollPlan(w, found, old, policy, manager.RollOptions{Only: map[string]bool{"z": true}}, now)
		if other.Members[0].Leave != "not asked for" {
			t.Errorf("%s: one that was not asked for: %+v", test.summary, other.Members[0])
		}
	}
}
