package network

import (
	"bytes"
	"fmt"
	"net/netip"
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

// HostsFile returns the hosts file (hosts(5)) that all containers share: the loopback's names, the host's, and every endpoint's, in their order.
func (n Network) HostsFile(endpoints []Endpoint) []byte {
	var w bytes.Buffer
	w.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, a := range []netip.Addr{n.ipv4(1), n.ipv6(1)} {
		fmt.Fprintf(&w, "%v host.%s host\n", a, Domain)
	}
	w.Write(hostLines(endpoints))
	return w.Bytes()
}

// hostLines gives a container with several interfaces the addresses of the first one only.
func hostLines(endpoints []Endpoint) []byte {
	var w bytes.Buffer
	named := map[string]bool{}
	for _, e := range endpoints {
		if named[e.Container] {
			continue
		}
		named[e.Container] = true
		for _, a := range []netip.Addr{e.IPv4, e.IPv6} {
			fmt.Fprintf(&w, "%v %s.%s %s\n", a, e.Container, Domain, e.Container)
		}
	}
	return w.Bytes()
}

// EditHosts returns the host's hosts file with the endpoints as its one block, and whether that is a change; without endpoints there is no block.
// All other lines stay as they are. The error wraps ErrHosts if the file is too large or the block was damaged, and ErrTaken, with the line, if
// the file gives the name of a container to something else.
func EditHosts(old []byte, endpoints []Endpoint) ([]byte, bool, error) {
	if len(old) > MaxHosts {
		return nil, false, fmt.Errorf("%w: %d bytes, at most %d are read", ErrHosts, len(old), MaxHosts)
	}
	rest, err := withoutBlock(old)
	if err != nil {
		return nil, false, err
	}
	if err := clash(rest, endpoints); err != nil {
		return nil, false, err
	}
	text := rest
	if len(endpoints) > 0 {
		if len(text) > 0 && text[len(text)-1] != '\n' {
			text = append(text, '\n')
		}
		text = append(text, blockBegin+"\n"...)
		text = append(text, hostLines(endpoints)...)
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

func clash(rest []byte, endpoints []Endpoint) error {
	ours := map[string]bool{}
	for _, e := range endpoints {
		ours[e.Container], ours[e.Container+"."+Domain] = true, true
	}
	number := 0
	for line := range bytes.Lines(rest) {
		number++
		words, _, _ := strings.Cut(string(line), "#")
		fields := strings.Fields(words)
		for _, name := range fields[min(1, len(fields)):] {
			if ours[strings.ToLower(strings.TrimSuffix(name, "."))] {
				return fmt.Errorf("the name %s is %w: the host's hosts file gives it to %.60q; call the container otherwise, or change that line", name, ErrTaken, fields[0])
			}
		}
	}
	return nil
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
