package manager

import "github.com/sysctr/sysctr/manager/network"

// Fabric is the managed network as the host's kernel holds it.
type Fabric interface {
	// Ensure makes or repairs bridge and rules, and says what it changed; see network.Network.
	Ensure(n network.Network, p network.Picture) (changed []string, err error)
	// Missing says what Ensure would have to change.
	Missing(n network.Network, p network.Picture) ([]string, error)
	// Look is asked before a start, so it has to be cheap.
	Look(n network.Network) (network.Sight, error)
	// Clear takes away what an endpoint's last run has left.
	Clear(e network.Endpoint) error
	// Parent tells whether the host has an interface for others to be connected to.
	Parent(name string, bridge bool) error
	// Remove takes bridge and rules away.
	Remove() error
}

// kernel is the Fabric of this host.
type kernel struct{}

func (kernel) Ensure(n network.Network, p network.Picture) ([]string, error) {
	return n.Ensure(p.Endpoints, p.Published)
}

func (kernel) Missing(n network.Network, p network.Picture) ([]string, error) {
	return n.Missing(p.Endpoints, p.Published)
}

func (kernel) Look(n network.Network) (network.Sight, error) { return n.Look() }
func (kernel) Clear(e network.Endpoint) error                { return network.Clear(e) }
func (kernel) Parent(name string, bridge bool) error         { return network.Parent(name, bridge) }
func (kernel) Remove() error                                 { return network.Remove() }
