package network_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/network"
)

// patience is how long a packet may take that must arrive. What must not arrive is waited for by one that is sent after it.
const patience = 20 * time.Second

// place is a network namespace: the test's own, which plays the host, a container's, or one outside.
type place struct {
	fd  int // -1: the host
	mac network.MAC
}

func host() place { return place{fd: -1} }

// do runs f in the place, on a thread that ends with it.
func (p place) do(t *testing.T, f func() error) {
	t.Helper()
	if err := p.try(f); err != nil {
		t.Fatal(err)
	}
}

func (p place) try(f func() error) error {
	if p.fd < 0 {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if err := unix.Setns(p.fd, unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// newPlace makes a namespace that is joined to the host's interface name by its own eth0, with these addresses, and the default routes by way of.
func newPlace(t *testing.T, name string, mac network.MAC, addresses, via []string) place {
	t.Helper()
	p := place{mac: mac}
	made := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			p.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(p.fd) })
	pair := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerHardwareAddr: mac[:], PeerNamespace: netlink.NsFd(p.fd),
	}
	if err := netlink.LinkAdd(pair); err != nil {
		t.Fatal(err)
	}
	up(t, name)
	p.do(t, func() error {
		up(t, "lo")
		up(t, "eth0", addresses...)
		for _, gateway := range via {
			if err := netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP(gateway)}); err != nil {
				return err
			}
		}
		return nil
	})
	return p
}

func up(t *testing.T, name string, addresses ...string) {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Error(err)
		return
	}
	for _, s := range addresses {
		a, err := netlink.ParseAddr(s)
		if err != nil {
			t.Error(err)
			return
		}
		if a.IP.To4() == nil {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			t.Error(err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Error(err)
	}
}

// container makes the place of an endpoint, as liblxc would.
func container(t *testing.T, n network.Network, e network.Endpoint) place {
	t.Helper()
	addresses := []string{netip.PrefixFrom(e.IPv4, n.IPv4.Bits()).String(), netip.PrefixFrom(e.IPv6, 64).String()}
	return newPlace(t, e.Port, e.MAC, addresses, []string{n.Gateway4().Addr().String(), n.Gateway6().Addr().String()})
}

// serve answers every connection with the address that it comes from.
func (p place) serve(t *testing.T, address string) {
	t.Helper()
	var l net.Listener
	p.do(t, func() (err error) { l, err = net.Listen("tcp", address); return err }) //nolint:noctx // here it is bound and no more
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			from, _ := netip.ParseAddrPort(c.RemoteAddr().String())
			_, _ = io.WriteString(c, from.Addr().Unmap().String())
			_ = c.Close()
		}
	}()
}

// ask connects and returns the answer of serve.
func (p place) ask(address string) (answer string, err error) {
	err = p.try(func() error {
		c, err := net.DialTimeout("tcp", address, patience) //nolint:noctx // it has a timeout
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		all, err := io.ReadAll(c)
		answer = string(all)
		return err
	})
	return answer, err
}

// wire is eth0 of a place, with whatever passes there.
func (p place) wire(t *testing.T) int {
	t.Helper()
	fd := -1
	p.do(t, func() (err error) {
		every := uint16(unix.ETH_P_ALL)>>8 | uint16(unix.ETH_P_ALL)<<8
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(every)); err != nil {
			return err
		}
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience.Seconds())}); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: every, Ifindex: link.Index})
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

// arrives sends a frame and then the sentinel, and reports whether the frame has arrived when the sentinel does.
func arrives(from, at int, frame, sentinel []byte) (bool, error) {
	for _, f := range [][]byte{frame, sentinel} {
		if _, err := unix.Write(from, f); err != nil {
			return false, fmt.Errorf("send: %w", err)
		}
	}
	seen := false
	buffer := make([]byte, 65536)
	for {
		n, err := unix.Read(at, buffer)
		if err != nil {
			return false, fmt.Errorf("wait for the sentinel: %w", err)
		}
		seen = seen || bytes.Equal(buffer[:n], frame)
		if bytes.Equal(buffer[:n], sentinel) {
			return seen, nil
		}
	}
}

// payloadArrives is arrives for what is rewritten on its way.
func payloadArrives(from, at int, frame, sentinel []byte, text, last string) (bool, error) {
	for _, f := range [][]byte{frame, sentinel} {
		if _, err := unix.Write(from, f); err != nil {
			return false, fmt.Errorf("send: %w", err)
		}
	}
	return untilLast(at, text, last)
}

// untilLast reads packets until one ends in last, and reports whether one before ended in text.
func untilLast(at int, text, last string) (bool, error) {
	seen := false
	buffer := make([]byte, 65536)
	for {
		n, err := unix.Read(at, buffer)
		if err != nil {
			return false, fmt.Errorf("wait for the sentinel: %w", err)
		}
		if bytes.HasSuffix(buffer[:n], []byte(last)) {
			return seen, nil
		}
		seen = seen || bytes.HasSuffix(buffer[:n], []byte(text))
	}
}

func hardware(t *testing.T, name string) network.MAC {
	t.Helper()
	link, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatal(err)
	}
	return network.MAC(link.HardwareAddr)
}
