package manager_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
)

// TestRangesAreUnique has commands create containers side by side, as each command has a manager of its own: no range is owned twice.
func TestRangesAreUnique(t *testing.T) {
	f := newFleet(t)
	const commands, each = 6, 8
	s := spec(t)
	var all sync.WaitGroup
	for i := range commands {
		m := f.open(t, nil)
		names := make([]string, each)
		for j := range names {
			names[j] = fmt.Sprintf("c%d-%d", i, j)
		}
		all.Add(1)
		go func() {
			defer all.Done()
			good(t, m.Create(context.Background(), manager.PlanCreate(manager.World{}, names, s, false), s, manager.Apply{}))
		}()
	}
	all.Wait()
	w := f.observe(t)
	if len(w.Containers) != commands*each {
		t.Fatalf("%d containers are there, want %d", len(w.Containers), commands*each)
	}
	owners := map[uint32]string{}
	machines := map[string]string{}
	for _, c := range w.Containers {
		r := c.Record.Range
		if other, taken := owners[r.Start]; taken {
			t.Errorf("%s and %s own %v", other, c.Name, r)
		}
		if other, taken := machines[c.Record.MachineID]; taken {
			t.Errorf("%s and %s have the machine id %s", other, c.Name, c.Record.MachineID)
		}
		if r.Size != idrange.Size || r.Start%idrange.Size != 0 || r.Start == idrange.Default().Shared().Start {
			t.Errorf("%s owns %v", c.Name, r)
		}
		owners[r.Start], machines[c.Record.MachineID] = c.Name, c.Name
	}
}

// TestOneNameTwice: of two commands that create one name, one does.
func TestOneNameTwice(t *testing.T) {
	f := newFleet(t)
	s := spec(t)
	var all sync.WaitGroup
	results := make([]manager.Outcome, 8)
	for i := range results {
		m := f.open(t, nil)
		all.Add(1)
		go func() {
			defer all.Done()
			results[i] = m.Create(context.Background(), manager.PlanCreate(manager.World{}, []string{"a"}, s, false), s, manager.Apply{})[0]
		}()
	}
	all.Wait()
	made := 0
	for _, o := range results {
		switch {
		case o.Err == nil && o.Changed:
			made++
		case o.Err == nil && o.Action == manager.None, errors.Is(o.Err, record.ErrBusy):
		default:
			t.Errorf("one of many says %+v", o)
		}
	}
	if made != 1 {
		t.Errorf("it was made %d times", made)
	}
}

func TestIsolations(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t, "isolation=shared"), "s1", "s2")
	f.create(t, spec(t, "isolation=privileged"), "p1", "p2")
	f.create(t, spec(t), "own1", "own2")
	shared := idrange.Default().Shared()
	want := map[string]idrange.Range{
		"s1": shared, "s2": shared, "p1": {}, "p2": {},
		"own1": {Start: shared.Start + idrange.Size, Size: idrange.Size}, "own2": {Start: shared.Start + 2*idrange.Size, Size: idrange.Size},
	}
	for _, c := range f.observe(t).Containers {
		if c.Err != nil || c.Record.Range != want[c.Name] {
			t.Errorf("%s has %v, %v; want %v", c.Name, c.Record.Range, c.Err, want[c.Name])
		}
	}
}

