package network_test

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/network"
)

// attacks are frames that one container must not send to another; all of them arrive where no rule is.
//
// long: a table
func attacks(w *world) map[string][]byte {
	me, victim := w.endpoints[0], w.endpoints[1]
	neighbour := w.endpoints[2]
	local, theirs := me.MAC.LinkLocal(), victim.MAC.LinkLocal()
	all := network.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	plain := udp(4000, 53, "plain")
	hops := append([]byte{58, 0, 1, 4, 0, 0, 0, 0}, icmp6(134, local, theirs, netip.IPv6Unspecified())...)
	return map[string][]byte{
		"ARP: the neighbour's address is mine":         arp(victim.MAC, me.MAC, me.MAC, neighbour.IPv4, victim.IPv4),
		"ARP: the gateway's address is mine":           arp(all, me.MAC, me.MAC, w.network.Gateway4().Addr(), victim.IPv4),
		"ARP: my address is the neighbour's MAC":       arp(victim.MAC, me.MAC, neighbour.MAC, me.IPv4, victim.IPv4),
		"ARP: from the neighbour's MAC":                arp(victim.MAC, neighbour.MAC, neighbour.MAC, neighbour.IPv4, victim.IPv4),
		"IPv4: from the neighbour's address":           ip4(victim.MAC, me.MAC, neighbour.IPv4, victim.IPv4, plain),
		"IPv4: from the host's address":                ip4(victim.MAC, me.MAC, w.network.Gateway4().Addr(), victim.IPv4, plain),
		"IPv4: from an address of nobody":              ip4(victim.MAC, me.MAC, netip.MustParseAddr("9.9.9.9"), victim.IPv4, plain),
		"IPv4: from the neighbour's MAC":               ip4(victim.MAC, neighbour.MAC, me.IPv4, victim.IPv4, plain),
		"IPv4: from the neighbour's MAC and address":   ip4(victim.MAC, neighbour.MAC, neighbour.IPv4, victim.IPv4, plain),
		"IPv6: from the neighbour's address":           ip6(victim.MAC, me.MAC, neighbour.IPv6, victim.IPv6, 17, plain),
		"IPv6: from the neighbour's link-local one":    ip6(victim.MAC, me.MAC, neighbour.MAC.LinkLocal(), theirs, 17, plain),
		"IPv6: from the neighbour's MAC":               ip6(victim.MAC, neighbour.MAC, me.IPv6, victim.IPv6, 17, plain),
		"DHCP: an offer":                               ip4(all, me.MAC, me.IPv4, netip.MustParseAddr("255.255.255.255"), udp(67, 68, "offer")),
		"DHCPv6: an advertisement":                     ip6(victim.MAC, me.MAC, local, theirs, 17, udp(547, 546, "advertise")),
		"ND: a router":                                 ip6(victim.MAC, me.MAC, local, theirs, 58, icmp6(134, local, theirs, netip.IPv6Unspecified())),
		"ND: a router, behind an extension header":     ip6(victim.MAC, me.MAC, local, theirs, 0, hops),
		"ND: a redirect":                               ip6(victim.MAC, me.MAC, local, theirs, 58, icmp6(137, local, theirs, neighbour.IPv6)),
		"ND: the neighbour's address is mine":          ip6(victim.MAC, me.MAC, me.IPv6, victim.IPv6, 58, icmp6(136, me.IPv6, victim.IPv6, neighbour.IPv6)),
		"ND: the gateway's address is mine":            ip6(victim.MAC, me.MAC, me.IPv6, victim.IPv6, 58, icmp6(136, me.IPv6, victim.IPv6, w.network.Gateway6().Addr())),
		"ND: somebody wants the victim's address too":  ip6(victim.MAC, me.MAC, netip.IPv6Unspecified(), victim.IPv6, 58, icmp6(135, netip.IPv6Unspecified(), victim.IPv6, victim.IPv6)),
		"Ethernet: a protocol that nobody speaks here": ethernet(victim.MAC, me.MAC, 0x88cc, []byte("neither IP nor ARP")),
	}
}

