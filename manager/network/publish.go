package network

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sysctr/sysctr/profiles"
)

// Published is a port of the host whose traffic is handed to an endpoint.
type Published struct {
	Container string
	Protocol  string     // tcp or udp
	Address   netip.Addr // of the host; the zero value and the unspecified ones are all
	Host      uint16
	IPv4      netip.Addr // of the endpoint
	IPv6      netip.Addr
	Inside    uint16
}

func (p Published) String() string {
	address := ""
	if p.Address.IsValid() {
		address = netip.AddrPortFrom(p.Address, p.Host).String()
	} else {
		address = strconv.Itoa(int(p.Host))
	}
	return fmt.Sprintf("%s:%d/%s", address, p.Inside, p.Protocol)
}

// Number returns the number at the end of a container's name, as in web12, which is what spreads a fleet's ports.
func Number(container string) (int, bool) {
	digits := container[len(strings.TrimRight(container, "0123456789")):]
	n, err := strconv.Atoi(digits)
	return n, err == nil && n <= 65535
}

// Publish returns what a profile's ports are for one endpoint. The error wraps ErrPort for each port that cannot be had.
func Publish(e Endpoint, ports []string) ([]Published, error) {
	var list []Published
	var errs []error
	for _, s := range ports {
		p, err := publish(e, s)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, p)
	}
	return list, errors.Join(errs...)
}

func publish(e Endpoint, s string) (Published, error) {
	p, err := profiles.ParsePort(s)
	if err != nil {
		return Published{}, err
	}
	host := int(p.Host)
	if p.Spread {
		n, is := Number(e.Container)
		if !is {
			return Published{}, fmt.Errorf("port %s of %s %w: the name does not end in a number; write the host's port, or call the container %s1", s, e.Container, ErrPort, e.Container)
		}
		host += n
	}
	switch {
	case host > 65535:
		return Published{}, fmt.Errorf("port %s of %s %w: it would be %d, and ports end at 65535; begin lower", s, e.Container, ErrPort, host)
	case p.Address.Is6() && p.Address.IsLoopback():
		return Published{}, fmt.Errorf("port %s of %s %w: the kernel hands nothing on from ::1; use 127.0.0.1", s, e.Container, ErrPort)
	}
	return Published{
		Container: e.Container, Protocol: p.Protocol, Address: p.Address, Host: uint16(host), IPv4: e.IPv4, IPv6: e.IPv6, Inside: p.Container,
	}, nil
}

// four and six report for which of the host's addresses a published port is: those of IPv4, of IPv6, or both.
func (p Published) four() bool { return !p.Address.IsValid() || p.Address.Is4() }
func (p Published) six() bool  { return !p.Address.IsValid() || p.Address.Is6() }
func (p Published) all() bool  { return !p.Address.IsValid() || p.Address.IsUnspecified() }

// overlaps reports whether a packet to the host could be meant for both.
func (p Published) overlaps(protocol string, address netip.Addr, host uint16) bool {
	o := Published{Address: address}
	if p.Protocol != protocol || p.Host != host || !(p.four() && o.four()) && !(p.six() && o.six()) {
		return false
	}
	return p.all() || o.all() || p.Address == address
}

// Conflicts returns an error wrapping ErrTaken for every pair of published ports that a packet could be meant for both of.
func Conflicts(published []Published) error {
	type place struct {
		protocol string
		host     uint16
	}
	var errs []error
	seen := map[place][]Published{}
	for _, p := range published {
		at := place{p.Protocol, p.Host}
		for _, o := range seen[at] {
			if p.overlaps(o.Protocol, o.Address, o.Host) {
				errs = append(errs, fmt.Errorf("port %v of %s is %w: %s publishes %v", p, p.Container, ErrTaken, o.Container, o))
				break
			}
		}
		seen[at] = append(seen[at], p)
	}
	return errors.Join(errs...)
}

// Socket is a port that a program of the host listens at.
type Socket struct {
	Protocol string
	Address  netip.Addr // unspecified for all
	Port     uint16
}

// Sockets reads the text of /proc/net/tcp, tcp6, udp or udp6 (proc_net(5)) and returns who listens; protocol is tcp or udp. A line that it does
// not understand is left out.
func Sockets(text []byte, protocol string) []Socket {
	want := "0A" // TCP_LISTEN
	if protocol == "udp" {
		want = "07" // an unconnected socket
	}
	var list []Socket
	for line := range bytes.Lines(text) {
		fields := strings.Fields(string(line))
		if len(fields) < 4 || fields[3] != want {
			continue
		}
		if s, ok := parseSocket(fields[1]); ok {
			s.Protocol = protocol
			list = append(list, s)
		}
	}
	return list
}

// parseSocket reads an address in the kernel's words of 32 bits, each in the order of this machine, and a port.
func parseSocket(s string) (Socket, bool) {
	host, port, _ := strings.Cut(s, ":")
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil || len(host) != 8 && len(host) != 32 {
		return Socket{}, false
	}
	var raw []byte
	for i := 0; i < len(host); i += 8 {
		word, err := strconv.ParseUint(host[i:i+8], 16, 32)
		if err != nil {
			return Socket{}, false
		}
		raw = binary.NativeEndian.AppendUint32(raw, uint32(word))
	}
	a, _ := netip.AddrFromSlice(raw)
	return Socket{Address: a.Unmap(), Port: uint16(number)}, true
}

// Listened returns an error wrapping ErrTaken for every published port at which a program of the host listens: it would hear nothing any more.
func Listened(published []Published, sockets []Socket) error {
	var errs []error
	for _, p := range published {
		for _, s := range sockets {
			address := s.Address
			if address == netip.IPv6Unspecified() {
				address = netip.Addr{} // commonly for IPv4 too
			}
			if p.overlaps(s.Protocol, address, s.Port) {
				errs = append(errs, fmt.Errorf("port %v of %s is %w: a program of the host listens at %v", p, p.Container, ErrTaken, netip.AddrPortFrom(s.Address, s.Port)))
				break
			}
		}
	}
	return errors.Join(errs...)
}
