package network_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/network"
)

// world is a host with an uplink, somebody outside, and containers with indices from 2 on.
type world struct {
	network    network.Network
	outside    place
	endpoints  []network.Endpoint
	containers []place
	published  []network.Published
}

func newWorld(t *testing.T, count int, change func(w *world)) *world {
	t.Helper()
	w := &world{network: lab()}
	up(t, "lo")
	for i := range count {
		w.endpoints = append(w.endpoints, w.network.Endpoint("web"+string(rune('1'+i)), 2+i))
	}
	if change != nil {
		change(w)
	}
	for _, e := range w.endpoints {
		w.containers = append(w.containers, container(t, w.network, e))
	}
	w.outside = newPlace(t, "uplink", network.MAC{2, 0xff}, []string{"203.0.113.2/24", "2001:db8::2/64"}, []string{"203.0.113.1", "2001:db8::1"})
	up(t, "uplink", "203.0.113.1/24", "2001:db8::1/64")
	w.ensure(t)
	return w
}

func (w *world) ensure(t *testing.T) []string {
	t.Helper()
	changed, err := w.network.Ensure(w.endpoints, w.published)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// expect asks from a place and wants an answer, or an error where it is empty.
func expect(t *testing.T, summary string, from place, address, want string) {
	t.Helper()
	if got, err := from.ask(address); got != want || (err == nil) != (want != "") {
		t.Errorf("%s: %s answers %q, %v; want %q", summary, address, got, err, want)
	}
}

func TestReach(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	bridgeNetfilter(t, "0")
	reach(t, true)
}

// TestReachWithBridgeNetfilter is the same where bridged packets pass the rules of routed ones too, as Docker and Kubernetes have it. There the
// kernel hands nothing back to the port that it came from: a container reaches its own published port only by its own address.
func TestReachWithBridgeNetfilter(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	bridgeNetfilter(t, "1")
	reach(t, false)
}

func bridgeNetfilter(t *testing.T, value string) {
	t.Helper()
	for _, key := range []string{"iptables", "ip6tables"} {
		err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+key, []byte(value), 0)
		if err != nil && value == "1" {
			need.Missing(t, "needs the module br_netfilter: "+err.Error())
		}
	}
}

func reach(t *testing.T, itself bool) {
	w := newWorld(t, 3, func(w *world) {
		w.endpoints[1].Open = []network.Service{{Protocol: "tcp", Port: 5432}}
		w.published = append(w.published, published(t, "web1", "8080:80", "127.0.0.1:2222:80", "203.0.113.1:{7000+n}:80")...)
	})
	one, two := w.containers[0], w.containers[1]
	for _, p := range append(w.containers, w.outside, host()) {
		p.serve(t, ":80")
	}
	host().serve(t, ":5432")

	expect(t, "a neighbour", one, "10.91.8.3:80", "10.91.8.2")
	expect(t, "a neighbour", one, "[fd5c:1a2b:3c4d::3]:80", "fd5c:1a2b:3c4d::2")
	expect(t, "the way out", one, "203.0.113.2:80", "203.0.113.1")
	expect(t, "the way out", one, "[2001:db8::2]:80", "2001:db8::1")
	expect(t, "host to container", host(), "10.91.8.2:80", "10.91.8.1")
	expect(t, "host to container", host(), "[fd5c:1a2b:3c4d::2]:80", "fd5c:1a2b:3c4d::1")

	expect(t, "published, from outside", w.outside, "203.0.113.1:8080", "203.0.113.2")
	expect(t, "published, from outside", w.outside, "[2001:db8::1]:8080", "2001:db8::2")
	expect(t, "published at one address, by number", w.outside, "203.0.113.1:7001", "203.0.113.2")
	expect(t, "published, from the host", host(), "203.0.113.1:8080", "203.0.113.1")
	expect(t, "published, from the host's loopback", host(), "127.0.0.1:8080", "10.91.8.1")
	expect(t, "published on the loopback, from the host", host(), "127.0.0.1:2222", "10.91.8.1")
	expect(t, "published, by a neighbour", two, "203.0.113.1:8080", "10.91.8.1")
	expect(t, "published, by a neighbour", two, "[2001:db8::1]:8080", "fd5c:1a2b:3c4d::1")
	if itself {
		expect(t, "published, by itself", one, "203.0.113.1:8080", "10.91.8.1")
	}
	expect(t, "published at one address, by a neighbour", two, "203.0.113.1:7001", "10.91.8.1")

	for _, address := range []string{"10.91.8.1:80", "203.0.113.1:80", "[fd5c:1a2b:3c4d::1]:80", "[2001:db8::1]:80", "10.91.8.1:5432"} {
		expect(t, "the host, not opened", one, address, "")
	}
	for _, address := range []string{"10.91.8.1:5432", "203.0.113.1:5432", "[fd5c:1a2b:3c4d::1]:5432"} {
		if _, err := two.ask(address); err != nil {
			t.Errorf("the host, opened: %v", err)
		}
	}
	expect(t, "the host, another port", two, "10.91.8.1:80", "")
	expect(t, "the host, from outside", w.outside, "203.0.113.1:80", "203.0.113.2")
}

// TestUnpublished sends from outside, by a route of its own, and over the loopback's addresses; without rules it arrives.
func TestUnpublished(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	w := newWorld(t, 1, func(w *world) { w.published = published(t, "web1", "127.0.0.1:2222:53/udp", "8053:53/udp") })
	uplink, inside := hardware(t, "uplink"), w.containers[0].wire(t)
	from := w.outside.wire(t)
	send := func(target string, port uint16, text string) []byte {
		return ip4(uplink, w.outside.mac, netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr(target), udp(4000, port, text))
	}
	// The frame is another one behind the router, so its payload tells.
	reached := func(frame []byte, text string) bool {
		t.Helper()
		seen, err := payloadArrives(from, inside, frame, send("203.0.113.1", 8053, "last of "+text), text, "last of "+text)
		if err != nil {
			t.Fatal(err)
		}
		return seen
	}
	if reached(send("10.91.8.2", 53, "straight"), "straight") {
		t.Error("a port that is not published was reached from outside")
	}
	if reached(send("127.0.0.1", 2222, "loopback"), "loopback") {
		t.Error("a port published on the loopback was reached from outside")
	}
	nft(t, "", "flush", "chain", "inet", "sysctr", "forward")
	if !reached(send("10.91.8.2", 53, "unruled"), "unruled") {
		t.Error("without the rule it does not arrive either: the test shows nothing")
	}
}
