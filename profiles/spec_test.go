package profiles_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/profiles"
)

// full has a value in every field, none of them the default.
func full() profiles.Spec {
	return profiles.Spec{
		Profile: "web", Description: "d", Init: []string{"/sbin/init", "x"}, Environment: map[string]string{"A": "a"}, Isolation: profiles.Shared,
		Units: []string{"ssh.service"}, Hide: []string{"/srv/h"}, Share: []string{"/srv/s"},
		Mounts: []profiles.Mount{{Source: "/a", Target: "/t", ReadOnly: true, Create: profiles.CreateDir}},
		Limits: profiles.Limits{Memory: 1 << 30, CPU: 1500, Pids: 100}, Drop: []string{"mknod"}, Autostart: true, Priority: 7,
		Stop: stop(9e9, "SIGTERM"), Tags: []string{"t"}, Restart: profiles.Always,
		Network: []profiles.Interface{{
			Name: "eth0", Type: profiles.Bridge, Parent: "br0", Addresses: []string{"10.0.0.2/24"}, Gateways: []string{"10.0.0.1"}, MAC: "02:00:00:00:00:01",
			MTU: 1400, DNS: []string{"9.9.9.9"},
		}},
		Ports: []string{"80:80"}, Volumes: []profiles.Volume{{Name: "v", Target: "/v", ReadOnly: true}},
		Patch: profiles.Patch{
			Mode: profiles.Notify, Scope: profiles.All, MaxLag: 24 * 120 * t30, MaxUnavailable: "3", Probe: []string{"/bin/p"},
			After: []string{"@db"}, Window: []string{"Sat 01:00-02:00 UTC"}, Cooldown: t30, ProbeTimeout: t30,
			Packages: map[string]profiles.Reaction{"bash": profiles.ReactLazy},
		},
		Usr: profiles.UsrShared,
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, s := range []profiles.Spec{full(), plain("web")} {
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back profiles.Spec
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, back); diff != "" || !s.Equal(back) {
			t.Errorf("not the same after\n%s\n%s", text, diff)
		}
	}
}

// The stored form is read by later versions: a renamed key would lose what records say.
func TestJSONKeysAreThoseOfTheProfile(t *testing.T) {
	text, err := json.Marshal(full())
	if err != nil {
		t.Fatal(err)
	}
	var stored map[string]any
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	delete(stored, "profile")
	delete(stored, "set")
	stored["extends"], stored["command"] = "only in a profile", "the other kind"
	for _, k := range profiles.Keys() {
		if !strings.Contains(k, ".") {
			if _, ok := stored[k]; !ok {
				t.Errorf("the profile's key %s is not stored", k)
			}
			delete(stored, k)
		}
	}
	for k := range stored {
		t.Errorf("stored key %s is none of the profile's", k)
	}
}

// Every field counts: emptying any single one, however deep, is a difference.
func TestDiffSeesEveryField(t *testing.T) {
	if d := profiles.Diff(full(), full()); len(d) != 0 {
		t.Fatalf("a spec differs from itself: %v", d)
	}
	var seen int
	visit(reflect.TypeFor[profiles.Spec](), nil, func(path []int) {
		s := full()
		// Full for the comparison, though not valid.
		s.Command, s.Network[0].Isolated, s.Network[0].Open = []string{"/bin/x"}, true, []string{"53/udp"}
		before := s
		copied := clone(t, s)
		field := reflect.ValueOf(&copied).Elem()
		var name string
		for _, i := range path {
			for field.Kind() == reflect.Slice {
				field = field.Index(0)
			}
			name += "." + field.Type().Field(i).Name
			field = field.Field(i)
		}
		if name == ".Set" { // says how the spec came about, see Spec
			return
		}
		if field.IsZero() {
			t.Fatalf("full has no %s", name)
		}
		field.SetZero()
		if before.Equal(copied) || len(profiles.Diff(before, copied)) != 1 {
			t.Errorf("without %s: %v", name, profiles.Diff(before, copied))
		}
		seen++
	})
	if seen < 40 {
		t.Errorf("visited %d fields only", seen)
	}
}

// visit calls f with the index path of every field that is no struct or list of structs itself.
func visit(typ reflect.Type, path []int, f func([]int)) {
	if typ.Kind() == reflect.Slice {
		typ = typ.Elem()
	}
	for i := range typ.NumField() {
		below := append(append([]int{}, path...), i)
		field := typ.Field(i).Type
		if field.Kind() == reflect.Struct || field.Kind() == reflect.Slice && field.Elem().Kind() == reflect.Struct {
			visit(field, below, f)
			continue
		}
		f(below)
	}
}

