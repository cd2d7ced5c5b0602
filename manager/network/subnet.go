package network

import (
	"crypto/sha256"
	"fmt"
	"net/netip"
)

// Names of what belongs to the network on the host. No port of another program's may begin with portPrefix.
const (
	BridgeName = "sysctr0"
	TableName  = "sysctr" // one of family inet, one of family bridge
	portPrefix = "sctr"
)

// MaxPorts is the number of ports that the kernel lets a bridge have.
const MaxPorts = 1023

// Bounds of an IPv4 subnet, in bits of its prefix: an index has at most 16 bits.
const (
	shortestPrefix = 16
	longestPrefix  = 29
	defaultPrefix  = 21 // 2045 containers
)

// Network is the managed bridge's addresses. It is derived once per host and then stored, so that addresses stay.
type Network struct {
	IPv4 netip.Prefix `json:"ipv4"` // masked, private
	IPv6 netip.Prefix `json:"ipv6"` // masked, a /64 of fd00::/8
}

// Derive returns a network that is free on this host: IPv4 somewhere in 10.0.0.0/8 and IPv6 in fd00::/8, both following from the seed, which is
// the host's own and random, so that two hosts hardly ever have the same. Routes are those of the host, without the bridge's own. The error
// wraps ErrOverlap if no place was found.
func Derive(seed [16]byte, routes []netip.Prefix) (Network, error) {
	var err error
	for try := range 256 {
		h := sha256.Sum256(append(seed[:], 's', 'y', 's', 'c', 't', 'r', byte(try)))
		var n Network
		n.IPv4, _ = netip.AddrFrom4([4]byte{10, h[0], h[1], 0}).Prefix(defaultPrefix)
		n.IPv6, _ = netip.AddrFrom16([16]byte{0xfd, h[2], h[3], h[4], h[5], h[6], h[7], h[8]}).Prefix(64)
		if err = n.Check(routes); err == nil {
			return n, nil
		}
	}
	return Network{}, fmt.Errorf("%w; configure a subnet", err)
}

// Check returns an error wrapping ErrSubnet unless both subnets are usable, and one wrapping ErrOverlap if the host reaches a part of them by
// one of the routes. Default routes do not count.
func (n Network) Check(routes []netip.Prefix) error {
	if err := checkIPv4(n.IPv4); err != nil {
		return err
	}
	if !n.IPv6.IsValid() || n.IPv6 != n.IPv6.Masked() || n.IPv6.Bits() != 64 || n.IPv6.Addr().As16()[0] != 0xfd {
		return fmt.Errorf("%w: %v; the IPv6 subnet is a /64 of fd00::/8, such as fd5c:1a2b:3c4d::/64", ErrSubnet, n.IPv6)
	}
	for _, own := range []netip.Prefix{n.IPv4, n.IPv6} {
		for _, r := range routes {
			if r.Bits() != 0 && r.Overlaps(own) {
				return fmt.Errorf("%w: %v and %v; choose another subnet", ErrOverlap, own, r)
			}
		}
	}
	return nil
}

func checkIPv4(p netip.Prefix) error {
	switch {
	case !p.IsValid() || !p.Addr().Is4() || p != p.Masked():
		return fmt.Errorf("%w: %v; write the network's address and its prefix length, such as 10.91.8.0/21", ErrSubnet, p)
	case p.Bits() < shortestPrefix || p.Bits() > longestPrefix:
		return fmt.Errorf("%w: %v; its prefix length is between %d and %d", ErrSubnet, p, shortestPrefix, longestPrefix)
	case !p.Addr().IsPrivate():
		return fmt.Errorf("%w: %v is not private; take one of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16", ErrSubnet, p)
	}
	return nil
}

// Gateway4 and Gateway6 are the bridge's own addresses, with the subnets' prefix lengths.
func (n Network) Gateway4() netip.Prefix { return netip.PrefixFrom(n.ipv4(1), n.IPv4.Bits()) }
func (n Network) Gateway6() netip.Prefix { return netip.PrefixFrom(n.ipv6(1), n.IPv6.Bits()) }

// Size is how many containers' interfaces the network has addresses for.
func (n Network) Size() int { return n.last() - 1 }

// last is the highest index of a container: the address above it is the broadcast's.
func (n Network) last() int { return 1<<(32-n.IPv4.Bits()) - 2 }

func (n Network) ipv4(index int) netip.Addr {
	a := n.IPv4.Addr().As4()
	a[2] |= byte(index >> 8)
	a[3] |= byte(index)
	return netip.AddrFrom4(a)
}

func (n Network) ipv6(index int) netip.Addr {
	a := n.IPv6.Addr().As16()
	a[14], a[15] = byte(index>>8), byte(index)
	return netip.AddrFrom16(a)
}
