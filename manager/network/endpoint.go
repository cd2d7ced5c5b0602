package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// MAC is the address of one interface in its subnet.
type MAC [6]byte

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// ParseMAC reads the form that String writes; it must be the address of one interface.
func ParseMAC(s string) (MAC, error) {
	m, err := net.ParseMAC(s)
	if err != nil || len(m) != 6 || m.String() != s || m[0]&1 != 0 || MAC(m) == (MAC{}) {
		return MAC{}, fmt.Errorf("%.40q is not the address of one interface, such as 02:00:5e:10:00:01", s)
	}
	return MAC(m), nil
}

// Service is a port of the host that a container may reach.
type Service struct {
	Protocol string // tcp or udp
	Port     uint16
}

// Endpoint is a container's managed interface.
type Endpoint struct {
	Container string
	Index     int
	Port      string // name of the host's end
	MAC       MAC
	IPv4      netip.Addr
	IPv6      netip.Addr
	Isolated  bool      // neighbours cannot be reached
	Open      []Service // of the host; none by default
}

// Endpoint returns the one with this index, which must come from Allocate or Index. The MAC is locally administered and differs between hosts;
// a fixed one may be put in its place.
func (n Network) Endpoint(container string, index int) Endpoint {
	six := n.IPv6.Addr().As16()
	return Endpoint{
		Container: container, Index: index, Port: fmt.Sprintf("%s%d", portPrefix, index),
		MAC:  MAC{0x02, six[1] ^ six[4], six[2] ^ six[5], six[3], byte(index >> 8), byte(index)},
		IPv4: n.ipv4(index), IPv6: n.ipv6(index),
	}
}

// bridgeMAC is index 1's: a bridge without one of its own would take a port's, and change it when that goes.
func (n Network) bridgeMAC() MAC { return n.Endpoint("", 1).MAC }

// LinkLocal is the IPv6 address that a kernel gives an interface of this MAC by itself.
func (m MAC) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5]})
}

// Index returns the index of a fixed address. The error wraps ErrSubnet if a container cannot have it.
func (n Network) Index(a netip.Addr) (int, error) {
	var index int
	switch {
	case n.IPv4.Contains(a):
		four := a.As4()
		index = (int(four[2])<<8 | int(four[3])) & (1<<(32-n.IPv4.Bits()) - 1)
	case n.IPv6.Contains(a):
		six := a.As16()
		index = int(six[14])<<8 | int(six[15])
		if n.ipv6(index) != a {
			index = 0
		}
	default:
		return 0, fmt.Errorf("%w for %v: the network has %v and %v", ErrSubnet, a, n.IPv4, n.IPv6)
	}
	if index < 2 || index > n.last() {
		return 0, fmt.Errorf("%w for %v: containers have %v to %v and %v to %v", ErrSubnet, a, n.ipv4(2), n.ipv4(n.last()), n.ipv6(2), n.ipv6(n.last()))
	}
	return index, nil
}

// Allocate returns n free indices, each one once: the lowest free ones above the last one that was given out, then from the beginning. So an
// address whose container was destroyed comes again only after every other one: until then nothing that remembers it meets a stranger there.
// Used ones are those of all records. Store the last of the answer as the next call's last. It returns all n or none, and an error that wraps
// ErrExhausted.
func (n Network) Allocate(used map[int]bool, last, count int) ([]int, error) {
	size := n.last() - 1
	taken := 0
	for index := range used {
		if used[index] && index >= 2 && index <= n.last() {
			taken++
		}
	}
	if count < 0 || count > size-taken {
		return nil, fmt.Errorf("%w: %d wanted, %d left of the %d in %v; destroy containers, or configure a larger subnet", ErrExhausted, count, size-taken, size, n.IPv4)
	}
	if last < 1 || last > n.last() {
		last = 1
	}
	free := make([]int, 0, count)
	for step := range size {
		if len(free) == count {
			break
		}
		if index := 2 + (last-1+step)%size; !used[index] {
			free = append(free, index)
		}
	}
	return free, nil
}

// Room returns an error wrapping ErrFull if a bridge with so many ports cannot get more of them.
func Room(ports, more int) error {
	if ports+more > MaxPorts {
		return fmt.Errorf("%w: it has %d ports, %d more are wanted, and the kernel allows %d; stop containers, or put some on a bridge of your own", ErrFull, ports, more, MaxPorts)
	}
	return nil
}

// Unique returns an error wrapping ErrTaken for every address, MAC and port that two endpoints, or one and the host, have in common.
func (n Network) Unique(endpoints []Endpoint) error {
	owner := map[any]string{}
	for _, own := range []any{n.ipv4(1), n.ipv6(1), n.bridgeMAC()} {
		owner[own] = "the host"
	}
	var errs []error
	for _, e := range endpoints {
		for _, own := range []any{e.IPv4, e.IPv6, e.MAC, e.Port} {
			if other, is := owner[own]; is {
				errs = append(errs, fmt.Errorf("%v of %s is %w: it belongs to %s", own, e.Container, ErrTaken, other))
				continue
			}
			owner[own] = e.Container
		}
	}
	return errors.Join(errs...)
}

// Duplicates returns an error wrapping ErrTaken for every fixed MAC that two interfaces have, and every fixed address that two have on one parent.
// Managed ones are also held against each other by Unique.
func Duplicates(claims []Claim) error {
	owner := map[string]string{}
	var errs []error
	take := func(own, key, container string) {
		if other, is := owner[key]; is {
			errs = append(errs, fmt.Errorf("%s of %s is %w: it belongs to %s", own, container, ErrTaken, other))
			return
		}
		owner[key] = container
	}
	for _, c := range claims {
		for _, link := range c.Network {
			if link.MAC != "" {
				take(link.MAC, link.MAC, c.Container)
			}
			for _, s := range link.Addresses {
				if p, err := netip.ParsePrefix(s); err == nil && link.Parent != "" {
					take(p.Addr().String(), link.Parent+" "+p.Addr().String(), c.Container)
				}
			}
		}
	}
	return errors.Join(errs...)
}
