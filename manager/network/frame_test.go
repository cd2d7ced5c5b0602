package network_test

import (
	"encoding/binary"
	"net/netip"

	"github.com/sysctr/sysctr/manager/network"
)

// Frames are built by hand: no socket would send most of them.

func ethernet(to, from network.MAC, kind uint16, body []byte) []byte {
	f := append(append([]byte{}, to[:]...), from[:]...)
	return append(binary.BigEndian.AppendUint16(f, kind), body...)
}

// arp is an answer: address is at mac.
func arp(to, from, mac network.MAC, address, asked netip.Addr) []byte {
	body := []byte{0, 1, 8, 0, 6, 4, 0, 2}
	body = append(append(body, mac[:]...), address.AsSlice()...)
	body = append(append(body, to[:]...), asked.AsSlice()...)
	return ethernet(to, from, 0x0806, body)
}

func udp(source, target uint16, payload string) []byte {
	u := binary.BigEndian.AppendUint16(nil, source)
	u = binary.BigEndian.AppendUint16(u, target)
	u = binary.BigEndian.AppendUint16(u, uint16(8+len(payload)))
	return append(append(u, 0, 0), payload...) // no checksum, which IPv4 allows and no bridge looks at
}

func ip4(to, from network.MAC, source, target netip.Addr, body []byte) []byte {
	h := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, 17, 0, 0}
	binary.BigEndian.PutUint16(h[2:], uint16(20+len(body)))
	h = append(append(h, source.AsSlice()...), target.AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], checksum(h))
	return ethernet(to, from, 0x0800, append(h, body...))
}

func ip6(to, from network.MAC, source, target netip.Addr, next byte, body []byte) []byte {
	h := []byte{0x60, 0, 0, 0, 0, 0, next, 255}
	binary.BigEndian.PutUint16(h[4:], uint16(len(body)))
	h = append(append(h, source.AsSlice()...), target.AsSlice()...)
	return ethernet(to, from, 0x86dd, append(h, body...))
}

// icmp6 is a message of neighbour discovery about an address.
func icmp6(kind byte, source, target, about netip.Addr) []byte {
	m := append([]byte{kind, 0, 0, 0, 0x20, 0, 0, 0}, about.AsSlice()...)
	pseudo := append(append(append([]byte{}, source.AsSlice()...), target.AsSlice()...), 0, 0, 0, byte(len(m)), 0, 0, 0, 58)
	binary.BigEndian.PutUint16(m[2:], checksum(append(pseudo, m...)))
	return m
}

func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
