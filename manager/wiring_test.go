package manager_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// fakeFabric is a kernel that holds whatever it is given last.
type fakeFabric struct {
	mu   sync.Mutex
	held network.Picture
	err  error // of Ensure
}

func (f *fakeFabric) Ensure(_ network.Network, p network.Picture) ([]string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.held = p
	}
	return nil, f.err
}

func (f *fakeFabric) Missing(network.Network, network.Picture) ([]string, error) { return nil, f.err }
func (f *fakeFabric) Look(network.Network) (network.Sight, error)                { return network.Sight{}, nil }
func (f *fakeFabric) Clear(network.Endpoint) error                               { return nil }
func (f *fakeFabric) Parent(string, bool) error                                  { return nil }
func (f *fakeFabric) Remove() error                                              { return nil }

// wiredFleet is a fleet whose host has a network of so many bits.
type wiredFleet struct {
	*fleet
	fabric *fakeFabric
	etc    string
}

func newWiredFleet(t *testing.T, bits int) wiredFleet {
	t.Helper()
	f := wiredFleet{fleet: newFleet(t), fabric: &fakeFabric{}, etc: t.TempDir()}
	plant(t, filepath.Join(f.etc, "hosts"), "127.0.0.1 localhost\n10.0.0.9 printer\n")
	plant(t, filepath.Join(f.dirs.State, "network.json"), fmt.Sprintf(`{"format": 1, "ipv4": "10.91.8.0/%d", "ipv6": "fd5c:1a2b:3c4d::/64", "last": 0}`, bits))
	f.Manager = f.another(t)
	return f
}

// another is another command's manager.
func (f wiredFleet) another(t *testing.T) *manager.Manager {
	t.Helper()
	m, err := manager.OpenWith(manager.Config{Dirs: f.dirs, Pool: idrange.Default(), Binary: "/bin/false", Looker: "/bin/false", Etc: f.etc, Fabric: f.fabric}, f.spawn)
	if err != nil {
		t.Fatal(err)
	}
	return m // its locks go with the test's process: what newFleet does in the end is done by this one
}

// wired is the spec of a command with a managed interface.
func wired(t *testing.T, set ...string) profiles.Spec {
	t.Helper()
	s, err := profiles.Library{}.Resolve("command", set)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f wiredFleet) try(t *testing.T, s profiles.Spec, names ...string) error {
	t.Helper()
	var errs []error
	for _, o := range f.Create(context.Background(), manager.PlanCreate(f.observe(t), names, s, false), s, manager.Apply{}) {
		errs = append(errs, o.Err)
	}
	return errors.Join(errs...)
}

// held are the endpoints that the host holds, by container.
func (f wiredFleet) held() map[string]string {
	held := map[string]string{}
	for _, e := range f.fabric.held.Endpoints {
		held[e.Container] += e.IPv4.String()
	}
	return held
}

func (f wiredFleet) destroy(t *testing.T, names ...string) {
	t.Helper()
	good(t, f.Destroy(context.Background(), manager.PlanDestroy(f.observe(t), names, true), manager.Apply{}))
}

