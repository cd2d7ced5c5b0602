package profiles

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// This file checks the keys that are kept now and acted upon later.

const maxInterfaces = 16

func (c *checker) network(list []Interface) {
	if len(list) > maxInterfaces {
		c.add("network", fmt.Sprintf("%d interfaces, and %d are allowed", len(list), maxInterfaces), "")
		return
	}
	names, macs := map[string]bool{"lo": true}, map[string]bool{}
	for i, n := range list {
		key := fmt.Sprintf("network[%d]", i)
		c.linkName(key+".name", n.Name)
		if names[n.Name] {
			c.add(key+".name", quote(n.Name)+" is taken", "")
		}
		if n.MAC != "" && macs[n.MAC] {
			c.add(key+".mac", quote(n.MAC)+" is taken", "")
		}
		names[n.Name], macs[n.MAC] = true, true
		c.link(key, n)
		c.addresses(key, n)
	}
}

// linkName checks the name of an interface as the kernel does (dev_valid_name), and that it needs no quoting anywhere.
func (c *checker) linkName(key, s string) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	if s == "" || len(s) > 15 || strings.Trim(s, letters) != "" || strings.Trim(s[:1], "-.") == "" {
		c.add(key, quote(s)+" is not the name of an interface", "use at most 15 letters, digits, hyphens, dots and underscores")
	}
}

func (c *checker) link(key string, n Interface) {
	c.choice(key+".type", string(n.Type), string(Managed), string(Bridge), string(Macvlan))
	switch {
	case n.Type == Managed && n.Parent != "":
		c.add(key+".parent", "a managed interface has no parent", "write type: bridge for a bridge of the host")
	case n.Type == Bridge || n.Type == Macvlan:
		c.linkName(key+".parent", n.Parent)
	}
	if n.MTU != 0 {
		c.within(key+".mtu", int64(n.MTU), 576, 65535)
	}
	if n.MAC == "" {
		return
	}
	mac, err := net.ParseMAC(n.MAC)
	if err != nil || len(mac) != 6 || mac.String() != n.MAC || mac[0]&1 != 0 || n.MAC == "00:00:00:00:00:00" {
		c.add(key+".mac", quote(n.MAC)+" is not the address of one interface", "write six bytes such as 02:00:5e:10:00:01, lower case")
	}
}

func (c *checker) addresses(key string, n Interface) {
	c.each(key+".addresses", n.Addresses, func(key, s string) {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.String() != s || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().Is4In6() || p.Bits() == 0 {
			c.add(key, quote(s)+" is not an address with its prefix length", "such as 10.1.2.3/24 or fd00::3/64")
		}
	})
	c.each(key+".dns", n.DNS, func(key, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil || a.String() != s || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			c.add(key, quote(s)+" is not the address of a name server", "such as 9.9.9.9")
		}
	})
}

func (c *checker) ports(list []string) {
	taken := map[Port]bool{}
	c.each("ports", list, func(key, s string) {
		p, err := ParsePort(s)
		if err != nil {
			c.add(key, err.Error(), "")
			return
		}
		p.Container = 0
		if taken[p] {
			c.add(key, fmt.Sprintf("the host's port of %s is taken", quote(s)), "")
		}
		taken[p] = true
	})
}

func (c *checker) patch(p Patch) {
	if p.Mode != "" {
		c.choice("patch.mode", string(p.Mode), string(Auto), string(Notify), string(Manual), string(Off))
	}
	if p.Scope != "" {
		c.choice("patch.scope", string(p.Scope), string(Affected), string(All))
	}
	if p.MaxLag != 0 {
		c.duration("patch.max_lag", p.MaxLag, "1h", "365d")
	}
	c.amount("patch.max_unavailable", p.MaxUnavailable)
	c.each("patch.after", p.After, c.fixed)
	c.each("patch.window", p.Window, func(key, s string) {
		if _, err := ParseWindow(s); err != nil {
			c.add(key, err.Error(), "")
		}
	})
	c.duration("patch.cooldown", p.Cooldown, "0s", "30d")
	c.argv("patch.probe", p.Probe)
	if p.ProbeTimeout != 0 {
		c.duration("patch.probe_timeout", p.ProbeTimeout, "1s", "1h")
	}
	if !c.count("patch.packages", len(p.Packages)) {
		return
	}
	for _, k := range slices.Sorted(maps.Keys(p.Packages)) {
		key := "patch.packages." + bound(k)
		if !isPackage(k) {
			c.add(key, quote(k)+" is not the name of a package", "")
		}
		c.choice(key, string(p.Packages[k]), string(ReactRestart), string(ReactLazy), string(ReactIgnore))
	}
}

// isPackage holds for the names of deb and rpm packages.
func isPackage(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 128 && strings.Trim(s, letters+"+._-~") == "" && strings.Trim(s[:1], letters) == ""
}
