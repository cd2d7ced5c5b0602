package e2e_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalKinds has interfaces of every kind, several in one container, and subnets that the operator chooses.
func TestLocalKinds(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	ip := func(args string) {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), need.Command(t, "ip", "install iproute2"), strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	const own = "network={replace: [{name: lan, type: bridge, parent: br9, addresses: [192.0.2.5/24], gateways: [192.0.2.1], dns: [192.0.2.1], mtu: 1400}, " +
		"{name: eth0, type: managed, mac: '02:00:5e:10:00:01'}]}"
	l.must(t, "create", l.name("both1"), "--profile", "command", "--set", own)
	if r := l.run(t, "start", l.name("both1")); r.Code == 0 || !strings.Contains(r.Stderr, "the host has no interface br9") {
		t.Errorf("a start without the bridge: %+v", r)
	}
	for _, args := range []string{
		"link add br9 type bridge", "address add 192.0.2.1/24 dev br9", "link set br9 up", "link add up9 type veth peer name far9", "link set up9 up", "link set far9 up",
	} {
		ip(args)
	}
	l.must(t, "create", l.name("dhcp1"), "--profile", "command", "--set", "network=[{name: eth0, type: bridge, parent: br9}]")
	l.must(t, "create", l.name("mac1"), "--profile", "command", "--set", "network=[{name: eth0, type: macvlan, parent: up9, addresses: [198.51.100.5/24]}]")
	l.must(t, "create", l.name("none1"), "--profile", "command", "--set", "network=none")
	l.must(t, "start", "all")
	t.Run("what each has", func(t *testing.T) { localKinds(t, l) })
	t.Run("subnets", func(t *testing.T) { localSubnets(t, l) })
}

func localKinds(t *testing.T, l *local) {
	const links = "ip -4 -br address | awk '{print $1, $3}' | sed s/@[^' ']*//; ip -4 route show default"
	for _, test := range []struct{ n, script, want string }{
		{"both1", links, "lo 127.0.0.1/8\nlan 192.0.2.5/24\neth0 MANAGED\ndefault via 192.0.2.1 dev lan"},
		{"both1", "cat /sys/class/net/lan/mtu /sys/class/net/eth0/address /etc/resolv.conf; readlink /etc/hosts", "1400\n02:00:5e:10:00:01\nnameserver 192.0.2.1\n/dev/.sysctr-net/hosts"},
		{"dhcp1", links + "; cat /sys/class/net/eth0/operstate; cat /etc/resolv.conf; grep -c 127.0.1.1 /etc/hosts", "lo 127.0.0.1/8\nup\n1"},
		{"mac1", links, "lo 127.0.0.1/8\neth0 198.51.100.5/24"},
		{"none1", links + "; ls /dev/.sysctr-net 2>&1 | grep -c 'No such'", "lo 127.0.0.1/8\n1"},
		{"dhcp1", "getent hosts " + l.name("both1") + " || echo unknown", "unknown"},
		{"both1", "getent hosts " + l.name("mac1") + " | awk '{print $1, $2, $3}'", "198.51.100.5 " + l.name("mac1") + ".sysctr " + l.name("mac1")},
	} {
		got := l.sh(t, test.n, test.script)
		if _, rest, ok := strings.Cut(got, "eth0 10."); ok { // an address of the pool
			_, rest, _ = strings.Cut(rest, "\n")
			got, _, _ = strings.Cut(got, "eth0 10.")
			got += "eth0 MANAGED\n" + rest
		}
		lines := strings.Split(got, "\n")
		for i := range lines {
			lines[i] = strings.TrimSpace(lines[i])
		}
		if got = strings.Join(lines, "\n"); got != test.want {
			t.Errorf("%s: %s: %q, want %q", test.n, test.script, got, test.want)
		}
	}
}

// localSubnets moves the network, which nobody who runs may be part of, and refuses what cannot be one.
func localSubnets(t *testing.T, l *local) {
	const config = "/etc/sysctr/config.yaml"
	for _, test := range []struct{ summary, text, want string }{
		{"while one runs", "network: {ipv4: 10.77.0.0/22}", "stop all containers first"},
		{"not private", "network: {ipv4: 192.0.2.0/24}", "is not private"},
		{"no network", "network: {ipv4: 10.77.0.1/22}", "is not a network"},
		{"too large", "network: {ipv4: 10.0.0.0/8}", "its prefix length is between"},
		{"somebody else's", "network: {ipv6: 'fd77::/64'}", ""},
	} {
		if test.want == "" {
			l.must(t, "stop", "all")
		}
		write(t, config, test.text+"\n", 0o644)
		r := l.run(t, "host", "init")
		if (r.Code == 0) != (test.want == "") || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("%s: %+v", test.summary, r)
		}
	}
	write(t, config, "network: {ipv4: 192.168.77.0/24, ipv6: 'fd77::/64'}\n", 0o644)
	l.must(t, "host", "init")
	l.must(t, "start", l.name("both1"))
	if got := l.sh(t, "both1", "ip -br address show eth0"); !strings.Contains(got, " 192.168.77.2/24 fd77::2/64 ") {
		t.Errorf("in another network both1 has %q", got)
	}
	l.must(t, "stop", "all")
	if out, err := exec.CommandContext(t.Context(), "ip", "address", "add", "10.78.0.1/16", "dev", "br9").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write(t, config, "network: {ipv4: 10.78.4.0/22}\n", 0o644)
	if r := l.run(t, "host", "init"); r.Code != 7 || !strings.Contains(r.Stderr, "overlaps a route of the host") {
		t.Errorf("a subnet that is elsewhere: %+v", r)
	}
}
