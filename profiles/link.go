package profiles

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

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
		c.managed(key, n)
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

// managed checks what depends on whose network it is.
func (c *checker) managed(key string, n Interface) {
	if n.Type == Managed {
		if len(n.Gateways) > 0 {
			c.add(key+".gateways", "a managed interface has the host", "leave it out")
		}
		families := map[bool]bool{}
		for _, s := range n.Addresses {
			p, _ := netip.ParsePrefix(s) // addresses says what is none
			if families[p.Addr().Is4()] {
				c.add(key+".addresses", "a managed interface has one address of each kind", "use a second interface")
			}
			families[p.Addr().Is4()] = true
		}
		return
	}
	if n.Isolated {
		c.add(key+".isolated", "only managed interfaces can be", "ask whoever manages "+quote(n.Parent))
	}
	if len(n.Open) > 0 {
		c.add(key+".open", "what a "+bound(string(n.Type))+" reaches is not sysctr's to say", "use the host's firewall")
	}
}

func (c *checker) addresses(key string, n Interface) {
	c.each(key+".addresses", n.Addresses, func(key, s string) {
		p, err := netip.ParsePrefix(s)
		if err != nil || p.String() != s || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().Is4In6() || p.Bits() == 0 {
			c.add(key, quote(s)+" is not an address with its prefix length", "such as 10.1.2.3/24 or fd00::3/64")
		}
	})
	c.each(key+".gateways", n.Gateways, func(key, s string) {
		a, err := netip.ParseAddr(s)
		if err != nil || a.String() != s || !slices.ContainsFunc(n.Addresses, func(own string) bool {
			p, err := netip.ParsePrefix(own)
			return err == nil && p.Contains(a) && p.Addr() != a
		}) {
			c.add(key, quote(s)+" is not another address in the network of one of the addresses", "such as 10.1.2.1 beside 10.1.2.3/24")
		}
	})
	c.each(key+".open", n.Open, func(key, s string) {
		if _, err := ParseService(s); err != nil {
			c.add(key, err.Error(), "")
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
