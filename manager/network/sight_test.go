package network_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/network"
)

// TestSight looks before a start: everything that could let a container run without its rules is seen, and Ensure mends it.
func TestSight(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 3, func(w *world) {
		w.endpoints[0].Isolated = true
		w.endpoints[1].Open = []network.Service{{Protocol: "tcp", Port: 5432}}
	})
	look := func(e network.Endpoint) error {
		t.Helper()
		s, err := w.network.Look()
		if err != nil {
			t.Fatal(err)
		}
		return s.Carries(e)
	}
	for _, e := range w.endpoints {
		if err := look(e); err != nil {
			t.Errorf("%s: %v", e.Container, err)
		}
	}
	for summary, change := range map[string]func(*network.Endpoint){
		"another MAC":          func(e *network.Endpoint) { e.MAC[5]++ },
		"no longer on its own": func(e *network.Endpoint) { e.Isolated = false },
		"a port more":          func(e *network.Endpoint) { e.Open = []network.Service{{Protocol: "udp", Port: 53}} },
	} {
		e := w.endpoints[0]
		change(&e)
		if err := look(e); !errors.Is(err, network.ErrMissing) {
			t.Errorf("%s: %v", summary, err)
		}
	}
	closed := w.endpoints[1]
	closed.Open = nil
	if err := look(closed); !errors.Is(err, network.ErrMissing) {
		t.Errorf("a port less: %v", err)
	}
	if err := look(w.network.Endpoint("web9", 9)); !errors.Is(err, network.ErrMissing) {
		t.Errorf("one that nobody knows: %v", err)
	}
	for want, breaks := range map[string]func(){
		"the rules of nftables are not sysctr's": func() { nft(t, "", "flush", "ruleset") },
		"not sysctr's":                           func() { nft(t, "", "flush", "chain", "inet", "sysctr", "input") },
		"otherwise, or not at all":               func() { nft(t, "", "flush", "set", "bridge", "sysctr", "ports4") },
		"there is no bridge sysctr0":             func() { alter(t, network.BridgeName, netlink.LinkDel) },
		"the bridge sysctr0 is down":             func() { alter(t, network.BridgeName, netlink.LinkSetDown) },
	} {
		breaks()
		if err := look(w.endpoints[2]); !errors.Is(err, network.ErrMissing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		w.ensure(t)
		if err := look(w.endpoints[2]); err != nil {
			t.Errorf("mended after %s: %v", want, err)
		}
	}
}

func TestDropping(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	newWorld(t, 1, nil)
	if tables, err := network.Dropping(); err != nil || len(tables) > 0 {
		t.Errorf("of our own alone: %v, %v", tables, err)
	}
	nft(t, "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }; chain INPUT { type filter hook input priority 0; policy drop; }; }\n"+
		"table inet open { chain forward { type filter hook forward priority 0; policy accept; }; }\n", "-f", "-")
	if tables, err := network.Dropping(); err != nil || len(tables) != 1 || tables[0] != "ip filter FORWARD" {
		t.Errorf("of others: %q, %v", tables, err)
	}
}

func TestClear(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 2, nil)
	for range 2 {
		if err := network.Clear(w.endpoints[0]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := netlink.LinkByName(w.endpoints[0].Port); err == nil {
		t.Error("the port is left")
	}
	if _, err := netlink.LinkByName(w.endpoints[1].Port); err != nil {
		t.Errorf("the neighbour's: %v", err)
	}
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "sctr9"}}); err != nil {
		t.Fatal(err)
	}
	if err := network.Clear(w.network.Endpoint("web9", 9)); !errors.Is(err, network.ErrBridge) {
		t.Errorf("somebody else's interface: %v", err)
	}
}

func TestParent(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	for _, link := range []netlink.Link{
		&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}, &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth9"}, PeerName: "far9"},
	} {
		if err := netlink.LinkAdd(link); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name   string
		bridge bool
		want   error
	}{{"br0", true, nil}, {"br0", false, nil}, {"eth9", false, nil}, {"eth9", true, network.ErrMissing}, {"br1", true, network.ErrMissing}} {
		if err := network.Parent(test.name, test.bridge); !errors.Is(err, test.want) {
			t.Errorf("%s, bridge %v: %v", test.name, test.bridge, err)
		}
	}
}
