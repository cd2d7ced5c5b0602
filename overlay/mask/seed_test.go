package mask_test

import (
	"net/netip"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

func TestSeedOfNetwork(t *testing.T) {
	id := mask.Identity{Name: "web7", MachineID: "0123456789abcdef0123456789abcdef", HostsLink: "/dev/.net/hosts", ResolvLink: "/dev/.net/resolv.conf"}
	const linked = "d 755 0:0 etc\nf 644 0:0 etc/hostname (5)\nl 777 0:0 etc/hosts -> /dev/.net/hosts\nf 444 0:0 etc/machine-id (33)\nl 777 0:0 etc/resolv.conf -> /dev/.net/resolv.conf\n"
	if got := mask.Seed(id).String(); got != linked {
		t.Errorf("Seed:\n%swant:\n%s", got, linked)
	}
	own := mask.Seed(mask.Identity{Name: "web7", Servers: []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::fe")}})
	if e, _ := own.Find("etc/resolv.conf"); string(e.Data) != "nameserver 9.9.9.9\nnameserver 2620:fe::fe\n" || e.Mode != 0o644 {
		t.Errorf("etc/resolv.conf: %+v", e)
	}
}

func TestSeed(t *testing.T) {
	tree := mask.Seed(mask.Identity{
		Name: "web7", MachineID: "0123456789abcdef0123456789abcdef",
		Hosts: []mask.Host{
			{Address: netip.MustParseAddr("10.0.0.2"), Names: []string{"db1", "db1.example", "bad name", "x\n1.2.3.4 evil", ""}},
			{Address: netip.MustParseAddr("fd00::2"), Names: []string{"no\tgood"}},
			{Names: []string{"noaddress"}},
		},
	})
	const want = "d 755 0:0 etc\nf 644 0:0 etc/hostname (5)\nf 644 0:0 etc/hosts (146)\nf 444 0:0 etc/machine-id (33)\n"
	if got := tree.String(); got != want {
		t.Errorf("Seed:\n%swant:\n%s", got, want)
	}
	for path, want := range map[string]string{
		"etc/hostname":   "web7\n",
		"etc/machine-id": "0123456789abcdef0123456789abcdef\n",
		"etc/hosts": "127.0.0.1\tlocalhost\n127.0.1.1\tweb7\n\n::1\tlocalhost ip6-localhost ip6-loopback\n" +
			"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n10.0.0.2\tdb1 db1.example\n",
	} {
		if e, _ := tree.Find(path); string(e.Data) != want {
			t.Errorf("%s = %q, want %q", path, e.Data, want)
		}
	}
}
