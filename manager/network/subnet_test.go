package network_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/network"
)

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range list {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// lab is a network with readable addresses.
func lab() network.Network {
	return network.Network{IPv4: netip.MustParsePrefix("10.91.8.0/21"), IPv6: netip.MustParsePrefix("fd5c:1a2b:3c4d::/64")}
}

func TestDerive(t *testing.T) {
	routes := prefixes("0.0.0.0/0", "::/0", "10.0.0.0/9", "192.168.1.0/24")
	seen := map[network.Network]bool{}
	for i := range 200 {
		seed := [16]byte{byte(i)}
		n, err := network.Derive(seed, routes)
		if err != nil {
			t.Fatal(err)
		}
		again, err := network.Derive(seed, routes)
		if err != nil || n != again {
			t.Fatalf("seed %d: %v, then %v, %v", i, n, again, err)
		}
		if err := n.Check(routes); err != nil || n.IPv4.Bits() != 21 || n.IPv4.Addr().As4()[1] < 128 {
			t.Errorf("seed %d: %v, %v", i, n, err)
		}
		seen[n] = true
	}
	if len(seen) != 200 {
		t.Errorf("%d networks of 200 hosts differ", len(seen))
	}
	if n, err := network.Derive([16]byte{}, prefixes("10.0.0.0/8")); !errors.Is(err, network.ErrOverlap) {
		t.Errorf("all of 10.0.0.0/8 is routed: %v, %v", n, err)
	}
}

func TestNetworkCheck(t *testing.T) {
	for _, test := range []struct {
		four, six string
		routes    []netip.Prefix
		want      error
	}{
		{"10.91.8.0/21", "fd5c::/64", nil, nil},
		{"192.168.3.0/24", "fd5c::/64", prefixes("192.168.2.0/24", "0.0.0.0/0", "::/0", "fd5c:0:0:1::/64"), nil},
		{"10.91.8.1/21", "fd5c::/64", nil, network.ErrSubnet},
		{"10.0.0.0/8", "fd5c::/64", nil, network.ErrSubnet},
		{"10.91.8.0/30", "fd5c::/64", nil, network.ErrSubnet},
		{"11.91.8.0/21", "fd5c::/64", nil, network.ErrSubnet},
		{"fd00::/64", "fd5c::/64", nil, network.ErrSubnet},
		{"10.91.8.0/21", "2001:db8::/64", nil, network.ErrSubnet},
		{"10.91.8.0/21", "fd5c::/48", nil, network.ErrSubnet},
		{"10.91.8.0/21", "10.91.16.0/21", nil, network.ErrSubnet},
		{"10.91.8.0/21", "fd5c::/64", prefixes("10.91.9.0/24"), network.ErrOverlap},
		{"10.91.8.0/21", "fd5c::/64", prefixes("10.0.0.0/8"), network.ErrOverlap},
		{"10.91.8.0/21", "fd5c::/64", prefixes("fd5c::7/128"), network.ErrOverlap},
	} {
		n := network.Network{IPv4: netip.MustParsePrefix(test.four), IPv6: netip.MustParsePrefix(test.six)}
		if err := n.Check(test.routes); !errors.Is(err, test.want) {
			t.Errorf("%v with %v: %v, want %v", n, test.routes, err, test.want)
		}
	}
	if err := (network.Network{}).Check(nil); !errors.Is(err, network.ErrSubnet) {
		t.Errorf("the zero network: %v", err)
	}
}

func TestEndpoint(t *testing.T) {
	e := lab().Endpoint("web1", 300)
	want := network.Endpoint{
		Container: "web1", Index: 300, Port: "sctr300", MAC: network.MAC{0x02, 0x5c ^ 0x3c, 0x1a ^ 0x4d, 0x2b, 1, 44},
		IPv4: netip.MustParseAddr("10.91.9.44"), IPv6: netip.MustParseAddr("fd5c:1a2b:3c4d::12c"),
	}
	if diff := cmp.Diff(want, e, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, a := range []netip.Addr{e.IPv4, e.IPv6} {
		if i, err := lab().Index(a); i != 300 || err != nil {
			t.Errorf("Index(%v) = %d, %v", a, i, err)
		}
	}
	for _, s := range []string{"10.91.8.0", "10.91.8.1", "10.91.15.255", "10.91.16.2", "fd5c:1a2b:3c4d::1", "fd5c:1a2b:3c4d::1:2", "fd5c:1a2b:3c4d::ffff", "9.9.9.9", "::"} {
		if i, err := lab().Index(netip.MustParseAddr(s)); !errors.Is(err, network.ErrSubnet) {
			t.Errorf("Index(%s) = %d, %v", s, i, err)
		}
	}
	if got := (network.MAC{0x02, 0, 0x5e, 0x10, 0, 1}).LinkLocal().String(); got != "fe80::5eff:fe10:1" {
		t.Errorf("link-local address %s", got)
	}
}

// TestAllocateMany plans for more containers than one bridge holds.
func TestAllocateMany(t *testing.T) {
	n := lab()
	got, err := n.Allocate(nil, 0, 1100)
	if err != nil || len(got) != 1100 {
		t.Fatalf("%d, %v", len(got), err)
	}
	var all []network.Endpoint
	for _, i := range got {
		all = append(all, n.Endpoint("c", i))
	}
	if err := n.Unique(all); err != nil {
		t.Error(err)
	}
	if err := network.Room(1000, 24); !errors.Is(err, network.ErrFull) {
		t.Errorf("port 1024: %v", err)
	}
	if err := network.Room(1000, 23); err != nil {
		t.Error(err)
	}
}

func TestAllocate(t *testing.T) {
	n := lab()
	n.IPv4 = netip.MustParsePrefix("10.91.8.0/29") // 2 to 6
	for _, test := range []struct {
		summary string
		used    map[int]bool
		last    int
		count   int
		want    []int
	}{
		{"a new host begins after the host's own", nil, 0, 2, []int{2, 3}},
		{"none", nil, 0, 0, []int{}},
		{"all", nil, 0, 5, []int{2, 3, 4, 5, 6}},
		{"one more than there are", nil, 0, 6, nil},
		{"a negative number", nil, 0, -1, nil},
		{"what was freed comes last", map[int]bool{2: true}, 3, 4, []int{4, 5, 6, 3}},
		{"round the end", map[int]bool{3: true}, 6, 2, []int{2, 4}},
		{"no more than are free", map[int]bool{2: true, 3: true, 4: true, 5: true}, 2, 2, nil},
		{"used ones of another subnet do not count", map[int]bool{0: true, 1: true, 7: true, 900: true, -1: true}, 0, 5, []int{2, 3, 4, 5, 6}},
		{"a last one of another subnet", nil, 900, 1, []int{2}},
	} {
		got, err := n.Allocate(test.used, test.last, test.count)
		if (test.want == nil) != errors.Is(err, network.ErrExhausted) || err != nil && got != nil {
			t.Errorf("%s: %v, %v", test.summary, got, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
	}
}

func TestUnique(t *testing.T) {
	n := lab()
	fixed := func(container string, index int, mac network.MAC) network.Endpoint {
		e := n.Endpoint(container, index)
		e.MAC = mac
		return e
	}
	for _, test := range []struct {
		summary string
		list    []network.Endpoint
		want    bool
	}{
		{"two", []network.Endpoint{n.Endpoint("a", 2), n.Endpoint("b", 3)}, true},
		{"one index", []network.Endpoint{n.Endpoint("a", 2), n.Endpoint("b", 2)}, false},
		{"one fixed MAC", []network.Endpoint{fixed("a", 2, network.MAC{2, 9}), fixed("b", 3, network.MAC{2, 9})}, false},
		{"a fixed MAC that is another's derived one", []network.Endpoint{n.Endpoint("a", 2), fixed("b", 3, n.Endpoint("", 2).MAC)}, false},
		{"the host's MAC", []network.Endpoint{fixed("b", 3, n.Endpoint("", 1).MAC)}, false},
		{"the host's index", []network.Endpoint{n.Endpoint("a", 1)}, false},
	} {
		if err := n.Unique(test.list); (err == nil) != test.want || err != nil && !errors.Is(err, network.ErrTaken) {
			t.Errorf("%s: %v", test.summary, err)
		}
	}
}

func FuzzParseMAC(f *testing.F) {
	for _, s := range []string{"02:00:5e:10:00:01", "00:00:00:00:00:00", "01:00:5e:10:00:01", "02-00-5e-10-00-01", "02:00:5E:10:00:01", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := network.ParseMAC(s)
		if err == nil && (m.String() != s || m[0]&1 != 0 || m == network.MAC{}) {
			t.Errorf("%q is %v", s, m)
		}
	})
}
