package manager

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// networkLock is the name under which those who change the network take turns. No container can have it.
const networkLock = ".network"

// networkPatience bounds how long one waits for the others, each of which takes milliseconds.
const networkPatience = time.Minute

// wires brings what the records of all containers ask of the network, the host's kernel and the hosts files together.
type wires struct {
	dirs   lxc.Dirs
	etc    string // of the host
	fabric Fabric
}

// claimOf is what a container asks for by its spec.
func claimOf(r record.Record, links []profiles.Interface) network.Claim {
	return network.Claim{Container: r.Name, Network: links, Ports: r.Spec.Ports, Indices: r.Network}
}

// claims returns what all containers ask for whose records can be read, but for some. A running one has the interfaces that it was started with
// until it is started anew.
func (w wires) claims(except ...string) ([]network.Claim, error) {
	entries, err := record.Open(w.dirs.State).List()
	if err != nil {
		return nil, err
	}
	boot, err := alive.BootID()
	if err != nil {
		return nil, err
	}
	running := record.OpenLive(w.dirs.Run, boot)
	var claims []network.Claim
	for _, e := range entries {
		if e.Err != nil || slices.Contains(except, e.Name) {
			continue
		}
		links := e.Record.Spec.Network
		if live, err := running.Load(e.Name); err == nil && live.Init.Alive() {
			links = live.Spec.Network
		}
		claims = append(claims, claimOf(e.Record, links))
	}
	return claims, nil
}

// admit gives records that are about to be stored their places in the network, and refuses what cannot be: an address, MAC, name or port that
// belongs to somebody else, or more addresses than there are. The caller holds the Global lock until they are stored.
func (w wires) admit(records []record.Record) error {
	var names []string
	claims := make([]network.Claim, len(records))
	asks := false
	for i, r := range records {
		names = append(names, r.Name)
		claims[i] = claimOf(r, r.Spec.Network)
		asks = asks || len(r.Spec.Network) > 0 || len(r.Spec.Ports) > 0
	}
	if !asks {
		return nil
	}
	fixed, err := LoadFixed(w.dirs)
	if err != nil {
		return err
	}
	used, err := record.Open(w.dirs.State).Indices(names...)
	if err != nil {
		return fmt.Errorf("see which addresses are taken: %w", err)
	}
	others, err := w.claims(names...)
	if err != nil {
		return err
	}
	claims, last, err := fixed.Assign(claims, used, fixed.Last)
	if err != nil {
		return err
	}
	if err := w.refuse(fixed, claims, others); err != nil {
		return err
	}
	for i := range records {
		if len(claims[i].Indices) > 0 {
			records[i].Network = claims[i].Indices
		}
	}
	if last == fixed.Last {
		return nil
	}
	fixed.Last = last
	return fixed.save(w.dirs)
}

// refuse says which of the claims cannot be beside the others, and on this host.
func (w wires) refuse(fixed Fixed, claims, others []network.Claim) error {
	own, err := fixed.Picture(claims)
	if err != nil {
		return err
	}
	all, _ := fixed.Picture(append(slices.Clone(others), claims...)) // what is wrong with others is no reason to refuse these
	old, _ := fixed.Picture(others)
	hosts, err := w.hosts()
	if err != nil {
		return err
	}
	fresh := slices.DeleteFunc(slices.Clone(own.Published), func(p network.Published) bool { return slices.Contains(old.Published, p) })
	errs := []error{
		fixed.Unique(all.Endpoints), network.Duplicates(append(slices.Clone(others), claims...)), network.Conflicts(all.Published), network.Clashes(hosts, own.Names),
		network.Listened(fresh, sockets()),
	}
	if host, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(strings.ToLower(host), ".")
		for _, n := range own.Names {
			if n.Container == short {
				errs = append(errs, fmt.Errorf("the name %s is %w: it is the host's own; call the container otherwise", short, network.ErrTaken))
			}
		}
	}
	return errors.Join(errs...)
}

