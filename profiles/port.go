package profiles

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Port is one published port: what reaches the host's port is handed to the container's.
type Port struct {
	// Address is the host's address that listens; the zero value means all.
	Address netip.Addr
	Host    uint16
	// Spread adds the container's number to Host, so that a fleet can publish one port each.
	Spread    bool
	Container uint16
	Protocol  string // tcp or udp
}

// ParsePort reads [ADDRESS:]HOST:CONTAINER[/tcp|/udp], where HOST is a port or {PORT+n}, n being the number of the container, and an IPv6
// address stands in brackets: 8080:80, 127.0.0.1:2222:22/tcp, {8000+n}:80. Without a protocol it is tcp.
func ParsePort(s string) (Port, error) {
	p, ok := parsePort(s)
	if !ok {
		return Port{}, fmt.Errorf("%s is not a port: write [ADDRESS:]HOST:CONTAINER[/tcp|/udp], such as 8080:80, 127.0.0.1:2222:22 or {8000+n}:80", quote(s))
	}
	return p, nil
}

func parsePort(s string) (Port, bool) {
	ports, protocol, written := strings.Cut(s, "/")
	if !written {
		protocol = "tcp"
	}
	host, container, ok := cutLast(ports, ":")
	if !ok || protocol != "tcp" && protocol != "udp" {
		return Port{}, false
	}
	p := Port{Protocol: protocol}
	if address, rest, found := cutLast(host, ":"); found {
		if p.Address, ok = listenAddress(address); !ok {
			return Port{}, false
		}
		host = rest
	}
	if inner, spread := strings.CutPrefix(host, "{"); spread {
		if host, p.Spread = strings.CutSuffix(inner, "+n}"); !p.Spread {
			return Port{}, false
		}
	}
	var hostOK, containerOK bool
	p.Host, hostOK = portNumber(host)
	p.Container, containerOK = portNumber(container)
	return p, hostOK && containerOK
}

// listenAddress reads an IPv4 address, or an IPv6 address in brackets, in the one form that it prints as.
func listenAddress(s string) (netip.Addr, bool) {
	inner, six := strings.CutPrefix(s, "[")
	if six {
		inner, six = strings.CutSuffix(inner, "]")
	}
	a, err := netip.ParseAddr(inner)
	ok := err == nil && a.String() == inner && a.Zone() == "" && !a.Is4In6() && a.Is6() == six
	return a, ok
}

// Service is a port at which a program listens.
type Service struct {
	Port     uint16
	Protocol string // tcp or udp
}

// ParseService reads PORT[/tcp|/udp], such as 5432 or 53/udp. Without a protocol it is tcp.
func ParseService(s string) (Service, error) {
	number, protocol, written := strings.Cut(s, "/")
	if !written {
		protocol = "tcp"
	}
	port, ok := portNumber(number)
	if !ok || protocol != "tcp" && protocol != "udp" {
		return Service{}, fmt.Errorf("%s is not a port: write PORT[/tcp|/udp], such as 5432 or 53/udp", quote(s))
	}
	return Service{port, protocol}, nil
}

func portNumber(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}
