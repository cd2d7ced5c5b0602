package network

import (
	"net/netip"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// inetSets is what the rules of family inet look up: isolated addresses, services of the host that an address may use, and published ports at
// all addresses of the host or at one, each for IPv4 and IPv6.
type inetSets struct {
	alone4, alone6, open4, open6, all4, all6, at4, at6, talk6 *set
}

func (s inetSets) list() []*set {
	return []*set{s.alone4, s.alone6, s.open4, s.open6, s.all4, s.all6, s.at4, s.at6, s.talk6}
}

func newInetSets(endpoints []Endpoint, published []Published) inetSets {
	type types = []nftables.SetDatatype
	four, six, protocol, port := nftables.TypeIPAddr, nftables.TypeIP6Addr, nftables.TypeInetProto, nftables.TypeInetService
	s := inetSets{
		alone4: &set{name: "isolated4", key: types{four}}, alone6: &set{name: "isolated6", key: types{six}},
		open4: &set{name: "open4", key: types{four, protocol, port}}, open6: &set{name: "open6", key: types{six, protocol, port}},
		all4: &set{name: "all4", key: types{protocol, port}, data: types{four, port}}, all6: &set{name: "all6", key: types{protocol, port}, data: types{six, port}},
		at4: &set{name: "at4", key: types{four, protocol, port}, data: types{four, port}}, at6: &set{name: "at6", key: types{six, protocol, port}, data: types{six, port}},
		talk6: icmp6Types("talk6", 128, 130, 131, 132, 133, neighbourSolicitation, neighbourAdvertisement, 143),
	}
	for _, e := range endpoints {
		if e.Isolated {
			s.alone4.add(e.IPv4)
			s.alone6.add(e.IPv6)
		}
		for _, o := range e.Open {
			s.open4.add(e.IPv4, number(o.Protocol), o.Port)
			s.open6.add(e.IPv6, number(o.Protocol), o.Port)
		}
	}
	for _, p := range published {
		s.publish(p)
	}
	return s
}

func (s inetSets) publish(p Published) {
	hand := func(wide, narrow *set, to netip.Addr) {
		if p.all() {
			wide.add(number(p.Protocol), p.Host, nil, to, p.Inside)
			return
		}
		narrow.add(p.Address, number(p.Protocol), p.Host, nil, to, p.Inside)
	}
	if p.four() {
		hand(s.all4, s.at4, p.IPv4)
	}
	if p.six() {
		hand(s.all6, s.at6, p.IPv6)
	}
}

func number(protocol string) uint8 {
	if protocol == "udp" {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// forward lets nothing in from outside but answers and what is published, and keeps the isolated apart where a neighbour is asked for by way of
// the host, published or not. Where bridged packets pass here too (br_netfilter), those of all others do.
func (s inetSets) forward(v vocabulary) []rule {
	return []rule{
		all(v.fromUs, v.toUs, v.four, in(s.alone4, v.source4), v.drop), all(v.fromUs, v.toUs, v.four, in(s.alone4, v.target4), v.drop),
		all(v.fromUs, v.toUs, v.six, in(s.alone6, v.source6), v.drop), all(v.fromUs, v.toUs, v.six, in(s.alone6, v.target6), v.drop),
		all(v.known, v.accept), all(v.handed, v.accept),
		all(v.notFromUs, v.toUs, v.drop),
	}
}

// input refuses what containers say to the host but answers, echo requests, neighbour discovery and what is open.
func (s inetSets) input(v vocabulary) []rule {
	return []rule{
		all(v.notFromUs, v.accept), all(v.known, v.accept),
		all(v.four, in(s.open4, v.source4, v.l4, v.target), v.accept), all(v.six, in(s.open6, v.source6, v.l4, v.target), v.accept),
		all(v.four, v.overICMP, is(v.icmp4, "8", []byte{8}), v.accept), all(v.six, v.over6, in(s.talk6, v.icmp6), v.accept),
		v.reject,
	}
}