// TestWires creates, changes and destroys: the host holds what the records say, and an address comes again only after all others.
func TestWires(t *testing.T) {
	f := newWiredFleet(t, 28)
	f.create(t, wired(t), "a1", "a2")
	f.create(t, wired(t, "ports={8000+n}:80"), "b3")
	f.create(t, wired(t, "network=none"), "alone1")
	want := map[string]string{"a1": "10.91.8.2", "a2": "10.91.8.3", "b3": "10.91.8.4"}
	if diff := cmp.Diff(want, f.held()); diff != "" {
		t.Errorf("after creations (-want +got):\n%s", diff)
	}
	if p := f.fabric.held.Published; len(p) != 1 || p[0].String() != "8003:80/tcp" || p[0].IPv4.String() != want["b3"] {
		t.Errorf("published: %v", p)
	}
	f.destroy(t, "a2")
	f.create(t, wired(t), "c1")
	if got := f.held()["c1"]; got != "10.91.8.5" {
		t.Errorf("c1 has %s; a2 had 10.91.8.3, which is not to come again before all others", got)
	}
	hosts, err := os.ReadFile(filepath.Join(f.etc, "hosts"))
	shared, errShared := os.ReadFile(filepath.Join(f.dirs.Network(), "hosts"))
	for _, text := range []string{string(hosts), string(shared)} {
		if err != nil || errShared != nil || !strings.Contains(text, "\n10.91.8.5 c1.sysctr c1\n") || strings.Contains(text, " a2") {
			t.Errorf("hosts file: %v, %v\n%s", err, errShared, text)
		}
	}
	names := make([]string, 9)
	for i := range names {
		names[i] = fmt.Sprintf("d%d", i+1)
	}
	f.create(t, wired(t), names...) // 6 to 14
	f.create(t, wired(t), "again1")
	if got := f.held()["again1"]; got != "10.91.8.3" {
		t.Errorf("after all others again1 has %s, want 10.91.8.3", got)
	}
	if err := f.try(t, wired(t), "more1"); !errors.Is(err, network.ErrExhausted) {
		t.Errorf("one more: %v", err)
	}
	f.destroy(t, namesOf(f.observe(t))...)
	if hosts, err := os.ReadFile(filepath.Join(f.etc, "hosts")); err != nil || string(hosts) != "127.0.0.1 localhost\n10.0.0.9 printer\n" || len(f.held()) > 0 {
		t.Errorf("in the end the host holds %v and %q, %v", f.held(), hosts, err)
	}
}

// TestWiresRefuse: nothing is made of what cannot be.
func TestWiresRefuse(t *testing.T) {
	f := newWiredFleet(t, 24)
	f.create(t, wired(t, "ports=8001:80", "network=[{name: eth0, type: managed, mac: '02:00:00:00:00:07'}, {name: b, type: bridge, parent: br0, addresses: [192.0.2.7/24]}]"), "a1")
	for _, test := range []struct {
		summary string
		set     []string
		names   []string
		want    error
	}{
		{"a port of another", []string{"ports=8001:80"}, []string{"b1"}, network.ErrTaken},
		{"a port of a spread fleet", []string{"ports={8000+n}:80"}, []string{"b1", "b2"}, network.ErrTaken},
		{"one port for two", []string{"ports=9000:80"}, []string{"b1", "b2"}, network.ErrTaken},
		{"the MAC of another", []string{"network=[{name: eth0, type: managed, mac: '02:00:00:00:00:07'}]"}, []string{"b1"}, network.ErrTaken},
		{"the address of another", []string{"network=[{name: eth0, type: managed, addresses: [10.91.8.2/24]}]"}, []string{"b1"}, network.ErrTaken},
		{"the address of another on a bridge", []string{"network=[{name: b, type: bridge, parent: br0, addresses: [192.0.2.7/24]}]"}, []string{"b1"}, network.ErrTaken},
		{"a name of the host's", nil, []string{"printer"}, network.ErrTaken},
		{"no number to spread by", []string{"ports={8000+n}:80"}, []string{"web"}, network.ErrPort},
		{"a port and no interface", []string{"ports=80:80", "network=none"}, []string{"b1"}, network.ErrPort},
	} {
		if err := f.try(t, wired(t, test.set...), test.names...); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.summary, err)
		}
		if got := f.entries(t); len(got) != 1 {
			t.Fatalf("%s: half made: %v", test.summary, got)
		}
	}
	if err := os.Remove(filepath.Join(f.dirs.State, "network.json")); err != nil {
		t.Fatal(err)
	}
	if err := f.try(t, wired(t), "b1"); !errors.Is(err, lxc.ErrNotPrepared) {
		t.Errorf("on a host without a network: %v", err)
	}
	f.create(t, wired(t, "network=none"), "alone1")
}

// TestWiresFail: a host that cannot hold the network is told of, and the same command finishes later.
func TestWiresFail(t *testing.T) {
	f := newWiredFleet(t, 24)
	f.fabric.err = errors.New("no nftables here")
	if err := f.try(t, wired(t), "a1"); err == nil || !strings.Contains(err.Error(), "no nftables here") {
		t.Errorf("create: %v", err)
	}
	f.fabric.err = nil
	if err := f.try(t, wired(t), "a1"); err != nil || f.held()["a1"] != "10.91.8.2" {
		t.Errorf("create again: %v, %v", err, f.held())
	}
}

