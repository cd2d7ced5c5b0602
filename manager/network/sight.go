package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
)

// Sight is what was seen of the network on the host, enough to say of one endpoint whether it may start. Reading it takes about a millisecond, and
// one more for each few hundred endpoints.
type Sight struct {
	missing  string            // what all endpoints lack, in words
	elements map[string]string // of the sets that differ with the endpoint: their keys, one behind the other
}

// Look looks at bridge and rules, and changes nothing.
func (n Network) Look() (Sight, error) {
	link, err := findLink(BridgeName)
	switch {
	case err != nil:
		return Sight{}, err
	case link == nil:
		return Sight{missing: "there is no bridge " + BridgeName}, nil
	case link.Attrs().Flags&net.FlagUp == 0:
		return Sight{missing: "the bridge " + BridgeName + " is down"}, nil
	}
	conn, err := nftables.New()
	if err != nil {
		return Sight{}, fmt.Errorf("look at the rules of nftables: %w", err)
	}
	s := Sight{elements: map[string]string{}}
	for _, t := range n.Rules(nil, nil).tables {
		err := s.look(conn, t)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errRules) {
			return Sight{missing: "the rules of nftables are not sysctr's"}, nil
		}
		if err != nil {
			return Sight{}, fmt.Errorf("look at the rules of nftables: %w", err)
		}
	}
	return s, nil
}

// errRules says that a chain has another number of rules than it should.
var errRules = errors.New("other rules")

func (s Sight) look(conn *nftables.Conn, t table) error {
	its := &nftables.Table{Name: TableName, Family: t.family}
	for _, c := range t.chains {
		rules, err := conn.GetRules(its, &nftables.Chain{Name: c.name, Table: its})
		if err != nil {
			return err
		}
		if len(rules) != len(c.rules) {
			return errRules
		}
	}
	for _, set := range t.sets {
		if set.name != "ports4" && set.name != "isolated" && set.name != "open4" {
			continue
		}
		elements, err := conn.GetSetElements(&nftables.Set{Table: its, Name: set.name})
		if err != nil {
			return err
		}
		var keys strings.Builder
		for _, e := range elements {
			keys.Write(padded(e.Key))
		}
		s.elements[set.name] = keys.String()
	}
	return nil
}

// Carries returns an error wrapping ErrMissing, with what is missing, unless the host holds the network and this endpoint with all that differs
// from one to the other.
func (s Sight) Carries(e Endpoint) error {
	if s.missing != "" {
		return fmt.Errorf("%w: %s", ErrMissing, s.missing)
	}
	_, port := encode(e.Port)
	for _, want := range bridgeTable([]Endpoint{e}).sets {
		if have, looked := s.elements[want.name]; looked && !want.alone(have, port) {
			return fmt.Errorf("%w: the rules of nftables know %s otherwise, or not at all", ErrMissing, e.Port)
		}
	}
	if !newInetSets([]Endpoint{e}, nil).open4.alone(s.elements["open4"], e.IPv4.AsSlice()) {
		return fmt.Errorf("%w: the rules of nftables open other ports of the host to %v", ErrMissing, e.IPv4)
	}
	return nil
}

// alone reports whether, of the keys of a loaded set, those that begin so are exactly the set's.
func (s *set) alone(keys string, begin []byte) bool {
	width := 0
	for _, kind := range s.key {
		width += (int(kind.Bytes) + 3) / 4 * 4
	}
	want := map[string]bool{}
	for _, e := range s.elements {
		want[string(e.key)] = true
	}
	for ; len(keys) >= width; keys = keys[width:] {
		if !strings.HasPrefix(keys, string(begin)) {
			continue
		}
		if !want[keys[:width]] {
			return false
		}
		delete(want, keys[:width])
	}
	return len(want) == 0
}

// Clear takes away what the last run of an endpoint has left of its port, if anything: a killed container's goes only when the kernel comes to it,
// and until then another of its name cannot be made. The container must not run.
func Clear(e Endpoint) error {
	link, err := findLink(e.Port)
	if err != nil || link == nil {
		return err
	}
	if link.Type() != "veth" {
		return fmt.Errorf("%w: the interface %s is a %s and not the container's; rename it", ErrBridge, e.Port, link.Type())
	}
	if err := netlink.LinkDel(link); err != nil {
		if again, errAgain := findLink(e.Port); errAgain == nil && again == nil {
			return nil // the kernel was faster
		}
		return fmt.Errorf("take away the old %s: %w", e.Port, err)
	}
	return nil
}

// Parent returns an error wrapping ErrMissing unless the host has the interface that a bridge or macvlan of a profile names as its parent.
func Parent(name string, bridge bool) error {
	link, err := findLink(name)
	switch {
	case err != nil:
		return err
	case link == nil:
		return fmt.Errorf("%w: the host has no interface %s; make it, or change the profile's network", ErrMissing, name)
	case bridge && link.Type() != "bridge" && link.Type() != "openvswitch":
		return fmt.Errorf("%w: %s is a %s of the host and no bridge; change the profile's network", ErrMissing, name, link.Type())
	}
	return nil
}

// HasIPv6 reports whether the host's interfaces get IPv6 addresses.
func HasIPv6() bool { return hasIPv6("/proc/sys") }

// Dropping returns the chains of others that drop what the host forwards unless a rule of theirs accepts it, as "ip filter FORWARD".
func Dropping() ([]string, error) {
	conn, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("look at the chains of nftables: %w", err)
	}
	chains, err := conn.ListChains()
	if err != nil {
		return nil, fmt.Errorf("look at the chains of nftables: %w", err)
	}
	families := map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyIPv6: "ip6", nftables.TableFamilyINet: "inet"}
	var list []string
	for _, c := range chains {
		family, routed := families[c.Table.Family]
		if routed && c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop && c.Hooknum != nil && *c.Hooknum == *nftables.ChainHookForward {
			list = append(list, family+" "+c.Table.Name+" "+c.Name)
		}
	}
	return list, nil
}