func clone(t *testing.T, s profiles.Spec) profiles.Spec {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var c profiles.Spec
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDiffIsForPeople(t *testing.T) {
	a, b := plain("web"), plain("web")
	b.Limits.Memory, b.Limits.CPU, b.Stop.Timeout, b.Tags, b.Environment = 512<<20, 1500, 60e9, []string{"x", "y"}, map[string]string{"A": "1"}
	want := []profiles.Change{
		{"environment", "", `{"A":"1"}`}, {"limits.memory", "none", "512M"}, {"limits.cpu", "none", "1.5"}, {"stop.timeout", "30s", "1m"},
		{"tags", "", `["x","y"]`},
	}
	if diff := cmp.Diff(want, profiles.Diff(a, b)); diff != "" {
		t.Error(diff)
	}
}

func TestEqualKnowsSets(t *testing.T) {
	a, b := plain("web"), plain("web")
	a.Tags, b.Tags = []string{"x", "y"}, []string{"y", "x"}
	a.Hide, b.Environment = []string{}, map[string]string{}
	if !a.Equal(b) {
		t.Errorf("differ by %v", profiles.Diff(a, b))
	}
	if a.Tags[0] != "x" || b.Tags[0] != "y" {
		t.Error("comparing sorted the lists of the caller")
	}
	a.Ports, b.Ports = []string{"80:80", "81:81"}, []string{"81:81", "80:80"}
	a.Init, b.Init = []string{"/x", "a,b"}, []string{"/x", "a", "b"}
	if got := len(profiles.Diff(a, b)); got != 2 {
		t.Errorf("%d differences, want init and ports", got)
	}
}

// A record is a file: what stands in it may be anything.
func TestValidateRefusesHostileSpecs(t *testing.T) {
	tests := []struct {
		want   string
		change func(s *profiles.Spec)
	}{
		{`spec: profile: bad name "../x"`, func(s *profiles.Spec) { s.Profile = "../x" }},
		{`spec: profile: bad name ""`, func(s *profiles.Spec) { s.Profile = "" }},
		{`spec: init: a container needs init or command`, func(s *profiles.Spec) { s.Init = nil }},
		{`spec: command: a container has init or command, not both`, func(s *profiles.Spec) { s.Command = []string{"/bin/x"} }},
		{`spec: init[1]: control character U+000A`, func(s *profiles.Spec) { s.Init[1] = "a\nlxc.cap.drop =" }},
		{`spec: init[0]: "" is not an absolute path`, func(s *profiles.Spec) { s.Init[0] = "" }},
		{`spec: environment.A: control character U+000A`, func(s *profiles.Spec) { s.Environment["A"] = "x\nlxc.idmap =" }},
		{`spec: environment.A: not valid UTF-8`, func(s *profiles.Spec) { s.Environment["A"] = "\xff" }},
		{`spec: environment.A\nB: "A\nB" is not the name of a variable`, func(s *profiles.Spec) { s.Environment["A\nB"] = "x" }},
		{`spec: isolation: "" is not known`, func(s *profiles.Spec) { s.Isolation = "" }},
		{`spec: units[1]: "../x.service" is not a unit's name`, func(s *profiles.Spec) { s.Units = append(s.Units, "../x.service") }},
		{`spec: hide[0]: "/srv/../usr" is not a clean path`, func(s *profiles.Spec) { s.Hide[0] = "/srv/../usr" }},
		{`spec: share[0]: "/root" cannot be shown`, func(s *profiles.Spec) { s.Share[0] = "/root" }},
		{`spec: share[1]: "/srv/s" is listed twice`, func(s *profiles.Spec) { s.Share = append(s.Share, "/srv/s") }},
		{`spec: mounts[0].source: "/etc" cannot be mounted`, func(s *profiles.Spec) { s.Mounts[0].Source = "/etc" }},
		{`spec: mounts[1].target: something else is mounted at "/t"`, func(s *profiles.Spec) { s.Mounts = append(s.Mounts, s.Mounts[0]) }},
		{`spec: limits.memory: -1 is not between`, func(s *profiles.Spec) { s.Limits.Memory = -1 }},
		{`spec: limits.cpu: `, func(s *profiles.Spec) { s.Limits.CPU = -1 }},
		{`spec: limits.pids: 0 is not between`, func(s *profiles.Spec) { s.Limits.Pids = 0 }},
		{`spec: drop[0]: "sys_root" is not known`, func(s *profiles.Spec) { s.Drop[0] = "sys_root" }},
		{`spec: stop.signal: "" is not a signal`, func(s *profiles.Spec) { s.Stop.Signal = "" }},
		{`spec: stop.timeout: 0s is not between`, func(s *profiles.Spec) { s.Stop.Timeout = 0 }},
		{`spec: volumes[1].name: "v" is listed twice`, func(s *profiles.Spec) { s.Volumes = append(s.Volumes, profiles.Volume{Name: "v", Target: "/w"}) }},
		{`spec: network: 17 interfaces, and 16 are allowed`, func(s *profiles.Spec) { s.Network = make([]profiles.Interface, 17) }},
		{`spec: tags: 100000 entries, and 256 are allowed`, func(s *profiles.Spec) { s.Tags = make([]string, 100000) }},
		{`spec: environment: 257 entries, and 256 are allowed`, func(s *profiles.Spec) {
			for i := range 256 {
				s.Environment[fmt.Sprint("V", i)] = ""
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			s := clone(t, full())
			test.change(&s)
			err := s.Validate()
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v", err)
			}
			var typed *profiles.Error
			if !errors.As(err, &typed) {
				t.Error("not an *Error")
			}
		})
	}
	if err := (profiles.Spec{}).Validate(); err == nil {
		t.Error("the zero spec is valid")
	}
}

func TestWarnings(t *testing.T) {
	s := full()
	s.Isolation = profiles.Privileged
	want := []string{
		"isolation is privileged: root in the container is root of the host, and nothing that is promised of isolation holds",
		"this version keeps volumes, usr, and does not act upon it yet",
	}
	if diff := cmp.Diff(want, s.Warnings()); diff != "" {
		t.Error(diff)
	}
	if w := plain("web").Warnings(); len(w) != 0 {
		t.Errorf("a plain spec warns: %v", w)
	}
}
