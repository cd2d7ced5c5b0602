package lxc

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/profiles"
)

// sharedFiles is where a container sees Network.Files. It lies in /dev, which is the container's own from before its init runs, and which
// systemd does not cover as it does /run.
const sharedFiles = "/dev/.sysctr-net"

// Network is what a container has of one, besides the loopback. The zero value is none.
type Network struct {
	Links []Link
	// Files is a directory of the host with the files hosts and resolv.conf, which containers see as they are at any time; empty for none. Whether
	// the container's own are these is for Hosts and Resolv to say.
	Files         string
	Hosts, Resolv bool
	Servers       []netip.Addr // of a resolv.conf of its own
}

// Link is one interface.
type Link struct {
	Name      string
	Type      profiles.Link
	Parent    string // the host's bridge, or what a macvlan lies on
	Port      string // name of the host's end; empty for one that liblxc chooses
	MAC       string // empty for one that the kernel chooses
	MTU       int    // 0 for the kernel's
	Addresses []netip.Prefix
	Gateways  []netip.Addr
}

// render writes the interfaces. Each has its addresses before the container's init runs.
func (n Network) render(w *writer) {
	if len(n.Links) == 0 {
		w.set("lxc.net.0.type", "empty")
		w.set("lxc.net.0.flags", "up") // the loopback
	}
	for i, l := range n.Links {
		key := func(s string) string { return fmt.Sprintf("lxc.net.%d.%s", i, s) }
		switch l.Type {
		case profiles.Managed, profiles.Bridge:
			w.set(key("type"), "veth")
			if l.Port != "" {
				w.set(key("veth.pair"), l.Port)
			}
		case profiles.Macvlan:
			w.set(key("type"), "macvlan")
			w.set(key("macvlan.mode"), "bridge")
		default:
			w.refuse(key("type"), string(l.Type), "is no kind of interface")
		}
		w.set(key("link"), l.Parent)
		w.set(key("name"), l.Name)
		w.set(key("flags"), "up")
		if l.MAC != "" {
			w.set(key("hwaddr"), l.MAC)
		}
		if l.MTU != 0 {
			w.set(key("mtu"), strconv.Itoa(l.MTU))
		}
		for _, p := range l.Addresses {
			w.set(key(family(p.Addr())+".address"), p.String())
		}
		for _, a := range l.Gateways {
			w.set(key(family(a)+".gateway"), a.String())
		}
	}
	if n.Files != "" {
		w.mount(n.Files, sharedFiles, "bind,ro,nosuid,nodev,noexec,create=dir")
	}
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

// identity is what the container's seed says of it.
func (n Network) identity(rec record.Record) mask.Identity {
	id := mask.Identity{Name: rec.Name, MachineID: rec.MachineID, Servers: n.Servers}
	if n.Hosts {
		id.HostsLink = filepath.Join(sharedFiles, "hosts")
	}
	if n.Resolv {
		id.ResolvLink = filepath.Join(sharedFiles, "resolv.conf")
	}
	return id
}
