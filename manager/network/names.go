package network

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Domain is what a container's full name ends in: web1.sysctr.
const Domain = "sysctr"

// MaxHosts bounds the hosts file that is edited, in bytes.
const MaxHosts = 4 << 20

const (
	blockBegin = "# sysctr: containers, kept by sysctr; edit above or below"
	blockEnd   = "# sysctr: end"
)

// Named is a container that has a name, with its addresses.
type Named struct {
	Container string
	Addresses []netip.Addr
}

// HostsFile returns the hosts file (hosts(5)) that all containers share: the loopback's names, the host's, and every container's, in their order.
func (n Network) HostsFile(names []Named) []byte {
	var w bytes.Buffer
	w.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, a := range []netip.Addr{n.ipv4(1), n.ipv6(1)} {
		fmt.Fprintf(&w, "%v host.%s host\n", a, Domain)
	}
	w.Write(hostLines(names))
	return w.Bytes()
}

func hostLines(names []Named) []byte {
	var w bytes.Buffer
	for _, n := range names {
		for _, a := range n.Addresses {
			fmt.Fprintf(&w, "%v %s.%s %s\n", a, n.Container, Domain, n.Container)
		}
	}
	return w.Bytes()
}

// EditHosts returns the host's hosts file with the containers' names as its one block, and whether that is a change; without names there is no
// block. All other lines stay as they are, and a name that they give to something else stays theirs: see Clashes. The error wraps ErrHosts if the
// file is too large or the block was damaged.
func EditHosts(old []byte, names []Named) ([]byte, bool, error) {
	rest, err := theirs(old)
	if err != nil {
		return nil, false, err
	}
	taken := clashes(rest, names)
	names = slices.DeleteFunc(slices.Clone(names), func(n Named) bool { return taken[n.Container] != nil })
	text := rest
	if len(names) > 0 {
		if len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		text = append(text, blockBegin+"\n"...)
		text = append(text, hostLines(names)...)
		text = append(text, blockEnd+"\n"...)
	}
	return text, !bytes.Equal(text, old), nil
}

// withoutBlock returns a copy of the text without the block.
func withoutBlock(text []byte) ([]byte, error) {
	rest := make([]byte, 0, len(text))
	inside, blocks := false, 0
	for line := range bytes.Lines(text) {
		switch word := strings.TrimRight(string(line), "\n"); {
		case word == blockBegin && !inside:
			inside = true
			blocks++
		case word == blockEnd && inside:
			inside = false
		case word == blockBegin || word == blockEnd:
			return nil, fmt.Errorf("%w: the marks of sysctr's block do not match; remove the block", ErrHosts)
		case !inside:
			rest = append(rest, line...)
		}
	}
	if inside || blocks > 1 {
		return nil, fmt.Errorf("%w: the marks of sysctr's block do not match; remove the block", ErrHosts)
	}
	return rest, nil
}

// Clashes returns an error wrapping ErrTaken, with the line, for every name that the host's hosts file gives to something else.
func Clashes(old []byte, names []Named) error {
	rest, err := theirs(old)
	if err != nil {
		return err
	}
	taken := clashes(rest, names)
	var errs []error
	for _, n := range names {
		errs = append(errs, taken[n.Container])
	}
	return errors.Join(errs...)
}

// theirs returns the lines of a hosts file that are not ours.
func theirs(old []byte) ([]byte, error) {
	if len(old) > MaxHosts {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrHosts, len(old), MaxHosts)
	}
	return withoutBlock(old)
}

// clashes returns what is wrong, by container.
func clashes(rest []byte, names []Named) map[string]error {
	ours, taken := map[string]string{}, map[string]error{}
	for _, n := range names {
		ours[n.Container], ours[n.Container+"."+Domain] = n.Container, n.Container
	}
	for line := range bytes.Lines(rest) {
		words, _, _ := strings.Cut(string(line), "#")
		fields := strings.Fields(words)
		for _, name := range fields[min(1, len(fields)):] {
			if container := ours[strings.ToLower(strings.TrimSuffix(name, "."))]; container != "" && taken[container] == nil {
				taken[container] = fmt.Errorf("the name %s is %w: the host's hosts file gives it to %.60q; call the container otherwise, or change that line", name, ErrTaken, fields[0])
			}
		}
	}
	return taken
}

// Resolvers returns the name servers that a container can ask, at most three as resolv.conf(5) has them: those of the first text with one that
// is not the host's own loopback. The texts are the host's resolv.conf and then the one behind its stub resolver. None is an empty answer.
func Resolvers(texts ...[]byte) []netip.Addr {
	for _, text := range texts {
		var list []netip.Addr
		for line := range bytes.Lines(text[:min(len(text), 1<<16)]) {
			fields := strings.Fields(string(line))
			if len(fields) < 2 || fields[0] != "nameserver" || len(list) == 3 {
				continue
			}
			a, err := netip.ParseAddr(fields[1])
			if err != nil || a.Unmap().IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.Zone() != "" {
				continue
			}
			list = append(list, a)
		}
		if len(list) > 0 {
			return list
		}
	}
	return nil
}
