package mask_test

import (
	"net/netip"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

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