// sockets are the programs of the host that listen. What cannot be read is left out.
func sockets() []network.Socket {
	var list []network.Socket
	for _, protocol := range []string{"tcp", "udp"} {
		for _, file := range []string{protocol, protocol + "6"} {
			if text, err := tree("/").read("proc/net/" + file); err == nil {
				list = append(list, network.Sockets(text, protocol)...)
			}
		}
	}
	return list
}

// sync makes the host hold what the records ask for: the files that containers read, the rules and the bridge, and the host's own hosts file. It
// looks at the records while it has the lock, so that whoever comes last is right. It says what it changed of bridge and rules.
func (w wires) sync(ctx context.Context) (changed []string, err error) {
	locks, err := record.OpenLocks(w.dirs.Lock())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, locks.Close()) }()
	waiting, cancel := context.WithTimeout(ctx, networkPatience)
	defer cancel()
	if err := locks.Acquire(waiting, networkLock, record.Verb); err != nil {
		return nil, busy(err)
	}
	fixed, err := LoadFixed(w.dirs)
	if err != nil {
		return nil, err
	}
	claims, err := w.claims()
	if err != nil {
		return nil, err
	}
	picture, _ := fixed.Picture(claims) // a container that has no place in it is refused where it is started
	if err := w.share(fixed, picture.Names); err != nil {
		return nil, err
	}
	changed, err = w.fabric.Ensure(fixed.Network, picture)
	return changed, errors.Join(err, w.editHosts(picture.Names))
}

// share writes the files that containers read.
func (w wires) share(fixed Fixed, names []network.Named) error {
	dir := w.dirs.Network()
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
		return fmt.Errorf("share the hosts file: %w", err)
	}
	for file, text := range map[string][]byte{"hosts": fixed.HostsFile(names), "resolv.conf": w.resolvers()} {
		path := filepath.Join(dir, file)
		if have, err := os.ReadFile(path); err == nil && string(have) == string(text) {
			continue
		}
		if err := errors.Join(record.RemoveTemps(path), record.WriteFile(path, text, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// resolvers is the resolv.conf that containers share: the host's name servers, of which those on its loopback are out of their reach.
func (w wires) resolvers() []byte {
	var texts [][]byte
	for _, path := range []string{filepath.Join(w.etc, "resolv.conf"), "/run/systemd/resolve/resolv.conf"} {
		text, _ := tree("/").read(path) // one that is not there has none
		texts = append(texts, text)
	}
	var b strings.Builder
	b.WriteString("# Written by sysctr: the host's name servers, as far as containers can ask them.\n")
	for _, a := range network.Resolvers(texts...) {
		b.WriteString("nameserver " + a.String() + "\n")
	}
	return []byte(b.String())
}

func (w wires) hosts() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(w.etc, "hosts"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the host's hosts file: %w", err)
	}
	return text, nil
}

// editHosts keeps the block of the host's own hosts file. Where that file is a mount point, as in some containers that act as hosts, it cannot be
// replaced and is written over.
func (w wires) editHosts(names []network.Named) error {
	old, err := w.hosts()
	if err != nil {
		return err
	}
	text, changed, err := network.EditHosts(old, names)
	if err != nil || !changed {
		return err
	}
	path, err := filepath.EvalSymlinks(filepath.Join(w.etc, "hosts"))
	if errors.Is(err, os.ErrNotExist) {
		path, err = filepath.Join(w.etc, "hosts"), nil
	}
	if err != nil {
		return fmt.Errorf("edit the host's hosts file: %w", err)
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	err = record.WriteFile(path, text, mode)
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EXDEV) {
		err = os.WriteFile(path, text, mode)
	}
	if err != nil {
		return fmt.Errorf("edit the host's hosts file: %w", err)
	}
	return nil
}

// prefixes are an interface's fixed addresses; the spec was validated.
func prefixes(texts []string) []netip.Prefix {
	var list []netip.Prefix
	for _, s := range texts {
		if p, err := netip.ParsePrefix(s); err == nil {
			list = append(list, p)
		}
	}
	return list
}

func addresses(texts []string) []netip.Addr {
	var list []netip.Addr
	for _, s := range texts {
		if a, err := netip.ParseAddr(s); err == nil {
			list = append(list, a)
		}
	}
	return list
}
