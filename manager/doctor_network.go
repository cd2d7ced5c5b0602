package manager

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
)

// Network looks at what the host holds of the managed network, and at what of the host is in its way.
func (c Checkup) Network() []Finding {
	const check, init = "network", "run 'sysctr host init'"
	fixed, err := LoadFixed(c.Dirs)
	if errors.Is(err, lxc.ErrNotPrepared) {
		return []Finding{{Check: check, Result: Fails, Detail: "the host has no managed network", Remedy: init}}
	}
	if err != nil {
		return []Finding{{Check: check, Result: Fails, Detail: err.Error(), Remedy: "restore the file, or destroy all containers and remove it"}}
	}
	w := wires{dirs: c.Dirs, etc: c.Etc, fabric: kernel{}}
	claims, err := w.claims()
	if err != nil {
		return []Finding{{Check: check, Result: Fails, Detail: err.Error(), Remedy: init}}
	}
	picture, wrong := fixed.Picture(claims)
	missing, err := w.fabric.Missing(fixed.Network, picture)
	f := Finding{Check: check, Result: Good, Detail: fmt.Sprintf("%s with %v and %v", network.BridgeName, fixed.IPv4, fixed.IPv6)}
	switch {
	case err != nil:
		f.Result, f.Detail, f.Remedy = Fails, err.Error(), "use a kernel with nftables and bridges"
	case len(missing) > 0:
		f.Result, f.Detail, f.Remedy = Fails, "the host does not hold "+strings.Join(missing, ", "), init
	}
	found := []Finding{f, c.checkOverlap(fixed), c.checkNames(w, picture), checkPublished(picture, wrong), c.checkForwarding()}
	return found
}

// checkOverlap: a route of the host's that came later takes packets for containers elsewhere.
func (c Checkup) checkOverlap(fixed Fixed) Finding {
	routes, err := network.Routes()
	if err == nil {
		err = fixed.Check(routes)
	}
	if err != nil {
		return Finding{
			Check: "subnets", Result: Warns, Detail: err.Error(),
			Remedy: "stop all containers, write network.ipv4 and network.ipv6 into /etc/sysctr/config.yaml, and run 'sysctr host init'",
		}
	}
	return Finding{Check: "subnets", Result: Good, Detail: "no route of the host leads elsewhere"}
}

func (c Checkup) checkNames(w wires, picture network.Picture) Finding {
	hosts, err := w.hosts()
	if err == nil {
		err = network.Clashes(hosts, picture.Names)
	}
	if err != nil {
		return Finding{Check: "names", Result: Warns, Detail: err.Error(), Remedy: "look at " + filepath.Join(c.Etc, "hosts")}
	}
	return Finding{Check: "names", Result: Good, Detail: fmt.Sprintf("%d containers have one in %s", len(picture.Names), filepath.Join(c.Etc, "hosts"))}
}

// checkPublished: a program of the host that listens at a published port hears nothing of it.
func checkPublished(picture network.Picture, wrong error) Finding {
	if err := errors.Join(wrong, network.Conflicts(picture.Published), network.Listened(picture.Published, sockets())); err != nil {
		return Finding{Check: "ports", Result: Warns, Detail: err.Error(), Remedy: "have the program listen elsewhere, or change the profile's ports"}
	}
	return Finding{Check: "ports", Result: Good, Detail: fmt.Sprintf("%d are published", len(picture.Published))}
}

// checkForwarding looks for what else decides about packets that the host forwards: what ours lets pass, another table may still drop.
func (c Checkup) checkForwarding() Finding {
	f := Finding{Check: "forwarding", Result: Good, Detail: "no other table of nftables drops what the host forwards"}
	tables, err := network.Dropping()
	switch {
	case err != nil:
		f.Result, f.Detail, f.Remedy = Warns, err.Error(), "is nftables there?"
	case len(tables) > 0:
		f.Result = Warns
		f.Detail = fmt.Sprintf("%s drops what it does not know: containers may have no way out, and published ports no way in", strings.Join(tables, ", "))
		f.Remedy = "let " + network.BridgeName + " through there; for Docker: iptables -I DOCKER-USER -i " + network.BridgeName + " -j ACCEPT, and the same with -o"
	}
	return f
}
