package network

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrBridge says that something else has the bridge's name.
var ErrBridge = errors.New("the bridge cannot be made")

// Ensure makes the host hold the network, or repairs it: the rules first, so that the bridge never stands without them, then the bridge, with
// its addresses, all ports that lost it, and what the kernel must be told for it to route. It says what it had to change, in words. Idempotent.
// Endpoints and published ports are those of all records, so callers must not run at the same time.
//
// Of the kernel's settings it changes what a way out needs and no more: forwarding, which all interfaces share; where the host takes its own
// IPv6 routes from advertisements, that it still does so as a router; and, while a port is published on 127.0.0.1 or everywhere, the loopback's addresses on
// the bridge. None of them is taken back, since others may need them by then.
func (n Network) Ensure(endpoints []Endpoint, published []Published) (changed []string, err error) {
	if err := errors.Join(n.Unique(endpoints), Conflicts(published)); err != nil {
		return nil, err
	}
	rules := n.Rules(endpoints, published)
	same, err := rules.loaded()
	if err != nil {
		return nil, fmt.Errorf("look at the rules of nftables: %w", err)
	}
	if err := rules.replace(); err != nil {
		return nil, fmt.Errorf("load the rules into nftables: %w", err)
	}
	if !same {
		changed = append(changed, "rules")
	}
	steps, err := n.ensureBridge()
	changed = append(changed, steps...)
	if err != nil {
		return changed, err
	}
	steps, err = ensureSettings("/proc/sys", published)
	return append(changed, steps...), err
}

// Missing says what of the network the host does not hold, in words; nothing is changed.
func (n Network) Missing(endpoints []Endpoint, published []Published) ([]string, error) {
	var missing []string
	same, err := n.Rules(endpoints, published).loaded()
	if err != nil {
		return nil, fmt.Errorf("look at the rules of nftables: %w", err)
	}
	if !same {
		missing = append(missing, "rules")
	}
	switch link, err := findLink(BridgeName); {
	case err != nil:
		return nil, err
	case link == nil:
		missing = append(missing, "bridge "+BridgeName)
	case link.Attrs().Flags&net.FlagUp == 0:
		missing = append(missing, "bridge "+BridgeName+" is down")
	}
	return missing, nil
}

// Remove takes bridge and rules away. Idempotent.
func Remove() error {
	link, err := findLink(BridgeName)
	if err == nil && link != nil {
		if err = isBridge(link); err == nil {
			err = netlink.LinkDel(link)
		}
	}
	return errors.Join(err, Ruleset{}.replace())
}

// Routes returns where the host reaches other addresses, without what the bridge itself brings.
func Routes() ([]netip.Prefix, error) {
	own := -1
	if link, err := findLink(BridgeName); err != nil {
		return nil, err
	} else if link != nil {
		own = link.Attrs().Index
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, fmt.Errorf("list the routes: %w", err)
	}
	var list []netip.Prefix
	for _, r := range routes {
		if r.LinkIndex == own || r.Dst == nil || r.Dst.IP.IsLinkLocalUnicast() || r.Dst.IP.IsMulticast() {
			continue
		}
		a, _ := netip.AddrFromSlice(r.Dst.IP)
		bits, _ := r.Dst.Mask.Size()
		if p := netip.PrefixFrom(a.Unmap(), bits); p.IsValid() && bits > 0 {
			list = append(list, p)
		}
	}
	return list, nil
}

// ensureBridge makes the bridge, gives it its addresses, and brings back the ports that are on none.
func (n Network) ensureBridge() ([]string, error) {
	var changed []string
	link, err := findLink(BridgeName)
	if err != nil {
		return nil, err
	}
	mac := n.bridgeMAC()
	if link == nil {
		made := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: BridgeName, HardwareAddr: mac[:]}}
		if err := netlink.LinkAdd(made); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("make the bridge %s: %w", BridgeName, err)
		}
		if link, err = findLink(BridgeName); err != nil || link == nil {
			return nil, fmt.Errorf("the bridge %s is gone again: %w", BridgeName, errors.Join(err, ErrBridge))
		}
		changed = append(changed, "bridge "+BridgeName)
	}
	if err := isBridge(link); err != nil {
		return changed, err
	}
	if !bytes.Equal(link.Attrs().HardwareAddr, mac[:]) {
		if err := netlink.LinkSetHardwareAddr(link, mac[:]); err != nil {
			return changed, fmt.Errorf("set the bridge's MAC: %w", err)
		}
		changed = append(changed, "MAC "+mac.String())
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := netlink.LinkSetUp(link); err != nil {
			return changed, fmt.Errorf("bring the bridge up: %w", err)
		}
		changed = append(changed, "bridge up")
	}
	for _, ensure := range []func(netlink.Link) ([]string, error){n.ensureAddresses, ensurePorts} {
		more, err := ensure(link)
		changed = append(changed, more...)
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// findLink returns the interface, nil if there is none.
func findLink(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	var absent netlink.LinkNotFoundError
	if errors.As(err, &absent) {
		return nil, nil //nolint:nilnil // see above
	}
	if err != nil {
		return nil, fmt.Errorf("look for the interface %s: %w", name, err)
	}
	return link, nil
}

func isBridge(link netlink.Link) error {
	if link.Type() != "bridge" {
		return fmt.Errorf("%w: %s is a %s; rename it", ErrBridge, BridgeName, link.Type())
	}
	return nil
}

// ensureAddresses gives the bridge both gateways and takes every other address but the link-local ones. A host without IPv6 gets the first alone.
func (n Network) ensureAddresses(link netlink.Link) ([]string, error) {
	want := map[netip.Prefix]bool{n.Gateway4(): true, n.Gateway6(): hasIPv6("/proc/sys")}
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list the bridge's addresses: %w", err)
	}
	var changed []string
	for _, a := range have {
		ip, _ := netip.AddrFromSlice(a.IP)
		bits, _ := a.Mask.Size()
		p := netip.PrefixFrom(ip.Unmap(), bits)
		if want[p] {
			delete(want, p)
			continue
		}
		if ip.IsLinkLocalUnicast() {
			continue
		}
		if err := netlink.AddrDel(link, &a); err != nil {
			return changed, fmt.Errorf("take %v from the bridge: %w", p, err)
		}
		changed = append(changed, "without "+p.String())
	}
	for _, p := range []netip.Prefix{n.Gateway4(), n.Gateway6()} {
		if !want[p] {
			continue
		}
		a := &netlink.Addr{IPNet: &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}}
		if p.Addr().Is6() {
			a.Flags = unix.IFA_F_NODAD // nobody else may have it, and a bridge without ports would wait for ever
		}
		if err := netlink.AddrAdd(link, a); err != nil && !errors.Is(err, os.ErrExist) {
			return changed, fmt.Errorf("give %v to the bridge: %w", p, err)
		}
		changed = append(changed, p.String())
	}
	return changed, nil
}

// ensurePorts puts the ports of running containers back on the bridge, which a deleted one took with it.
func ensurePorts(bridge netlink.Link) ([]string, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	var changed []string
	for _, l := range links {
		a := l.Attrs()
		number, is := strings.CutPrefix(a.Name, portPrefix)
		if !is || number == "" || strings.Trim(number, "0123456789") != "" || l.Type() != "veth" || a.MasterIndex == bridge.Attrs().Index {
			continue
		}
		if err := errors.Join(netlink.LinkSetMaster(l, bridge), netlink.LinkSetUp(l)); err != nil {
			return changed, fmt.Errorf("put %s on the bridge: %w", a.Name, err)
		}
		changed = append(changed, "port "+a.Name)
	}
	return changed, nil
}