// TestRangeOfWhatCannotBeRead: the range of a damaged record, of a draft and of trash is nobody else's.
func TestRangeOfWhatCannotBeRead(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a", "b")
	dir := filepath.Join(f.dirs.State, "containers", "a")
	text, err := os.ReadFile(filepath.Join(dir, "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(string(text), `"format": 1`, `"format": 99`, 1)
	if err := os.WriteFile(filepath.Join(dir, "record.json"), []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := f.observe(t).Find("b")
	f.create(t, spec(t), "c")
	c, _ := f.observe(t).Find("c")
	if c.Record.Range.Start == before.Record.Range.Start-idrange.Size {
		t.Errorf("c got %v, which belongs to a, whose record is of a newer sysctr", c.Record.Range)
	}
	if o := f.Destroy(context.Background(), manager.PlanDestroy(f.observe(t), []string{"a"}, true), manager.Apply{})[0]; !errors.Is(o.Err, record.ErrFormat) {
		t.Errorf("a record of a newer sysctr is destroyed: %v", o.Err)
	}
	if now, err := os.ReadFile(filepath.Join(dir, "record.json")); err != nil || string(now) != newer {
		t.Errorf("it was rewritten: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "record.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSweepsDrafts: what crashed commands left is gone after the next creation; containers of similar names are not.
func TestSweepsDrafts(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "new-york", "trash-1")
	left := []string{".new-x", ".new-y", ".trash-z-0123456789abcdef", ".trash-new-york-0123456789abcdef"}
	for _, n := range append(left, ".hidden") {
		if err := os.MkdirAll(filepath.Join(f.dirs.State, "containers", n, "delta/upper"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	other := f.open(t, nil)
	inside, leave := make(chan struct{}), make(chan struct{})
	f.create(t, spec(t), "y")
	f.before = func(context.Context, string, func()) error { close(inside); <-leave; return nil }
	working := make(chan []manager.Outcome)
	go func() {
		working <- other.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"y"}), manager.Apply{})
	}()
	select {
	case <-inside:
	case outcomes := <-working:
		t.Fatalf("y does not start: %+v", outcomes)
	}
	busy := filepath.Join(f.dirs.State, "containers", ".trash-y-0123456789abcdef")
	if err := os.Mkdir(busy, 0o700); err != nil {
		t.Fatal(err)
	}
	f.create(t, spec(t), "x")
	want := []string{".hidden", ".trash-y-0123456789abcdef", "new-york", "trash-1", "x", "y"}
	if got := f.entries(t); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	close(leave)
	good(t, <-working)
}

// TestExhausted: where not all get a range, none is made.
func TestExhausted(t *testing.T) {
	f := newFleet(t)
	s := spec(t)
	m, err := manager.OpenWith(manager.Config{Dirs: f.dirs, Pool: idrange.Pool{Start: 0x70000000, Count: 3}}, f.spawn)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, o := range m.Create(context.Background(), manager.PlanCreate(manager.World{}, []string{"a", "b", "c"}, s, false), s, manager.Apply{}) {
		if !errors.Is(o.Err, idrange.ErrExhausted) || o.Changed {
			t.Errorf("%s: %v", o.Name, o.Err)
		}
	}
	if left := f.entries(t); len(left) > 0 {
		t.Errorf("made are %v", left)
	}
}

// TestUnits: containers and their units come and go together, and a unit that an interrupted command did not make is made by the next.
func TestUnits(t *testing.T) {
	f := newFleet(t)
	f.unit = true
	m := f.open(t, f.fakeHost)
	ctx, s := context.Background(), spec(t)
	f.create(t, s, "a") // a command that was killed before it came to the units
	good(t, m.Create(ctx, manager.PlanCreate(f.observe(t), []string{"a", "b"}, s, false), s, manager.Apply{}))
	slices.Sort(f.adopted)
	if !slices.Equal(slices.Compact(f.adopted), []string{"a", "b"}) {
		t.Errorf("units are there of %v", f.adopted)
	}
	good(t, m.Start(ctx, manager.PlanStart(f.observe(t), []string{"a", "b"}), manager.Apply{}))
	if f.opened != 0 || f.stateOf(t, "a") != record.Running {
		t.Errorf("%d starters were run beside the units; a is %s", f.opened, f.stateOf(t, "a"))
	}
	good(t, m.Stop(ctx, manager.PlanStop(f.observe(t), []string{"a"}), manager.Apply{}))
	good(t, m.Destroy(ctx, manager.PlanDestroy(f.observe(t), []string{"a", "b"}, true), manager.Apply{}))
	if len(f.adopted) > 0 || len(f.entries(t)) > 0 {
		t.Errorf("left are the units of %v and the files %v", f.adopted, f.entries(t))
	}
}

// TestRefusedCreation makes nothing when one name is refused.
func TestRefusedCreation(t *testing.T) {
	f := newFleet(t)
	f.create(t, spec(t), "a")
	other := spec(t, "priority=99")
	p := manager.PlanCreate(f.observe(t), []string{"a", "b"}, other, false)
	outcomes := f.Create(context.Background(), p, other, manager.Apply{})
	for _, o := range outcomes {
		if o.Changed || (o.Name == "a") != errors.Is(o.Err, manager.ErrExists) {
			t.Errorf("%+v", o)
		}
	}
	if got := f.entries(t); !slices.Equal(got, []string{"a"}) {
		t.Errorf("there are %v", got)
	}
}
