package network

import (
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// ICMP types that say which way is better, those of neighbour discovery (RFC 4861), and the ports of DHCP servers.
const (
	redirect               = 5
	redirect6              = 137
	neighbourSolicitation  = 135
	neighbourAdvertisement = 136
	dhcpServer             = 67
	dhcp6Server            = 547
)

// vocabulary is the fields, conditions and actions that the rules are written in.
type vocabulary struct {
	in, out, l4, source, target                    field
	etherSource, arpEther, arpSource               field
	source4, target4, source6, target6             field
	icmp4, icmp6, icmp6Target                      field
	fromUs, notFromUs, toUs, notToUs               rule
	arp, ip4, ip6, four, six, udp, overICMP, over6 rule
	handed, known, local                           rule
	accept, drop, reject, masquerade               rule
}

// words returns the vocabulary.
//
// long: a table
func words() vocabulary {
	const link, net, transport = expr.PayloadBaseLLHeader, expr.PayloadBaseNetworkHeader, expr.PayloadBaseTransportHeader
	v := vocabulary{
		in: meta("iifname", expr.MetaKeyIIFNAME, unix.IFNAMSIZ), out: meta("oifname", expr.MetaKeyOIFNAME, unix.IFNAMSIZ),
		l4: meta("meta l4proto", expr.MetaKeyL4PROTO, 1), source: payload("th sport", transport, 0, 2), target: payload("th dport", transport, 2, 2),
		etherSource: payload("ether saddr", link, 6, 6), arpEther: payload("arp saddr ether", net, 8, 6), arpSource: payload("arp saddr ip", net, 14, 4),
		source4: payload("ip saddr", net, 12, 4), target4: payload("ip daddr", net, 16, 4),
		source6: payload("ip6 saddr", net, 8, 16), target6: payload("ip6 daddr", net, 24, 16),
		icmp4: payload("icmp type", transport, 0, 1), icmp6: payload("icmpv6 type", transport, 0, 1), icmp6Target: payload("icmpv6 taddr", transport, 8, 16),
		handed: tracked(expr.CtKeySTATUS, "ct status dnat", 1<<5), // IPS_DST_NAT
		known:  tracked(expr.CtKeySTATE, "ct state established,related", expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED),
		local: rule{"fib daddr type local", []expr.Any{
			&expr.Fib{Register: register(0), ResultADDRTYPE: true, FlagDADDR: true},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register(0), Data: []byte{unix.RTN_LOCAL, 0, 0, 0}},
		}},
		accept:     rule{"accept", []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}},
		drop:       rule{"drop", []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}},
		reject:     rule{"reject with icmpx admin-prohibited", []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}},
		masquerade: rule{"masquerade", []expr.Any{&expr.Masq{}}},
	}
	text, bridge := encode(BridgeName)
	v.fromUs, v.notFromUs = is(v.in, text, bridge), isNot(v.in, text, bridge)
	v.toUs, v.notToUs = is(v.out, text, bridge), isNot(v.out, text, bridge)
	protocol, family := meta("meta protocol", expr.MetaKeyPROTOCOL, 2), meta("meta nfproto", expr.MetaKeyNFPROTO, 1)
	v.arp, v.ip4, v.ip6 = is(protocol, "arp", []byte{8, 6}), is(protocol, "ip", []byte{8, 0}), is(protocol, "ip6", []byte{0x86, 0xdd})
	v.four, v.six = is(family, "ipv4", []byte{unix.NFPROTO_IPV4}), is(family, "ipv6", []byte{unix.NFPROTO_IPV6})
	v.udp = is(v.l4, "udp", []byte{unix.IPPROTO_UDP})
	v.overICMP, v.over6 = is(v.l4, "icmp", []byte{unix.IPPROTO_ICMP}), is(v.l4, "ipv6-icmp", []byte{unix.IPPROTO_ICMPV6})
	return v
}

// Rules returns the rule set for these endpoints and published ports. Two chains of ours say what others cannot overrule: what a port may send
// (bridge prerouting) and what containers may say to the host (inet input). All else that they let pass is still subject to the host's own rules.
func (n Network) Rules(endpoints []Endpoint, published []Published) Ruleset {
	return Ruleset{tables: []table{bridgeTable(endpoints), n.inetTable(endpoints, published)}}
}

