package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// wire makes the host's network what the records ask for, if any of those that a command is about asks for something.
func (m *Manager) wire(ctx context.Context, asks bool) error {
	if !asks {
		return nil
	}
	if _, err := m.wires().sync(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("its record says what it is to have of the network, and the host does not hold that: %w", err)
	}
	return nil
}

// unwire takes the names, ports and rules of destroyed containers away, of all at once. On a host that was never given a network there are none.
func (m *Manager) unwire(ctx context.Context, outcomes []Outcome) {
	if !slices.ContainsFunc(outcomes, func(o Outcome) bool { return o.Changed && o.Err == nil }) {
		return
	}
	if _, err := LoadFixed(m.Dirs); errors.Is(err, lxc.ErrNotPrepared) {
		return
	}
	_, err := m.wires().sync(context.WithoutCancel(ctx))
	for i := range outcomes {
		if err != nil && outcomes[i].Changed && outcomes[i].Err == nil {
			outcomes[i].Err = fmt.Errorf("its files are gone, its part of the network is not: %w", err)
		}
	}
}

// rewire gives a record that is about to replace another its places in the network, alone among all commands, and stores it.
func (m *Manager) rewire(ctx context.Context, old, next record.Record) error {
	if slices.EqualFunc(old.Spec.Network, next.Spec.Network, sameInterface) && slices.Equal(old.Spec.Ports, next.Spec.Ports) {
		return m.store.Replace(next)
	}
	waiting, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := m.locks.Acquire(waiting, record.Global, record.Verb); err != nil {
		return busy(err)
	}
	defer m.locks.Release(record.Global, record.Verb) //nolint:errcheck // see lane
	records := []record.Record{next}
	if err := m.wires().admit(records); err != nil {
		return err
	}
	return m.store.Replace(records[0])
}

func sameInterface(a, b profiles.Interface) bool {
	return len(profiles.Diff(profiles.Spec{Network: []profiles.Interface{a}}, profiles.Spec{Network: []profiles.Interface{b}})) == 0
}

// Wire is one interface of a container, as its record has it.
type Wire struct {
	profiles.Interface
	Port string // of the host, of a managed one
}

// wired says what a container has of the network: its interfaces with their addresses, and the ports that are published for it.
func (f Fixed) wired(r record.Record) (wires []Wire, published []network.Published) {
	if f.Format == 0 {
		return nil, nil
	}
	picture, _ := f.Picture([]network.Claim{claimOf(r, r.Spec.Network)}) // what has no place in it has no address to show
	managed := picture.Endpoints
	for _, i := range r.Spec.Network {
		w := Wire{Interface: i}
		if i.Type == profiles.Managed && len(managed) > 0 {
			e := managed[0]
			managed = managed[1:]
			w.Parent, w.MAC, w.Port = network.BridgeName, e.MAC.String(), e.Port
			w.Addresses = []string{
				fmt.Sprintf("%v/%d", e.IPv4, f.IPv4.Bits()), fmt.Sprintf("%v/%d", e.IPv6, f.IPv6.Bits()),
			}
		}
		wires = append(wires, w)
	}
	return wires, picture.Published
}

// managed is how many managed interfaces a container of a spec has.
func managed(s profiles.Spec) int64 {
	var n int64
	for _, i := range s.Network {
		if i.Type == profiles.Managed {
			n++
		}
	}
	return n
}

// ports is how many ports on the managed bridge containers have that are not stopped.
func (w World) ports() int {
	var n int64
	for _, c := range w.Containers {
		if c.Err == nil && c.Status.State != record.Stopped && c.Status.State != record.Broken {
			n += managed(c.Record.Spec)
		}
	}
	return int(n)
}

// Sight is the managed network, and what is seen of it on the host.
type Sight struct {
	Fixed
	Used    int      // addresses that containers have
	Ports   int      // of the bridge, that containers have which run
	Missing []string // what the host does not hold
}

// Network looks at the managed network; nothing is changed.
func (m *Manager) Network() (Sight, error) {
	fixed, err := LoadFixed(m.Dirs)
	if err != nil {
		return Sight{}, err
	}
	w, err := m.Observe()
	if err != nil {
		return Sight{}, err
	}
	used, err := m.store.Indices()
	if err != nil {
		return Sight{}, err
	}
	claims, err := m.wires().claims()
	if err != nil {
		return Sight{}, err
	}
	picture, _ := fixed.Picture(claims)
	missing, err := m.Fabric.Missing(fixed.Network, picture)
	return Sight{Fixed: fixed, Used: len(used), Ports: w.ports(), Missing: missing}, err
}
