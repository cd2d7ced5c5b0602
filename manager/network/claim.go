package network

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/sysctr/sysctr/profiles"
)

// Claim is what one container asks of the network.
type Claim struct {
	Container string
	Network   []profiles.Interface
	Ports     []string
	// Indices are those that the container has, by the names of its managed interfaces, with the address where that is fixed. One that it no longer
	// uses stays its own: a running container may still have the address.
	Indices map[string]int
}

// key returns the place of an interface's index among a claim's.
func key(link profiles.Interface) string {
	if len(link.Addresses) == 0 {
		return link.Name
	}
	return link.Name + " " + link.Addresses[0]
}

// Managed reports whether the claim has a managed interface.
func (c Claim) Managed() bool {
	return slices.ContainsFunc(c.Network, func(i profiles.Interface) bool { return i.Type == profiles.Managed })
}

// Lacks reports whether a managed interface has no index yet.
func (c Claim) Lacks() bool {
	return slices.ContainsFunc(c.Network, func(i profiles.Interface) bool { return i.Type == profiles.Managed && c.Indices[i.Name] == 0 })
}

// Assign gives every managed interface of the claims its index: the one it has, that of its fixed address, or a free one as Allocate finds it.
// Used ones are those of all other records. It returns the claims and what is to be the next call's last; all of them get theirs, or none. What it
// is given stays as it is.
func (n Network) Assign(claims []Claim, used map[int]bool, last int) ([]Claim, int, error) {
	used, out := maps.Clone(used), slices.Clone(claims)
	if used == nil {
		used = map[int]bool{}
	}
	free := 0
	var errs []error
	for i, c := range out {
		if out[i].Indices = maps.Clone(c.Indices); out[i].Indices == nil {
			out[i].Indices = map[string]int{}
		}
		lacks, err := n.place(out[i], used)
		free += lacks
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, last, err
	}
	indices, err := n.Allocate(used, last, free)
	if err != nil {
		return nil, last, err
	}
	for _, c := range out {
		for _, link := range c.Network {
			if link.Type == profiles.Managed && c.Indices[key(link)] == 0 {
				c.Indices[key(link)], last, indices = indices[0], indices[0], indices[1:]
			}
		}
	}
	return out, last, nil
}

// place gives a claim the indices of its fixed addresses, marks them as used, and returns how many others it lacks.
func (n Network) place(c Claim, used map[int]bool) (lacks int, err error) {
	var errs []error
	for _, link := range c.Network {
		if link.Type != profiles.Managed {
			continue
		}
		index, err := n.fixed(link)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s of %s: %w", link.Name, c.Container, err))
		case index != 0 && index == c.Indices[key(link)]:
		case index != 0 && used[index]:
			errs = append(errs, fmt.Errorf("%v of %s is %w by another container", link.Addresses[0], c.Container, ErrTaken))
		case index != 0:
			used[index], c.Indices[key(link)] = true, index
		case c.Indices[key(link)] == 0:
			lacks++
		}
	}
	return lacks, errors.Join(errs...)
}

// fixed returns the index that the addresses of an interface ask for, 0 for none in particular.
func (n Network) fixed(link profiles.Interface) (int, error) {
	index := 0
	for _, s := range link.Addresses {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return 0, err
		}
		own := n.IPv4
		if p.Addr().Is6() {
			own = n.IPv6
		}
		next, err := n.Index(p.Addr())
		switch {
		case err != nil:
			return 0, err
		case p.Bits() != own.Bits():
			return 0, fmt.Errorf("%w for %v: its prefix length is %d, as that of %v", ErrSubnet, p, own.Bits(), own)
		case index != 0 && next != index:
			return 0, fmt.Errorf("%w for %v: beside %v it would be %v and %v; give one of them", ErrSubnet, p, link.Addresses[0], n.ipv4(index), n.ipv6(index))
		}
		index = next
	}
	return index, nil
}

// Picture is the network as all containers ask for it.
type Picture struct {
	Endpoints []Endpoint
	Published []Published
	Names     []Named
}

// Picture returns what the host must hold for these claims. What is wrong with one of them is in the error, and the others are in the picture. A
// port is handed to a container's first managed interface; its name is that of its first interface with a known address.
func (n Network) Picture(claims []Claim) (Picture, error) {
	var p Picture
	var errs []error
	for _, c := range claims {
		own, err := n.Endpoints(c)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.Endpoints = append(p.Endpoints, own...)
		if named := n.named(c, own); len(named.Addresses) > 0 {
			p.Names = append(p.Names, named)
		}
		if len(c.Ports) == 0 {
			continue
		}
		if len(own) == 0 {
			errs = append(errs, fmt.Errorf("port %s of %s %w: it has no managed interface", c.Ports[0], c.Container, ErrPort))
			continue
		}
		published, err := Publish(own[0], c.Ports)
		errs = append(errs, err)
		p.Published = append(p.Published, published...)
	}
	return p, errors.Join(errs...)
}

// Endpoints returns a claim's managed interfaces, in their order. All must have their indices.
func (n Network) Endpoints(c Claim) ([]Endpoint, error) {
	var list []Endpoint
	for _, link := range c.Network {
		if link.Type != profiles.Managed {
			continue
		}
		index := c.Indices[key(link)]
		if index < 2 || index > n.last() {
			return nil, fmt.Errorf("%s of %s has no address in %v: %w; destroy the container, or take the subnet that it was made for", link.Name, c.Container, n.IPv4, ErrSubnet)
		}
		e := n.Endpoint(c.Container, index)
		e.Isolated = link.Isolated
		if link.MAC != "" {
			mac, err := ParseMAC(link.MAC)
			if err != nil {
				return nil, err
			}
			e.MAC = mac
		}
		for _, s := range link.Open {
			o, err := profiles.ParseService(s)
			if err != nil {
				return nil, err
			}
			e.Open = append(e.Open, Service{Protocol: o.Protocol, Port: o.Port})
		}
		list = append(list, e)
	}
	return list, nil
}

// named returns a container's name with its addresses; none for one whose first interface asks elsewhere for them.
func (n Network) named(c Claim, own []Endpoint) Named {
	named := Named{Container: c.Container}
	for _, link := range c.Network {
		if link.Type == profiles.Managed {
			named.Addresses = []netip.Addr{own[0].IPv4, own[0].IPv6}
			break
		}
		for _, s := range link.Addresses {
			if p, err := netip.ParsePrefix(s); err == nil {
				named.Addresses = append(named.Addresses, p.Addr())
			}
		}
		if len(named.Addresses) > 0 {
			break
		}
	}
	return named
}