// bridgeTable lets a port send only from its own addresses, in Ethernet, ARP, IP and neighbour discovery alike, and nothing that only a router or a
// DHCP server says. What matches no rule is dropped, so that what nftables cannot parse is not let through. Isolated ports reach no other port.
func bridgeTable(endpoints []Endpoint) table {
	v := words()
	ports4 := &set{name: "ports4", key: []nftables.SetDatatype{nftables.TypeIFName, nftables.TypeEtherAddr, nftables.TypeIPAddr}}
	ports6 := &set{name: "ports6", key: []nftables.SetDatatype{nftables.TypeIFName, nftables.TypeEtherAddr, nftables.TypeIP6Addr}}
	alone := &set{name: "isolated", key: []nftables.SetDatatype{nftables.TypeIFName}}
	for _, e := range endpoints {
		ports4.add(e.Port, e.MAC, e.IPv4)
		ports6.add(e.Port, e.MAC, e.IPv6)
		ports6.add(e.Port, e.MAC, e.MAC.LinkLocal())
		if e.Isolated {
			alone.add(e.Port)
		}
	}
	harmless := icmp6Types("harmless6", 1, 2, 3, 4, 128, 129, 130, 131, 132, 133, neighbourSolicitation, 143)
	from4, from6 := all(v.ip4, in(ports4, v.in, v.etherSource, v.source4)), all(v.ip6, in(ports6, v.in, v.etherSource, v.source6))
	aboutItself := in(ports6, v.in, v.etherSource, v.icmp6Target)
	prerouting := []rule{
		all(isNot(v.in, `"`+portPrefix+`*"`, []byte(portPrefix)), v.accept),
		all(v.arp, in(ports4, v.in, v.etherSource, v.arpSource), in(ports4, v.in, v.arpEther, v.arpSource), v.accept),
		all(from4, v.udp, is(v.source, "67", []byte{0, dhcpServer}), v.drop),
		all(from4, v.overICMP, is(v.icmp4, "5", []byte{redirect}), v.drop),
		all(from4, v.accept),
		all(from6, v.udp, is(v.source, "547", []byte{dhcp6Server >> 8, dhcp6Server & 0xff}), v.drop),
		all(from6, v.over6, in(harmless, v.icmp6), v.accept),
		all(from6, v.over6, is(v.icmp6, "136", []byte{neighbourAdvertisement}), aboutItself, v.accept),
		all(from6, isNot(v.l4, "ipv6-icmp", []byte{unix.IPPROTO_ICMPV6}), v.accept),
		// Duplicate address detection asks from no address whether its own is free.
		all(v.ip6, is(v.source6, "::", make([]byte, 16)), v.over6, is(v.icmp6, "135", []byte{neighbourSolicitation}), aboutItself, v.accept),
		v.drop,
	}
	return table{
		family: nftables.TableFamilyBridge, word: "bridge", sets: []*set{ports4, ports6, alone, harmless},
		chains: []chain{
			{name: "prerouting", kind: "filter", hook: *nftables.ChainHookPrerouting, hookWord: "prerouting", priority: -300, rules: prerouting},
			{name: "forward", kind: "filter", hook: *nftables.ChainHookForward, hookWord: "forward", priority: -200, rules: []rule{
				all(in(alone, v.in), v.drop), all(in(alone, v.out), v.drop),
			}},
		},
	}
}

func icmp6Types(name string, types ...uint8) *set {
	s := &set{name: name, key: []nftables.SetDatatype{nftables.TypeICMP6Type}}
	for _, t := range types {
		s.add(t)
	}
	return s
}

// inetTable hands published ports on, hides containers behind the host's addresses on their way out, lets in only what is published, and keeps
// them from the host.
func (n Network) inetTable(endpoints []Endpoint, published []Published) table {
	v := words()
	s := newInetSets(endpoints, published)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	to4 := handTo(s.at4, unix.NFPROTO_IPV4, v.target4, v.l4, v.target)
	to6 := handTo(s.at6, unix.NFPROTO_IPV6, v.target6, v.l4, v.target)
	all4 := all(v.four, within(v.target4, expr.CmpOpNeq, loopback), v.local, handTo(s.all4, unix.NFPROTO_IPV4, v.l4, v.target))
	all6 := all(v.six, isNot(v.target6, "::1", netip.IPv6Loopback().AsSlice()), v.local, handTo(s.all6, unix.NFPROTO_IPV6, v.l4, v.target))
	ours4, ours6 := within(v.source4, expr.CmpOpEq, n.IPv4), within(v.source6, expr.CmpOpEq, n.IPv6)
	hairpin4, hairpin6 := within(v.target4, expr.CmpOpEq, n.IPv4), within(v.target6, expr.CmpOpEq, n.IPv6)
	return table{
		family: nftables.TableFamilyINet, word: "inet", sets: s.list(),
		chains: []chain{
			// The bridge may route the loopback's addresses, for ports published on 127.0.0.1; containers must not use that.
			{name: "loopback", kind: "filter", hook: *nftables.ChainHookPrerouting, hookWord: "prerouting", priority: -300, rules: []rule{
				all(v.fromUs, v.four, within(v.target4, expr.CmpOpEq, loopback), v.drop),
			}},
			{name: "prerouting", kind: "nat", hook: *nftables.ChainHookPrerouting, hookWord: "prerouting", priority: -100, rules: []rule{
				all(v.four, within(v.target4, expr.CmpOpNeq, loopback), to4), all4, all(v.six, to6), all6,
			}},
			{name: "output", kind: "nat", hook: *nftables.ChainHookOutput, hookWord: "output", priority: -100, rules: []rule{
				all(v.four, to4), all(v.four, v.local, handTo(s.all4, unix.NFPROTO_IPV4, v.l4, v.target)), all(v.six, to6), all6,
			}},
			{name: "postrouting", kind: "nat", hook: *nftables.ChainHookPostrouting, hookWord: "postrouting", priority: 100, rules: []rule{
				all(v.four, ours4, v.notToUs, v.masquerade), all(v.six, ours6, v.notToUs, v.masquerade),
				// A neighbour that is reached through the host would answer past it.
				all(v.four, ours4, hairpin4, v.handed, v.masquerade), all(v.six, ours6, hairpin6, v.handed, v.masquerade),
				all(v.four, within(v.source4, expr.CmpOpEq, loopback), v.toUs, v.masquerade),
			}},
			// A neighbour that is reached through the host must not be told to do without.
			{name: "redirects", kind: "filter", hook: *nftables.ChainHookOutput, hookWord: "output", priority: 0, rules: []rule{
				all(v.toUs, v.four, v.overICMP, is(v.icmp4, "5", []byte{redirect}), v.drop), all(v.toUs, v.six, v.over6, is(v.icmp6, "137", []byte{redirect6}), v.drop),
			}},
			{name: "forward", kind: "filter", hook: *nftables.ChainHookForward, hookWord: "forward", priority: 0, rules: s.forward(v)},
			{name: "input", kind: "filter", hook: *nftables.ChainHookInput, hookWord: "input", priority: 0, rules: s.input(v)},
		},
	}
}
