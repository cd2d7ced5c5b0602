//go:build go1.25

package roll_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

// schedule is one random fleet with one random policy.
type schedule struct {
	*fleet
	t      *testing.T
	dir    string
	policy profiles.Policy
	after  map[string][]string
	window profiles.Windows
	tags   map[string][]string
	target int // generation
	kills  int
}

func newSchedule(t *testing.T, seed uint64, dir string) *schedule {
	rng := rand.New(rand.NewPCG(seed, 7))
	var names []string
	for i := range 1 + rng.IntN(10) {
		names = append(names, fmt.Sprint("web", i))
	}
	s := &schedule{fleet: newFleet(rng, names...), t: t, dir: dir, after: map[string][]string{}, tags: map[string][]string{}}
	p := profiles.DefaultPolicy()
	amounts := []profiles.Amount{"1", "2", "3", "10%", "50%", "100%"}
	p.MaxUnavailable, p.Batch = amounts[rng.IntN(len(amounts))], amounts[rng.IntN(len(amounts))]
	p.Canary = []string{"none", "1", "2", "30%", "web3", "@db"}[rng.IntN(6)]
	p.Soak = []profiles.Duration{0, profiles.Duration(time.Minute), profiles.Duration(20 * time.Minute)}[rng.IntN(3)]
	p.PerTag = map[string]profiles.Amount{"db": "1", "front": "2"}
	if rng.IntN(3) == 0 {
		p.Window = []string{"01:00-01:05 UTC", "03:00-03:20 UTC", "Sun 10:00-12:00 UTC"}
		s.window, _ = profiles.ParseWindows(p.Window)
	}
	for i, n := range names {
		for range rng.IntN(2) {
			if i > 0 {
				s.after[n] = append(s.after[n], names[rng.IntN(i)])
			}
		}
		s.tags[n] = [][]string{nil, {"db"}, {"front"}, {"db", "front"}}[rng.IntN(4)]
	}
	s.policy = p
	s.stopped = s.check
	return s
}

func (s *schedule) shape(p *roll.Planned) {
	p.Patch.After, p.Tags = s.after[p.Name], s.tags[p.Name]
	p.Priority = 50 + len(p.Tags)
}

// patch is a patch of the host, and the plan that follows.
func (s *schedule) patch() {
	s.mu.Lock()
	s.generation++
	s.mu.Unlock()
	p := s.plan(s.policy, s.shape)
	if err := roll.Open(s.dir).WithWrite(unsynced).Submit(p); err != nil {
		s.t.Fatal(err)
	}
}

// check is called when the driver stops a container that is up; the container still counts as up.
func (s *schedule) check(name string, c *container) {
	if c.generation >= s.generation {
		s.note("%s is restarted although it is on the newest generation", name)
	}
	if open, _ := s.window.At(time.Now().Add(-s.latency * 3)); !open && len(s.window) > 0 { // the decision was as long ago at most
		if open, _ := s.window.At(time.Now()); !open {
			s.note("%s is restarted outside of the window, at %v", name, time.Now().UTC())
		}
	}
	if s.changing() && time.Since(s.changed) > s.latency*3 {
		s.note("%s is restarted while packages are changed", name)
	}
	if !s.changing() && s.rng.IntN(8) == 0 {
		s.change(time.Duration(s.rng.IntN(int(time.Hour))))
	}
	limits := map[string]profiles.Amount{"": s.policy.MaxUnavailable, "db": s.policy.PerTag["db"], "front": s.policy.PerTag["front"]}
	for tag, amount := range limits {
		in := func(n string) bool { return tag == "" || slices.Contains(s.tags[n], tag) }
		down, all := 1, 0
		for n, other := range s.containers {
			if !in(n) {
				continue
			}
			all++
			if n != name && other.marked && !other.running {
				down++
			}
		}
		if in(name) && down > amount.Of(all) {
			s.note("%s is the %dth of %d that is down, and %q allows %s", name, down, all, tag, amount)
		}
	}
	for _, n := range s.after[name] {
		if other := s.containers[n]; other != nil && other.running && other.generation < s.target {
			s.note("%s is restarted before %s", name, n)
		}
	}
}

// TestSchedules: random fleets and policies, with the driver killed and the host rebooted at random moments, end with everybody restarted once,
// within all limits.
func TestSchedules(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 150
	}
	var restarts, kills int
	for seed := range seeds {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSchedule(t, uint64(seed), dir)
			s.patch()
			s.target = s.generation
			s.finish(seed%5 == 0)
			restarts, kills = restarts+len(s.stops), kills+s.kills
			s.verify(seed)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d schedules, %d restarts, %d kills", seeds, restarts, kills)
	if restarts < seeds || kills < seeds {
		t.Error("the simulation does too little")
	}
}

// finish drives until the roll has ended, killing drivers again and again.
func (s *schedule) finish(reboots bool) roll.Roll {
	for try := 0; ; try++ {
		effects := s.random(40)
		if try > 20 {
			effects = -1
		}
		r, err := s.drive(s.dir, effects, nil)
		switch {
		case err == nil && r.ID != "" || err == nil && effects < 0:
			return r
		case errors.Is(err, errKilled):
			s.kills++
			if reboots && s.random(4) == 0 {
				s.reboot()
			}
		case err != nil:
			s.t.Fatalf("run: %v", err)
		}
	}
}

func (s *schedule) verify(seed int) {
	s.t.Helper()
	for _, w := range s.wrong {
		s.t.Errorf("seed %d: %s", seed, w)
	}
	entries, err := roll.Open(s.dir).List()
	if err != nil || len(entries) != 1 || entries[0].Err != nil {
		s.t.Fatalf("seed %d: rolls %+v, %v", seed, entries, err)
	}
	r := entries[0].Roll
	if r.State != roll.Finished {
		s.t.Errorf("seed %d: the roll is %s (%s)", seed, r.State, r.Reason)
	}
	count := map[string]int{}
	for _, n := range s.stops {
		count[n]++
	}
	for _, n := range slices.Sorted(maps.Keys(s.containers)) {
		c := s.containers[n]
		m, _ := r.Find(n)
		if c.running && c.generation < s.target {
			s.t.Errorf("seed %d: %s was forgotten: %+v", seed, n, m)
		}
		if !c.running && c.marked {
			s.t.Errorf("seed %d: %s was left half-restarted: %+v", seed, n, m)
		}
		if count[n] > 1 {
			s.t.Errorf("seed %d: %s was restarted %d times", seed, n, count[n])
		}
	}
}
