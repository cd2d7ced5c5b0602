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
	// HostsLink and ResolvLink are what /etc/hosts and /etc/resolv.conf are links to; empty for files of the container's own.
	HostsLink, ResolvLink string
	// Servers are the name servers of a resolv.conf of its own (resolv.conf(5)). Without any there is none in the seed.
	Servers []netip.Addr
}

// Host is one line of /etc/hosts (hosts(5)).
type Host struct {
	Address netip.Addr
	Names   []string
}

// Seed returns the layer of one container: etc/machine-id, etc/hostname, etc/hosts and, if there is anything to say, etc/resolv.conf, world-readable,
// owned by root. It is pure. Names that could break a line are left out of etc/hosts; Name and MachineID are the caller's to validate.
func Seed(id Identity) Tree {
	t := Tree{
		{Path: "etc", Kind: Dir, Mode: 0o755},
		{Path: "etc/hostname", Kind: File, Mode: 0o644, Data: []byte(id.Name + "\n")},
		{Path: "etc/hosts", Kind: File, Mode: 0o644, Data: hosts(id)},
		{Path: "etc/machine-id", Kind: File, Mode: 0o444, Data: []byte(id.MachineID + "\n")},
	}
	if id.HostsLink != "" {
		t[2] = Entry{Path: "etc/hosts", Kind: Link, Mode: 0o777, Target: id.HostsLink}
	}
	switch {
	case id.ResolvLink != "":
		t = append(t, Entry{Path: "etc/resolv.conf", Kind: Link, Mode: 0o777, Target: id.ResolvLink})
	case len(id.Servers) > 0:
		t = append(t, Entry{Path: "etc/resolv.conf", Kind: File, Mode: 0o644, Data: resolv(id.Servers)})
	}
	return t
}

func resolv(servers []netip.Addr) []byte {
	var b strings.Builder
	for _, a := range servers {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	return []byte(b.String())
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
