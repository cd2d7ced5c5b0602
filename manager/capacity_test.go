package manager_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// of resolves a built-in profile with settings.
func of(t *testing.T, kind manager.Kind, set ...string) profiles.Spec {
	t.Helper()
	var library profiles.Library
	spec, err := library.Resolve(string(kind), set)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

func TestRefuse(t *testing.T) {
	system, command, shared := of(t, manager.System), of(t, manager.Command), of(t, manager.Command, "isolation=shared")
	rooted := of(t, manager.System, "isolation=shared") // its user namespace is the host's root's
	for _, test := range []struct {
		summary string
		few     manager.Supply
		have    manager.Fleet
		spec    profiles.Spec
		more    int64
		want    []string // in the error, none if there is none
	}{
		{summary: "nothing is short", have: manager.FleetOf(system, 4000), spec: system, more: 4000},
		{
			summary: "the kernel's default of inotify instances", few: manager.Supply{"inotify instances": 128}, spec: rooted, more: 10,
			want: []string{"fs.inotify.max_user_instances is 128", "enough for 9 more system containers", "these are 10", "run 'sysctr host init'", "32768"},
		},
		{summary: "exactly enough", few: manager.Supply{"inotify instances": 128}, spec: rooted, more: 9},
		{summary: "private ones have inotify of their own", few: manager.Supply{"inotify instances": 128}, have: manager.FleetOf(rooted, 9), spec: system, more: 1000},
		{summary: "commands have no inotify", few: manager.Supply{"inotify instances": 0}, spec: command, more: 1000},
		{
			summary: "those that exist count", few: manager.Supply{"inotify instances": 128}, have: manager.FleetOf(rooted, 8), spec: rooted, more: 2,
			want: []string{"enough for 1 more system containers, and these are 2"},
		},
		{
			summary: "more exist than there should", few: manager.Supply{"terminals": 1030}, have: manager.FleetOf(command, 20), spec: command, more: 1,
			want: []string{"kernel.pty.max is 1030", "enough for 0 more command"},
		},
		{
			summary: "more than host init would raise to", few: manager.Supply{"terminals": 4096}, spec: command, more: 9000,
			want: []string{"raise it with sysctl(8): kernel.pty.max = 10024"},
		},
		{
			summary: "memory", few: manager.Supply{"memory": 1 << 30}, spec: system, more: 100,
			want: []string{"1.0 GB of memory", "enough for 89 more", "add memory or swap"},
		},
		{
			summary: "id ranges", few: manager.Supply{"id ranges": 4093}, have: manager.FleetOf(command, 4000), spec: command, more: 94,
			want: []string{"4093 id ranges", "enough for 93 more", "isolation: shared"},
		},
		{summary: "a shared range", few: manager.Supply{"id ranges": 4093}, have: manager.FleetOf(command, 4093), spec: shared, more: 94},
		{summary: "shared ones leave ranges", few: manager.Supply{"id ranges": 10}, have: manager.FleetOf(shared, 100), spec: command, more: 10},
		{summary: "what is free now refuses nothing", few: manager.Supply{"available memory": 0, "disk space": 0, "inodes": 0}, spec: system, more: 100},
		{summary: "none are made", few: manager.Supply{"inotify instances": 0}, have: manager.FleetOf(rooted, 5), spec: rooted},
	} {
		t.Run(test.summary, func(t *testing.T) {
			err := supply(test.few).Refuse(test.have, test.spec, test.more)
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
	few := manager.Supply{"process ids": 32768, "memory": 1 << 33, "terminals": 4096, "id ranges": 4093}
	for _, spec := range []profiles.Spec{of(t, manager.System), of(t, manager.Command)} {
		for _, room := range few.Rooms(manager.FleetOf(spec, 17)) {
			n := room.More(spec)
			if n <= 0 || !room.Fits(manager.FleetOf(spec, n)) || room.Fits(manager.FleetOf(spec, n+1)) {
				t.Errorf("%s: %d %s containers are said to be the most that fit", room.Name, n, spec.Profile)
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
		if most := r.Host + 4093*(r.Each[manager.System]+r.Each[manager.RootedSystem]); r.Want > 0 && r.Want < most {
			t.Errorf("%s is raised to %d, and a whole pool of containers takes %d", r.Sysctl, r.Want, most)
		}
	}
}

func TestFleets(t *testing.T) {
	w := manager.World{Containers: []manager.Container{
		applied(t, "stopped"), {Name: "b1", Err: errors.New("damaged")}, {Name: "b2", Record: applied(t, "stopped", "isolation=shared").Record},
	}}
	if diff := cmp.Diff(manager.Fleet{
		manager.Command: 2, manager.System: 1, manager.Private: 2, manager.RootedCommand: 1, manager.RootedSystem: 1, manager.Port: 2,
	}, w.Fleet()); diff != "" {
		t.Errorf("two commands, one of which shares its range, and an unreadable record (-want +got):\n%s", diff)
	}
	system := of(t, manager.System)
	if n := manager.PlanCreate(w, []string{"a1", "c1", "c2"}, system, true).Makes(); n != 2 {
		t.Errorf("two of three names are new, and the plan makes %d", n)
	}
	if n := manager.PlanCreate(w, []string{"a1", "c1"}, system, false).Makes(); n != 0 {
		t.Errorf("a refused plan makes %d", n)
	}
}
