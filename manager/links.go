package manager

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// linker is a starter's view of the network: it makes sure that the host holds what a container needs before that starts. A batch looks once and
// again only where something is missing.
type linker struct {
	wires
	mu    sync.Mutex
	seen  bool
	sight network.Sight
}

func newLinker(d lxc.Dirs) *linker {
	return &linker{wires: wires{dirs: d, etc: "/etc", fabric: kernel{}}}
}

// links is what one start gives its container of the network. The error says what the host does not hold and could not be given.
func (l *linker) links(ctx context.Context, rec record.Record) (lxc.Network, error) {
	if len(rec.Spec.Network) == 0 {
		return lxc.Network{}, nil
	}
	fixed, err := LoadFixed(l.dirs)
	if err != nil {
		return lxc.Network{}, err
	}
	picture, err := fixed.Picture([]network.Claim{claimOf(rec, rec.Spec.Network)})
	if err != nil {
		return lxc.Network{}, err
	}
	if err := l.ready(ctx, fixed, picture.Endpoints); err != nil {
		return lxc.Network{}, err
	}
	for _, e := range picture.Endpoints {
		if err := l.fabric.Clear(e); err != nil {
			return lxc.Network{}, err
		}
	}
	for _, i := range rec.Spec.Network {
		if i.Type != profiles.Managed {
			if err := l.fabric.Parent(i.Parent, i.Type == profiles.Bridge); err != nil {
				return lxc.Network{}, fmt.Errorf("connect %s: %w", i.Name, err)
			}
		}
	}
	return connect(fixed, rec.Spec.Network, picture, l.dirs.Network(), network.HasIPv6()), nil
}

// ready repairs what is missing, once.
func (l *linker) ready(ctx context.Context, fixed Fixed, endpoints []network.Endpoint) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := os.Stat(filepath.Join(l.dirs.Network(), "hosts"))
	if err == nil {
		if err = l.carries(fixed, endpoints, !l.seen); err == nil {
			return nil
		}
	}
	if !errors.Is(err, network.ErrMissing) && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := l.sync(ctx); err != nil {
		return fmt.Errorf("repair the network: %w", err)
	}
	return l.carries(fixed, endpoints, true)
}

func (l *linker) carries(fixed Fixed, endpoints []network.Endpoint, look bool) error {
	if len(endpoints) == 0 {
		return nil
	}
	if look {
		sight, err := l.fabric.Look(fixed.Network)
		if err != nil {
			return err
		}
		l.sight, l.seen = sight, true
	}
	for _, e := range endpoints {
		if err := l.sight.Carries(e); err != nil {
			return err
		}
	}
	return nil
}

// connect decides what liblxc is told. The first interface that has a gateway has the way out.
func connect(fixed Fixed, links []profiles.Interface, picture network.Picture, files string, six bool) lxc.Network {
	n := lxc.Network{Files: files, Hosts: len(picture.Names) > 0}
	managed := picture.Endpoints
	leaves := false
	for _, i := range links {
		link := lxc.Link{
			Name: i.Name, Type: i.Type, Parent: i.Parent, MAC: i.MAC, MTU: i.MTU, Addresses: prefixes(i.Addresses), Gateways: addresses(i.Gateways),
		}
		if i.Type == profiles.Managed {
			e := managed[0]
			managed = managed[1:]
			link.Parent, link.Port, link.MAC = network.BridgeName, e.Port, e.MAC.String()
			link.Addresses = []netip.Prefix{netip.PrefixFrom(e.IPv4, fixed.IPv4.Bits())}
			link.Gateways = []netip.Addr{fixed.Gateway4().Addr()}
			if six {
				link.Addresses = append(link.Addresses, netip.PrefixFrom(e.IPv6, fixed.IPv6.Bits()))
				link.Gateways = append(link.Gateways, fixed.Gateway6().Addr())
			}
		}
		if leaves {
			link.Gateways = nil
		}
		leaves = leaves || len(link.Gateways) > 0
		n.Resolv = n.Resolv || len(link.Addresses) > 0
		n.Servers = append(n.Servers, addresses(i.DNS)...)
		n.Links = append(n.Links, link)
	}
	if len(n.Servers) > 0 {
		n.Resolv = false
	}
	return n
}