func harmless(w *world) map[string][]byte {
	me, victim := w.endpoints[0], w.endpoints[1]
	local, theirs := me.MAC.LinkLocal(), victim.MAC.LinkLocal()
	return map[string][]byte{
		"ARP":               arp(victim.MAC, me.MAC, me.MAC, me.IPv4, victim.IPv4),
		"IPv4":              ip4(victim.MAC, me.MAC, me.IPv4, victim.IPv4, udp(4000, 53, "plain")),
		"IPv6":              ip6(victim.MAC, me.MAC, me.IPv6, victim.IPv6, 17, udp(4000, 53, "plain")),
		"IPv6, link-local":  ip6(victim.MAC, me.MAC, local, theirs, 17, udp(4000, 53, "plain")),
		"ND: my address":    ip6(victim.MAC, me.MAC, me.IPv6, victim.IPv6, 58, icmp6(136, me.IPv6, victim.IPv6, me.IPv6)),
		"ND: whose is it":   ip6(victim.MAC, me.MAC, me.IPv6, victim.IPv6, 58, icmp6(135, me.IPv6, victim.IPv6, victim.IPv6)),
		"ND: is mine taken": ip6(victim.MAC, me.MAC, netip.IPv6Unspecified(), victim.IPv6, 58, icmp6(135, netip.IPv6Unspecified(), victim.IPv6, me.IPv6)),
	}
}

// TestAttacks sends each frame with the rules and without them.
func TestAttacks(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 3, nil)
	bridgeNetfilter(t, "0") // it would drop some by itself
	from, at := w.containers[0].wire(t), w.containers[1].wire(t)
	me, victim := w.endpoints[0], w.endpoints[1]
	sent := uint16(0)
	check := func(ruled bool) {
		for kind, frames := range map[bool]map[string][]byte{true: attacks(w), false: harmless(w)} {
			for summary, frame := range frames {
				sent++
				seen, err := arrives(from, at, frame, ip4(victim.MAC, me.MAC, me.IPv4, victim.IPv4, udp(5000, sent, "sentinel")))
				if err != nil {
					t.Fatalf("%s: %v", summary, err)
				}
				if want := !kind || !ruled; seen != want {
					t.Errorf("%s, rules %v: arrives %v, want %v", summary, ruled, seen, want)
				}
			}
		}
	}
	check(true)
	nft(t, "", "flush", "ruleset")
	check(false)
}

// TestIsolated reaches out and can be reached from outside, and neither neighbour nor host's way around to one.
func TestIsolated(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 3, func(w *world) {
		w.endpoints[0].Isolated = true
		w.published = append(published(t, "web1", "8080:80"), func() []network.Published {
			list, err := network.Publish(w.endpoints[1], []string{"9090:80"})
			if err != nil {
				t.Fatal(err)
			}
			return list
		}()...)
	})
	for _, p := range append(w.containers, w.outside) {
		p.serve(t, ":80")
	}
	expect(t, "the way out", w.containers[0], "203.0.113.2:80", "203.0.113.1")
	expect(t, "published, from outside", w.outside, "203.0.113.1:8080", "203.0.113.2")
	expect(t, "host to container", host(), "10.91.8.2:80", "10.91.8.1")
	expect(t, "the others to each other", w.containers[1], "10.91.8.4:80", "10.91.8.3")
	for _, direction := range [][2]int{{0, 1}, {1, 0}} {
		me, it := w.endpoints[direction[0]], w.endpoints[direction[1]]
		from, at := w.containers[direction[0]].wire(t), w.containers[direction[1]].wire(t)
		gateway := w.network.Endpoint("", 1).MAC
		for summary, frame := range map[string][]byte{
			"straight":    ip4(it.MAC, me.MAC, me.IPv4, it.IPv4, udp(4000, 53, "straight")),
			"by the host": ip4(gateway, me.MAC, me.IPv4, it.IPv4, udp(4000, 53, "by the host")),
		} {
			if w.passes(t, from, at, frame, summary, summary+" with rules", it) {
				t.Errorf("%s reaches %s %s", me.Container, it.Container, summary)
			}
			nft(t, "", "flush", "chain", "bridge", "sysctr", "forward")
			nft(t, "", "flush", "chain", "inet", "sysctr", "forward")
			if !w.passes(t, from, at, frame, summary, summary+" without rules", it) {
				t.Errorf("%s does not reach %s %s without rules either: the test shows nothing", me.Container, it.Container, summary)
			}
			w.ensure(t)
		}
	}
}

// passes reports whether the frame has arrived when one of the host's, sent after it, does.
func (w *world) passes(t *testing.T, from, at int, frame []byte, text, turn string, it network.Endpoint) bool {
	t.Helper()
	if _, err := unix.Write(from, frame); err != nil {
		t.Fatal(err)
	}
	last := turn + ", the host's"                                        // an answer that quotes an earlier one must not be taken for it
	c, err := net.Dial("udp4", netip.AddrPortFrom(it.IPv4, 53).String()) //nolint:noctx // it sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(last)); err != nil {
		t.Fatal(err)
	}
	seen, err := untilLast(at, text, last)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

