package manager_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/profiles"
)

// supply is a host with enough of everything but what is named.
func supply(few manager.Supply) manager.Supply {
	s := manager.Supply{}
	for _, r := range manager.Resources() {
		s[r.Name] = math.MaxInt64 / 2
	}
	for name, n := range few {
		s[name] = n
	}
	return s
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		summary    string
		few        manager.Supply
		have, more manager.Fleet
		want       []string // in the error, none if there is none
	}{
		{summary: "nothing is short", have: manager.Fleet{manager.System: 4000}, more: manager.Fleet{manager.System: 4000}},
		{
			summary: "the kernel's default of inotify instances", few: manager.Supply{"inotify instances": 128}, more: manager.Fleet{manager.System: 10},
			want: []string{"fs.inotify.max_user_instances is 128", "enough for 9 more system containers", "these are 10", "run 'sysctr host init'", "32768"},
		},
		{summary: "exactly enough", few: manager.Supply{"inotify instances": 128}, more: manager.Fleet{manager.System: 9}},
		{summary: "commands have no inotify", few: manager.Supply{"inotify instances": 0}, more: manager.Fleet{manager.Command: 1000}},
		{
			summary: "those that exist count", few: manager.Supply{"inotify instances": 128}, have: manager.Fleet{manager.System: 8},
			more: manager.Fleet{manager.System: 2}, want: []string{"enough for 1 more system containers, and these are 2"},
		},
		{
			summary: "more exist than there should", few: manager.Supply{"terminals": 1030}, have: manager.Fleet{manager.Command: 20},
			more: manager.Fleet{manager.Command: 1}, want: []string{"kernel.pty.max is 1030", "enough for 0 more command"},
		},
		{
			summary: "more than host init would raise to", few: manager.Supply{"terminals": 4096}, more: manager.Fleet{manager.Command: 9000},
			want: []string{"raise it with sysctl(8): kernel.pty.max = 10024"},
		},
		{
			summary: "memory", few: manager.Supply{"memory": 1 << 30}, more: manager.Fleet{manager.System: 100},
			want: []string{"1.0 GB of memory", "enough for 89 more", "add memory or swap"},
		},
		{
			summary: "what is free now refuses nothing", few: manager.Supply{"available memory": 0, "disk space": 0, "inodes": 0},
			more: manager.Fleet{manager.System: 100},
		},
		{summary: "none are made", few: manager.Supply{"inotify instances": 0}, have: manager.Fleet{manager.System: 5}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			err := supply(test.few).Refuse(test.have, test.more)
			if (err != nil) != (len(test.want) > 0) || err != nil && !errors.Is(err, manager.ErrCapacity) {
				t.Fatalf("refused with %v, want %q", err, test.want)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
		})
	}
}

// What is unknown refuses nothing, and what one fleet leaves is what the next one may have, to the last container.
func TestRoomIsExact(t *testing.T) {
	if rooms := (manager.Supply{}).Rooms(manager.Fleet{manager.System: 1}); len(rooms) != 0 {
		t.Errorf("rooms of unknown resources: %+v", rooms)
	}
	for _, kind := range []manager.Kind{manager.System, manager.Command} {
		for _, room := range (manager.Supply{"process ids": 32768, "memory": 1 << 33, "terminals": 4096}).Rooms(manager.Fleet{manager.System: 17}) {
			n := room.More(kind)
			if n <= 0 || !room.Fits(manager.Fleet{kind: n}) || room.Fits(manager.Fleet{kind: n + 1}) {
				t.Errorf("%s: %d %s containers are said to be the most that fit", room.Name, n, kind)
			}
		}
	}
}

// The table is data that others rely on: names are keys, what host init raises is a sysctl, every figure has a source and every shortage a remedy.
func TestResources(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range manager.Resources() {
		if seen[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		seen[r.Name] = true
		if r.From == "" || r.Sysctl == "" && r.Remedy == "" || r.Want > 0 && r.Sysctl == "" || r.Soft && !r.Left {
			t.Errorf("incomplete: %+v", r)
		}
		if most := r.Host + 4093*r.Each[manager.System]; r.Want > 0 && r.Want < most {
			t.Errorf("%s is raised to %d, and a whole pool of containers takes %d", r.Sysctl, r.Want, most)
		}
	}
}

func TestPlanFleet(t *testing.T) {
	var library profiles.Library
	system, err := library.Resolve("system", nil)
	if err != nil {
		t.Fatal(err)
	}
	have := applied(t, "stopped")
	w := manager.World{Containers: []manager.Container{have, {Name: "b1", Err: errors.New("damaged")}}}
	if f := w.Fleet(); f[manager.Command] != 1 || f[manager.System] != 1 || len(f) != 2 {
		t.Errorf("the fleet of a command and an unreadable record is %v", f)
	}
	plan := manager.PlanCreate(w, []string{"a1", "c1", "c2"}, system, true)
	if f := plan.Fleet(system); f[manager.System] != 2 || len(f) != 1 {
		t.Errorf("two of three names are new, and the plan makes %v", f)
	}
	names := []string{"a1", "c1"}
	if f := manager.PlanCreate(w, names, system, false).Fleet(system); !slices.Contains(names, "a1") || f[manager.System] != 0 {
		t.Errorf("a refused plan makes %v", f)
	}
}
