package network_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/network"
	"github.com/sysctr/sysctr/profiles"
)

func managed(name string, addresses ...string) profiles.Interface {
	return profiles.Interface{Name: name, Type: profiles.Managed, Addresses: addresses}
}

func TestAssign(t *testing.T) {
	type has = map[string]int
	for _, test := range []struct {
		summary string
		claims  []network.Claim
		used    []int
		last    int
		want    []has
		next    int
		wantErr error
	}{
		{"the first ones", []network.Claim{{Network: []profiles.Interface{managed("eth0")}}, {Network: []profiles.Interface{managed("eth0"), managed("b")}}}, nil, 0,
			[]has{{"eth0": 2}, {"eth0": 3, "b": 4}}, 4, nil},
		{"behind the last one", []network.Claim{{Network: []profiles.Interface{managed("eth0")}}}, []int{2, 5}, 4, []has{{"eth0": 6}}, 6, nil},
		{"what it has it keeps", []network.Claim{{Network: []profiles.Interface{managed("b")}, Indices: has{"eth0": 7, "b": 9}}}, []int{2}, 9, []has{{"eth0": 7, "b": 9}}, 9, nil},
		{"none of the host's bridges", []network.Claim{{Network: []profiles.Interface{{Name: "eth0", Type: profiles.Bridge, Parent: "br0"}}}}, nil, 9, []has{{}}, 9, nil},
		{"a fixed address", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.9/21"), managed("b")}}}, nil, 8,
			[]has{{"eth0 10.91.8.9/21": 9, "b": 10}}, 10, nil},
		{"both fixed addresses", []network.Claim{{Network: []profiles.Interface{managed("eth0", "fd5c:1a2b:3c4d::9/64", "10.91.8.9/21")}}}, nil, 8,
			[]has{{"eth0 fd5c:1a2b:3c4d::9/64": 9}}, 8, nil},
		{"another than before", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.9/21")}, Indices: has{"eth0": 3}}}, nil, 3,
			[]has{{"eth0": 3, "eth0 10.91.8.9/21": 9}}, 3, nil},
		{"two places", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.9/21", "fd5c:1a2b:3c4d::8/64")}}}, nil, 0, nil, 0, network.ErrSubnet},
		{"another prefix", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.9/24")}}}, nil, 0, nil, 0, network.ErrSubnet},
		{"not in the subnet", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.92.8.9/21")}}}, nil, 0, nil, 0, network.ErrSubnet},
		{"the host's own", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.1/21")}}}, nil, 0, nil, 0, network.ErrSubnet},
		{"somebody's", []network.Claim{{Network: []profiles.Interface{managed("eth0", "10.91.8.9/21")}}}, []int{9}, 0, nil, 0, network.ErrTaken},
		{"the same twice", []network.Claim{{Network: []profiles.Interface{managed("a", "10.91.8.9/21")}}, {Network: []profiles.Interface{managed("a", "10.91.8.9/21")}}}, nil, 0,
			nil, 0, network.ErrTaken},
	} {
		used := map[int]bool{}
		for _, i := range test.used {
			used[i] = true
		}
		before := maps.Clone(used)
		got, next, err := lab().Assign(test.claims, used, test.last)
		if !errors.Is(err, test.wantErr) || err == nil && next != test.next || !maps.Equal(used, before) {
			t.Errorf("%s: next %d, %v", test.summary, next, err)
		}
		var indices []has
		for _, c := range got {
			indices = append(indices, c.Indices)
		}
		if diff := cmp.Diff(test.want, indices); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
	}
}

// TestAssignMany gives 1100 records addresses of their own, and tells what is too much.
func TestAssignMany(t *testing.T) {
	claims := make([]network.Claim, 1100)
	for i := range claims {
		claims[i] = network.Claim{Container: fmt.Sprintf("web%d", i+1), Network: []profiles.Interface{managed("eth0")}}
	}
	got, last, err := lab().Assign(claims, nil, 0)
	if err != nil || last != 1101 {
		t.Fatalf("last %d, %v", last, err)
	}
	p, err := lab().Picture(got)
	if err != nil || len(p.Endpoints) != 1100 || len(p.Names) != 1100 {
		t.Fatalf("%d endpoints, %d names, %v", len(p.Endpoints), len(p.Names), err)
	}
	if err := lab().Unique(p.Endpoints); err != nil {
		t.Error(err)
	}
	used := map[int]bool{}
	for _, e := range p.Endpoints {
		used[e.Index] = true
	}
	if _, _, err := lab().Assign(claims, used, last); !errors.Is(err, network.ErrExhausted) {
		t.Errorf("as many again: %v", err)
	}
	if err := network.Room(1000, 100); !errors.Is(err, network.ErrFull) {
		t.Errorf("1100 on one bridge: %v", err)
	}
}

func TestPicture(t *testing.T) {
	claims := []network.Claim{
		{
			Container: "web1", Network: []profiles.Interface{managed("eth0"), managed("eth1")}, Ports: []string{"8080:80"}, Indices: map[string]int{"eth0": 2, "eth1": 3},
		},
		{
			Container: "db1", Indices: map[string]int{"eth0": 4}, Network: []profiles.Interface{
				{Name: "br", Type: profiles.Bridge, Parent: "br0"},
				{Name: "eth0", Type: profiles.Managed, MAC: "02:00:5e:10:00:01", Isolated: true, Open: []string{"53/udp"}},
			},
		},
		{Container: "ext1", Network: []profiles.Interface{{Name: "br", Type: profiles.Bridge, Parent: "br0", Addresses: []string{"192.0.2.7/24"}}}},
		{Container: "alone1"},
	}
	p, err := lab().Picture(claims)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range p.Endpoints {
		got = append(got, fmt.Sprintf("%s %v %v %s %v %v", e.Container, e.IPv4, e.MAC, e.Port, e.Isolated, e.Open))
	}
	for _, n := range p.Names {
		got = append(got, fmt.Sprint(n))
	}
	for _, o := range p.Published {
		got = append(got, fmt.Sprint(o.Container, " ", o, " ", o.IPv4))
	}
	want := []string{
		"web1 10.91.8.2 " + lab().Endpoint("", 2).MAC.String() + " sctr2 false []",
		"web1 10.91.8.3 " + lab().Endpoint("", 3).MAC.String() + " sctr3 false []",
		"db1 10.91.8.4 02:00:5e:10:00:01 sctr4 true [{udp 53}]",
		"{web1 [10.91.8.2 fd5c:1a2b:3c4d::2]}", "{db1 [10.91.8.4 fd5c:1a2b:3c4d::4]}", "{ext1 [192.0.2.7]}",
		"web1 8080:80/tcp 10.91.8.2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPictureOfWhatIsWrong keeps everybody else in the picture.
func TestPictureOfWhatIsWrong(t *testing.T) {
	good := network.Claim{Container: "good1", Network: []profiles.Interface{managed("eth0")}, Indices: map[string]int{"eth0": 2}, Ports: []string{"80:80"}}
	for _, test := range []struct {
		summary string
		bad     network.Claim
		want    string
		wantErr error
	}{
		{"no index", network.Claim{Container: "bad1", Network: []profiles.Interface{managed("eth0")}}, "eth0 of bad1 has no address in 10.91.8.0/21", network.ErrSubnet},
		{"an index of a larger subnet", network.Claim{Container: "bad1", Network: []profiles.Interface{managed("eth0")}, Indices: map[string]int{"eth0": 4000}}, "eth0 of bad1 has no address", network.ErrSubnet},
		{"a port and no interface", network.Claim{Container: "bad1", Ports: []string{"80:80"}}, "port 80:80 of bad1 cannot be published: it has no managed interface", network.ErrPort},
		{"no number", network.Claim{Container: "bad", Network: []profiles.Interface{managed("eth0")}, Indices: map[string]int{"eth0": 3}, Ports: []string{"{80+n}:80"}}, "does not end in a number", network.ErrPort},
	} {
		p, err := lab().Picture([]network.Claim{test.bad, good})
		if !errors.Is(err, test.wantErr) || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%s: %v", test.summary, err)
		}
		if !slices.ContainsFunc(p.Endpoints, func(e network.Endpoint) bool { return e.Container == "good1" }) || len(p.Published) != 1 {
			t.Errorf("%s: good1 is not in %+v", test.summary, p)
		}
	}
}