func TestRepair(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 2, func(w *world) { w.published = published(t, "web1", "127.0.0.1:2222:80") })
	w.containers[0].serve(t, ":80")
	if changed := w.ensure(t); len(changed) != 0 {
		t.Errorf("a second time changes %v", changed)
	}
	for _, test := range []struct {
		summary string
		breaks  func()
		want    []string
		missing []string
	}{
		{"nft flush ruleset", func() { nft(t, "", "flush", "ruleset") }, []string{"rules"}, []string{"rules"}},
		{"one rule less", func() { nft(t, "", "flush", "chain", "inet", "sysctr", "input") }, []string{"rules"}, []string{"rules"}},
		{"one element less", func() { nft(t, "", "flush", "set", "bridge", "sysctr", "ports6") }, []string{"rules"}, []string{"rules"}},
		{"ip link del", func() { alter(t, network.BridgeName, netlink.LinkDel) }, []string{
			"bridge sysctr0", "bridge up", "10.91.8.1/21", "fd5c:1a2b:3c4d::1/64", "port sctr2", "port sctr3", "net.ipv4.conf.sysctr0.route_localnet = 1",
			"net.ipv6.conf.sysctr0.accept_ra = 0",
		}, []string{"bridge sysctr0"}},
		{"ip link set down", func() { alter(t, network.BridgeName, netlink.LinkSetDown) }, []string{"bridge up", "fd5c:1a2b:3c4d::1/64"}, []string{"bridge sysctr0 is down"}},
		{"a port off the bridge", func() { alter(t, "sctr3", netlink.LinkSetNoMaster) }, []string{"port sctr3"}, nil},
		{"another address", func() { up(t, network.BridgeName, "192.168.77.1/24") }, []string{"without 192.168.77.1/24"}, nil},
	} {
		test.breaks()
		missing, err := w.network.Missing(w.endpoints, w.published)
		if diff := cmp.Diff(test.missing, missing); err != nil || diff != "" {
			t.Errorf("%s: Missing: %v (-want +got):\n%s", test.summary, err, diff)
		}
		if diff := cmp.Diff(test.want, w.ensure(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
		expect(t, test.summary, w.containers[1], "10.91.8.2:80", "10.91.8.3")
		expect(t, test.summary, host(), "127.0.0.1:2222", "10.91.8.1")
	}
	before := nft(t, "add table inet other\n", "-f", "-")
	for range 2 {
		if err := network.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if rules := nft(t, "", "list", "ruleset"); before != "" || strings.TrimSpace(rules) != "table inet other {\n}" {
		t.Errorf("left after Remove: %s", rules)
	}
	if _, err := netlink.LinkByName(network.BridgeName); err == nil {
		t.Error("the bridge is left after Remove")
	}
}

func alter(t *testing.T, name string, change func(netlink.Link) error) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err == nil {
		err = change(link)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestEnsureRefuses(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	n := lab()
	if _, err := n.Ensure([]network.Endpoint{n.Endpoint("a", 2), n.Endpoint("b", 2)}, nil); !errors.Is(err, network.ErrTaken) {
		t.Errorf("one address twice: %v", err)
	}
	if _, err := n.Ensure(nil, append(published(t, "web1", "80:80"), published(t, "web2", "80:80")...)); !errors.Is(err, network.ErrTaken) {
		t.Errorf("one port twice: %v", err)
	}
	if rules := nft(t, "", "list", "ruleset"); rules != "" {
		t.Errorf("half made: %s", rules)
	}
	if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: network.BridgeName}, PeerName: "peer"}); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Ensure(nil, nil); !errors.Is(err, network.ErrBridge) {
		t.Errorf("another's interface: %v", err)
	}
	if err := network.Remove(); !errors.Is(err, network.ErrBridge) {
		t.Errorf("Remove of another's interface: %v", err)
	}
}

// TestMany holds as many as an address pool gives, which is more than a bridge has ports, in one transaction.
func TestMany(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	n := lab()
	indices, err := n.Allocate(nil, 0, 2045)
	if err != nil {
		t.Fatal(err)
	}
	var endpoints []network.Endpoint
	for _, i := range indices {
		endpoints = append(endpoints, n.Endpoint("c"+string(rune(i)), i))
	}
	for range 2 {
		if _, err := n.Ensure(endpoints, nil); err != nil {
			t.Fatal(err)
		}
		if missing, err := n.Missing(endpoints, nil); err != nil || len(missing) > 0 {
			t.Errorf("missing %v, %v", missing, err)
		}
	}
}

func TestRoutes(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	newWorld(t, 1, nil)
	routes, err := network.Routes()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab().Check(routes); err != nil {
		t.Errorf("the bridge's own routes count: %v", err)
	}
	if !slices.Contains(routes, netip.MustParsePrefix("203.0.113.0/24")) || !slices.Contains(routes, netip.MustParsePrefix("2001:db8::/64")) {
		t.Errorf("routes %v", routes)
	}
}
