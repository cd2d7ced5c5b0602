package network_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/network"
)

func TestPublish(t *testing.T) {
	for _, test := range []struct {
		container, port, want string
		wantErr               error
	}{
		{"web3", "8080:80", "8080:80/tcp", nil},
		{"web3", "8080:80/udp", "8080:80/udp", nil},
		{"web3", "127.0.0.1:2222:22", "127.0.0.1:2222:22/tcp", nil},
		{"web3", "[fd00::1]:2222:22", "[fd00::1]:2222:22/tcp", nil},
		{"web3", "{8000+n}:80", "8003:80/tcp", nil},
		{"web003", "{8000+n}:80", "8003:80/tcp", nil},
		{"web-2-17", "10.0.0.1:{8000+n}:80", "10.0.0.1:8017:80/tcp", nil},
		{"web", "{8000+n}:80", "", network.ErrPort},
		{"web9000", "{60000+n}:80", "", network.ErrPort},
		{"web99999999999999999999", "{1+n}:80", "", network.ErrPort},
		{"web3", "[::1]:2222:22", "", network.ErrPort},
	} {
		got, err := network.Publish(lab().Endpoint(test.container, 2), []string{test.port})
		if !errors.Is(err, test.wantErr) {
			t.Errorf("%s of %s: %v", test.port, test.container, err)
			continue
		}
		if err == nil && (got[0].String() != test.want || got[0].IPv4 != lab().Endpoint("", 2).IPv4 || got[0].Container != test.container) {
			t.Errorf("%s of %s: %+v, want %s", test.port, test.container, got[0], test.want)
		}
	}
	if got, err := network.Publish(lab().Endpoint("a", 2), []string{"nonsense", "1:1", "{1+n}:1"}); err == nil || len(got) != 1 {
		t.Errorf("one good port of three: %v, %v", got, err)
	}
}

func published(t *testing.T, container string, ports ...string) []network.Published {
	t.Helper()
	list, err := network.Publish(lab().Endpoint(container, 2), ports)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestConflicts(t *testing.T) {
	for _, test := range []struct {
		a, b string
		free bool
	}{
		{"80:80", "81:80", true},
		{"80:80", "80:81", false},
		{"80:80", "80:80/udp", true},
		{"80:80", "127.0.0.1:80:80", false},
		{"80:80", "[fd00::1]:80:80", false},
		{"10.0.0.1:80:80", "127.0.0.1:80:80", true},
		{"10.0.0.1:80:80", "10.0.0.1:80:80", false},
		{"0.0.0.0:80:80", "[::]:80:80", true},
		{"0.0.0.0:80:80", "10.0.0.1:80:80", false},
		{"[::]:80:80", "10.0.0.1:80:80", true},
		{"[::]:80:80", "[fd00::1]:80:80", false},
		{"{78+n}:80", "80:80", false},
	} {
		for _, list := range [][]network.Published{
			append(published(t, "web2", test.a), published(t, "web9", test.b)...), append(published(t, "web9", test.b), published(t, "web2", test.a)...),
		} {
			if err := network.Conflicts(list); (err == nil) != test.free || err != nil && !errors.Is(err, network.ErrTaken) {
				t.Errorf("%s and %s: %v", test.a, test.b, err)
			}
		}
	}
}

func TestSockets(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the text is of a little endian machine")
	}
	tcp := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n" +
		"   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n" +
		"   2: 0100007F:1F91 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n"
	tcp6 := "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A x\n" +
		"   1: B80D0120000000000000000001000000:0051 00000000000000000000000000000000:0000 0A x\n" +
		"   2: 0000000000000000FFFF00000100007F:0052 00000000000000000000000000000000:0000 0A x\n"
	var got []string
	sockets := append(network.Sockets([]byte(tcp), "tcp"), network.Sockets([]byte(tcp6), "tcp")...)
	for _, s := range sockets {
		got = append(got, s.Protocol+" "+netip.AddrPortFrom(s.Address, s.Port).String())
	}
	want := []string{"tcp 0.0.0.0:22", "tcp 127.0.0.1:8080", "tcp [::]:80", "tcp [2001:db8::1]:81", "tcp 127.0.0.1:82"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for port, free := range map[string]bool{
		"22:22": false, "10.0.0.1:22:22": false, "8080:80": false, "10.0.0.1:8080:80": true, "8081:80": true, "80:80": false, "10.0.0.1:80:80": false, "22:22/udp": true,
		"[fd00::1]:22:22": true,
	} {
		if err := network.Listened(published(t, "a1", port), sockets); (err == nil) != free || err != nil && !errors.Is(err, network.ErrTaken) {
			t.Errorf("%s: %v", port, err)
		}
	}
}

func FuzzSockets(f *testing.F) {
	f.Add([]byte("   0: 00000000:0016 00000000:0000 0A 00000000:00000000"))
	f.Add([]byte("   0: B80D0120000000000000000001000000:0051 0:0 0A x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, s := range network.Sockets(text, "tcp") {
			if !s.Address.IsValid() {
				t.Errorf("%q: %v", text, s)
			}
		}
	})
}

func FuzzPublish(f *testing.F) {
	f.Add("web3", "{8000+n}:80")
	f.Add("web", "127.0.0.1:1:2/udp")
	f.Fuzz(func(t *testing.T, container, port string) {
		list, err := network.Publish(lab().Endpoint(container, 2), []string{port})
		if err == nil && (len(list) != 1 || list[0].Host == 0 || list[0].Inside == 0) {
			t.Errorf("%q of %q: %v", port, container, list)
		}
		if err == nil && !strings.HasSuffix(list[0].String(), list[0].Protocol) {
			t.Errorf("%q: %v", port, list[0])
		}
	})
}