// TestRewire changes the network of a container. One that runs keeps what it has until its next start, and nobody else gets that.
func TestRewire(t *testing.T) {
	f := newWiredFleet(t, 24)
	f.create(t, wired(t), "a1")
	apply := func(set ...string) manager.Outcome {
		t.Helper()
		p := manager.PlanApply(f.observe(t), []string{"a1"}, manager.Request{Set: set}, profiles.Library{}.Resolve)
		return f.ApplySpecs(context.Background(), p, manager.Apply{})[0]
	}
	if o := apply("ports=8080:80"); o.Err != nil || len(f.fabric.held.Published) != 1 {
		t.Errorf("a port: %v, %v", o.Err, f.fabric.held.Published)
	}
	if o := apply("network=[{name: eth0, type: managed, addresses: [10.91.8.77/24]}]"); o.Err != nil || f.held()["a1"] != "10.91.8.77" {
		t.Errorf("another address: %v, %v", o.Err, f.held())
	}
	good(t, f.Manager.Start(context.Background(), manager.PlanStart(f.observe(t), []string{"a1"}), manager.Apply{}))
	live, err := f.live.Load("a1")
	if err != nil {
		t.Fatal(err)
	}
	live.Spec = wired(t, "ports=8080:80") // as if it had been started before
	if err := f.live.Save("a1", live); err != nil {
		t.Fatal(err)
	}
	f.create(t, wired(t), "c1")
	if got := f.held()["a1"]; got != "10.91.8.2" {
		t.Errorf("while it runs it has %s, and not what it was started with", got)
	}
	if err := f.try(t, wired(t, "network=[{name: eth0, type: managed, addresses: [10.91.8.2/24]}]"), "b1"); !errors.Is(err, network.ErrTaken) {
		t.Errorf("another container gets the address that a1 still has: %v", err)
	}
	if c, _ := f.observe(t).Find("a1"); !cmp.Equal(c.Pending(), []string{"network"}) {
		t.Errorf("pending are %v", c.Pending())
	}
	good(t, f.Manager.Stop(context.Background(), manager.PlanKill(f.observe(t), []string{"a1"}), manager.Apply{Now: true}))
	f.create(t, wired(t), "d1")
	if got := f.held()["a1"]; got != "10.91.8.77" {
		t.Errorf("stopped, it has %s, and not what it will be started with", got)
	}
}

// TestIndicesAreUnique has commands create containers side by side.
func TestIndicesAreUnique(t *testing.T) {
	f := newWiredFleet(t, 24)
	const commands, each = 6, 8
	s := wired(t)
	var all sync.WaitGroup
	for i := range commands {
		m := f.another(t)
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
	owners := map[int]string{}
	for _, c := range f.observe(t).Containers {
		index := c.Record.Network["eth0"]
		if other := owners[index]; other != "" || index < 2 {
			t.Errorf("%s and %s have %d", other, c.Name, index)
		}
		owners[index] = c.Name
	}
	if held := f.held(); len(held) != commands*each || len(owners) != commands*each {
		t.Errorf("%d have a place, the host holds %d", len(owners), len(held))
	}
}

// TestRoomOnTheBridge: of more than a bridge can hold, the rest is refused with the reason, by a plan alone.
func TestRoomOnTheBridge(t *testing.T) {
	var w manager.World
	var names []string
	for i := range 1100 {
		c := manager.Container{Name: fmt.Sprintf("a%d", i), Status: record.Status{State: record.Stopped}}
		c.Record.Name, c.Record.Spec = c.Name, wired(t)
		w.Containers, names = append(w.Containers, c), append(names, c.Name)
	}
	refused := 0
	for _, s := range manager.PlanStart(w, names).Steps {
		if s.Err != nil {
			refused++
			if !errors.Is(s.Err, network.ErrFull) {
				t.Fatal(s.Err)
			}
		}
	}
	if refused != 1100-network.MaxPorts {
		t.Errorf("refused are %d", refused)
	}
	supply := manager.Supply{"ports of the bridge": network.MaxPorts}
	if err := supply.Refuse(w.Fleet(), wired(t), 1); !errors.Is(err, manager.ErrCapacity) {
		t.Errorf("one more is made: %v", err)
	}
	if err := supply.Refuse(w.Fleet(), wired(t, "network=none"), 1); err != nil {
		t.Errorf("one more without a network: %v", err)
	}
}
