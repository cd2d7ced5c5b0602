package network_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/network"
)

func webs() []network.Named {
	var names []network.Named
	for _, e := range []network.Endpoint{lab().Endpoint("web1", 2), lab().Endpoint("web2", 3)} {
		names = append(names, network.Named{Container: e.Container, Addresses: []netip.Addr{e.IPv4, e.IPv6}})
	}
	return names
}

const (
	webLines = "10.91.8.2 web1.sysctr web1\nfd5c:1a2b:3c4d::2 web1.sysctr web1\n10.91.8.3 web2.sysctr web2\nfd5c:1a2b:3c4d::3 web2.sysctr web2\n"
	block    = "# sysctr: containers, kept by sysctr; edit above or below\n" + webLines + "# sysctr: end\n"
)

func TestHostsFile(t *testing.T) {
	want := "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.91.8.1 host.sysctr host\nfd5c:1a2b:3c4d::1 host.sysctr host\n" + webLines
	if diff := cmp.Diff(want, string(lab().HostsFile(webs()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEditHosts(t *testing.T) {
	old := "127.0.0.1 localhost\n10.0.0.1 db # web1\n"
	for _, test := range []struct {
		summary, old string
		names        []network.Named
		want         string
		wantErr      error
	}{
		{"a new block", old, webs(), old + block, nil},
		{"the same again", old + block, webs(), old + block, nil},
		{"lines below stay, the block goes to the end", block + old, webs(), old + block, nil},
		{"an old block", old + "# sysctr: containers, kept by sysctr; edit above or below\n1.2.3.4 web9\n# sysctr: end\n", webs(), old + block, nil},
		{"no container", old + block, nil, old, nil},
		{"never a container", old, nil, old, nil},
		{"a last line without an end", "127.0.0.1 localhost", webs(), "127.0.0.1 localhost\n" + block, nil},
		{"an empty file", "", webs(), block, nil},
		{"the host has one of the names", old + "10.0.0.9 x WEB2.\n", webs(), old + "10.0.0.9 x WEB2.\n" + strings.Replace(block, webLines, webLines[:len(webLines)/2], 1), nil},
		{"only a beginning", "# sysctr: containers, kept by sysctr; edit above or below\n10.0.0.1 db\n", webs(), "", network.ErrHosts},
		{"only an end", "# sysctr: end\n10.0.0.1 db\n", webs(), "", network.ErrHosts},
		{"two blocks", block + block, webs(), "", network.ErrHosts},
		{"too large", strings.Repeat("#", network.MaxHosts+1), webs(), "", network.ErrHosts},
	} {
		got, changed, err := network.EditHosts([]byte(test.old), test.names)
		if !errors.Is(err, test.wantErr) || err == nil && changed != (test.want != test.old) {
			t.Errorf("%s: changed %v, %v", test.summary, changed, err)
		}
		if diff := cmp.Diff(test.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
	}
}

func TestClashes(t *testing.T) {
	for _, test := range []struct {
		summary, old string
		want         string
		wantErr      error
	}{
		{"none", "127.0.0.1 localhost\n10.0.0.1 db # web1\n" + block, "", nil},
		{"the name", "10.0.0.9 x WEB2.\n", `the name WEB2. is taken: the host's hosts file gives it to "10.0.0.9"; call the container otherwise, or change that line`, network.ErrTaken},
		{"the full name", "10.0.0.9 web2.sysctr\n", `the name web2.sysctr is taken: the host's hosts file gives it to "10.0.0.9"; call the container otherwise, or change that line`, network.ErrTaken},
		{"a block that nobody can read", "# sysctr: end\n", "hosts file cannot be edited: the marks of sysctr's block do not match; remove the block", network.ErrHosts},
	} {
		err := network.Clashes([]byte(test.old), webs())
		if !errors.Is(err, test.wantErr) || err != nil && err.Error() != test.want {
			t.Errorf("%s: %v", test.summary, err)
		}
	}
}

func TestResolvers(t *testing.T) {
	stub, behind := "nameserver 127.0.0.53\nnameserver ::1\noptions edns0\n", "nameserver 9.9.9.9\nnameserver fe80::1%eth0\nnameserver 2620:fe::fe\n"
	for _, test := range []struct {
		texts []string
		want  string
	}{
		{[]string{behind, "nameserver 1.1.1.1\n"}, "[9.9.9.9 2620:fe::fe]"},
		{[]string{stub, behind}, "[9.9.9.9 2620:fe::fe]"},
		{[]string{stub, ""}, "[]"},
		{[]string{"nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4"}, "[1.1.1.1 1.1.1.2 1.1.1.3]"},
		{[]string{"nameserver\nnameserver x\nnameserver 0.0.0.0\n"}, "[]"},
	} {
		var texts [][]byte
		for _, s := range test.texts {
			texts = append(texts, []byte(s))
		}
		if got := fmt.Sprint(network.Resolvers(texts...)); got != test.want {
			t.Errorf("%q: %s, want %s", test.texts, got, test.want)
		}
	}
}

func FuzzEditHosts(f *testing.F) {
	f.Add([]byte("127.0.0.1 localhost\n" + block))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, old []byte) {
		text, _, err := network.EditHosts(old, webs())
		if err != nil {
			return
		}
		again, changed, err := network.EditHosts(text, webs())
		if err != nil || changed || !bytes.Equal(again, text) {
			t.Errorf("%q becomes %q, then %q, %v", old, text, again, err)
		}
		rest, _, err := network.EditHosts(text, nil)
		if err != nil || bytes.Contains(rest, []byte("web1.sysctr")) && !bytes.Contains(old, []byte("web1.sysctr")) {
			t.Errorf("%q without the block is %q, %v", old, rest, err)
		}
		network.Resolvers(old)
	})
}
