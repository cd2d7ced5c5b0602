package roll_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

var errKilled = errors.New("killed")

// container is one of the simulated fleet.
type container struct {
	running, ready, frozen bool
	crashed                bool // ended without having been asked to
	marked                 bool // a restart has stopped it and has not started it again
	autostart              bool
	byHand                 bool // somebody stopped it, and nobody has started it
	boot, generation       int
	started                time.Time
	failed                 []string
	locked                 bool // somebody else works on it
}

// fleet is a host with containers, and an Actor. It counts effects, so that a driver can be killed after any of them: nothing that the driver
// does has an effect from then on. What must never happen is noted at the moment at which it does.
type fleet struct {
	mu         sync.Mutex
	rng        *rand.Rand
	containers map[string]*container
	handed     int       // what was done by hand
	generation int       // of the host
	changed    time.Time // when somebody began to change packages, and until when
	until      time.Time
	boots      int
	broken     map[int]func(name string) bool // generations that make containers fail

	left   int // effects until the driver is killed; negative: never
	killed bool
	kill   context.CancelFunc

	stops   []string // those stopped by the driver while they were up, in order
	stopped func(name string, c *container)
	wrong   []string
	latency time.Duration
}

func newFleet(rng *rand.Rand, names ...string) *fleet {
	f := &fleet{rng: rng, containers: map[string]*container{}, generation: 1, left: -1, broken: map[int]func(string) bool{}, latency: 3 * time.Second}
	for _, n := range names {
		f.containers[n] = &container{}
		f.start(f.containers[n], n)
		f.containers[n].autostart = rng.IntN(2) == 0
	}
	return f
}

func (f *fleet) start(c *container, name string) {
	f.boots++
	if c.byHand {
		f.note("%s is started, and was stopped by hand", name)
	}
	c.running, c.ready, c.crashed, c.frozen, c.boot, c.generation, c.started = true, true, false, false, f.boots, f.generation, time.Now()
	c.failed = nil
	if breaks := f.broken[f.generation]; breaks != nil && breaks(name) {
		c.failed = []string{"app.service"}
	}
}

// effect does something unless the driver is dead, and kills it when its time has come: before the effect.
func (f *fleet) effect(do func()) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 && !f.killed {
		f.killed = true
		f.kill()
	}
	if f.killed {
		return errKilled
	}
	f.left--
	do()
	return nil
}

func (f *fleet) pause() { time.Sleep(time.Duration(f.random(int(f.latency)))) }

func (f *fleet) random(n int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(n)
}

func (f *fleet) sight(c *container) roll.Sight {
	s := roll.Sight{Restarting: c.marked, Started: c.started}
	switch {
	case c.frozen:
		s.Condition, s.Reason = roll.Resting, "frozen"
	case c.running && c.ready:
		s.Condition = roll.Up
	case c.running:
		s.Condition = roll.Sick
	case c.crashed || c.marked:
		s.Condition = roll.Down
	default:
		s.Condition, s.Reason = roll.Resting, "stopped"
	}
	if c.running {
		s.Boot, s.Generation = fmt.Sprint("boot", c.boot), c.generation
	}
	return s
}

func (f *fleet) changing() bool { return time.Now().Before(f.until) }

// change has somebody change packages for a while. The caller has the lock.
func (f *fleet) change(d time.Duration) { f.changed, f.until = time.Now(), time.Now().Add(d) }

func (f *fleet) Look(context.Context) (roll.World, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := roll.World{Sights: map[string]roll.Sight{}}
	if f.changing() {
		w.Changing = "dpkg is at work"
	}
	for n, c := range f.containers {
		w.Sights[n] = f.sight(c)
	}
	return w, nil
}

func (f *fleet) Restart(_ context.Context, name, boot string, _ []string) (roll.Sight, error) {
	var s roll.Sight
	idle := false
	step := func(do func(c *container) error) error {
		f.pause()
		var failed error
		err := f.effect(func() {
			c := f.containers[name]
			if c == nil {
				failed = errors.New("there is no such container")
				return
			}
			failed = do(c)
			s = f.sight(c)
		})
		return errors.Join(err, failed)
	}
	err := step(func(c *container) error {
		now := f.sight(c)
		idle = now.Condition == roll.Resting && !c.marked || now.Boot != boot
		if c.locked {
			return roll.ErrLater
		}
		c.locked = !idle // our own lock
		return nil
	})
	if err != nil || idle {
		return s, err
	}
	defer f.unlock(name)
	for _, do := range []func(c *container){
		func(c *container) { c.marked = true }, func(c *container) { f.stop(name, c) }, func(c *container) { f.start(c, name) },
		func(c *container) { c.marked = false },
	} {
		if err := step(func(c *container) error { do(c); return nil }); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (f *fleet) unlock(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[name]; c != nil {
		c.locked = false
	}
}

// stop is where a driver can do harm.
func (f *fleet) stop(name string, c *container) {
	if c.running && c.ready {
		f.stops = append(f.stops, name)
		if f.stopped != nil {
			f.stopped(name, c)
		}
	}
	c.running, c.crashed = false, false
}

func (f *fleet) Health(context.Context, string, []string, time.Duration) (roll.Health, error) {
	panic("wrapped by actor")
}

// actor is the fleet for one driver.
type actor struct{ *fleet }

func (a actor) Health(_ context.Context, name string, _ []string, _ time.Duration) (h roll.Health, err error) {
	a.pause()
	errEffect := a.effect(func() {
		c := a.containers[name]
		if c == nil || !c.running {
			err = errors.New("it does not run")
			return
		}
		h = roll.Health{Ready: c.ready, Failed: slices.Clone(c.failed)}
	})
	return h, errors.Join(err, errEffect)
}

// hand does what a human does, with the lock that a verb takes.
func (f *fleet) hand(name string, do func(c *container)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.containers[name]; c != nil && !c.locked {
		f.handed++
		do(c)
	}
}

// reboot is that of the host: what starts by itself starts, the rest stays stopped.
func (f *fleet) reboot() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n, c := range f.containers {
		wasUp := c.running
		c.running, c.marked, c.locked, c.frozen, c.crashed = false, false, false, false, false
		if c.autostart && wasUp {
			f.start(c, n)
		}
	}
}

func (f *fleet) note(format string, args ...any) {
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

// plan is what a plan says of the fleet now: whoever is on an older generation is to be restarted.
func (f *fleet) plan(policy profiles.Policy, shape func(p *roll.Planned)) roll.Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := roll.Plan{Generation: f.generation, Policy: policy, Packages: []roll.Change{{Package: "libssl3", Old: "1", New: fmt.Sprint(f.generation)}}}
	for _, n := range slices.Sorted(maps.Keys(f.containers)) {
		c := f.containers[n]
		m := roll.Planned{Name: n, Profile: "web", Priority: 50, Action: roll.None, Patch: policy.For(profiles.Patch{})}
		s := f.sight(c)
		m.Resting, m.Boot = s.Condition == roll.Resting, s.Boot
		if c.running && c.generation < f.generation {
			m.Action, m.Reasons = roll.Restart, []string{"maps libssl.so.3"}
		}
		if shape != nil {
			shape(&m)
		}
		p.Members = append(p.Members, m)
	}
	return p
}
