package mask

import (
	"net/netip"
	"strings"
)

// Identity is what makes one container different from the others of its profile.
type Identity struct {
	// Name is the container's name; it becomes its host name.
	Name string
	// MachineID is 32 lower-case hexadecimal digits (machine-id(5)). It must not be empty: an empty one makes systemd take the start for
	// the first boot and enable every preset unit.
	MachineID string
	// Hosts are further lines of /etc/hosts.
	Hosts []Host
}

// Host is one line of /etc/hosts (hosts(5)).
type Host struct {
	Address netip.Addr
	Names   []string
}

// Seed returns the layer of one container: etc/machine-id, etc/hostname and etc/hosts, world-readable, owned by root. It is pure. Names
// that could break a line are left out of etc/hosts; Name and MachineID are the caller's to validate.
func Seed(id Identity) Tree {
	return Tree{
		{Path: "etc", Kind: Dir, Mode: 0o755},
		{Path: "etc/hostname", Kind: File, Mode: 0o644, Data: []byte(id.Name + "\n")},
		{Path: "etc/hosts", Kind: File, Mode: 0o644, Data: hosts(id)},
		{Path: "etc/machine-id", Kind: File, Mode: 0o444, Data: []byte(id.MachineID + "\n")},
	}
}

func hosts(id Identity) []byte {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n127.0.1.1\t" + id.Name + "\n\n")
	b.WriteString("::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n")
	for _, h := range id.Hosts {
		var names []string
		for _, n := range h.Names {
			if hostName(n) {
				names = append(names, n)
			}
		}
		if h.Address.IsValid() && len(names) > 0 {
			b.WriteString(h.Address.String() + "\t" + strings.Join(names, " ") + "\n")
		}
	}
	return []byte(b.String())
}

// hostName reports whether s has only what host names consist of.
func hostName(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && r != '-' && r != '.'
	})
}
