package profiles_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/profiles"
)

func plain(profile string) profiles.Spec {
	return profiles.Spec{
		Profile: profile, Init: []string{"/sbin/init"}, Isolation: profiles.Private, Limits: profiles.Limits{Pids: 2048}, Priority: 50,
		Stop: stop(t30, "SIGRTMIN+3"), Restart: profiles.OnFailure, Usr: profiles.UsrOverlay,
	}
}

const t30 = profiles.Duration(30e9)

func stop(timeout profiles.Duration, signal string) profiles.Stop {
	return profiles.Stop{Signal: signal, Timeout: timeout}
}

func TestResolve(t *testing.T) {
	ground := "{environment: {A: a, B: b}, units: [ssh], hide: [/srv/a], mounts: [{source: /a, target: /t}, {source: /b, target: /u}], " +
		"limits: {memory: 1G, cpu: 2}, tags: [x], stop: {timeout: 5s}, patch: {packages: {a1: lazy, b1: lazy}, probe: [/bin/p]}, priority: 7, " +
		"network: [{name: eth0, type: managed}], autostart: true}"
	tests := []struct {
		summary, ground, input string
		set                    []string
		want                   func(s *profiles.Spec)
	}{
		{"nothing said", "", "description: d", nil, func(s *profiles.Spec) { s.Description = "d" }},
		{"a command has its own way to stop", "", "command: /bin/x", nil, func(s *profiles.Spec) {
			s.Init, s.Command, s.Stop = nil, []string{"/bin/x"}, stop(10e9, "SIGTERM")
		}},
		{"texts, numbers and truth values replace", "{description: a, priority: 1, autostart: true}", "{description: b, priority: 0, autostart: false}", nil,
			func(s *profiles.Spec) { s.Description, s.Priority = "b", 0 }},
		{"what is not said is inherited", "{priority: 1, autostart: true, limits: {pids: 99}}", "description: d", nil,
			func(s *profiles.Spec) { s.Description, s.Priority, s.Autostart, s.Limits.Pids = "d", 1, true, 99 }},
		{"mappings merge by key", "{limits: {memory: 1G, cpu: 2}, environment: {A: a, B: b}}", "{limits: {cpu: none, pids: 50}, environment: {B: c, C: 5}}", nil,
			func(s *profiles.Spec) {
				s.Limits = profiles.Limits{Memory: 1 << 30, Pids: 50}
				s.Environment = map[string]string{"A": "a", "B": "c", "C": "5"}
			}},
		{"lists add without doubles", "{tags: [b, a], hide: [/srv/x]}", "{tags: [c, b], hide: [/srv/y]}", nil,
			func(s *profiles.Spec) { s.Tags, s.Hide = []string{"a", "b", "c"}, []string{"/srv/x", "/srv/y"} }},
		{"lists are replaced on request", "{tags: [b, a], hide: [/srv/x]}", "{tags: {replace: [c]}, hide: {replace: []}}", nil,
			func(s *profiles.Spec) { s.Tags = []string{"c"} }},
		{"a mount takes the place of one with its target", "mounts: [{source: /a, target: /t}, {source: /b, target: /u}]",
			"mounts: [{source: /c, target: /v}, {source: /d, target: /t, readonly: false, create: dir}]", nil,
			func(s *profiles.Spec) {
				s.Mounts = []profiles.Mount{
					{Source: "/d", Target: "/t", Create: profiles.CreateDir},
					{Source: "/b", Target: "/u", ReadOnly: true}, {Source: "/c", Target: "/v", ReadOnly: true},
				}
			}},
		{"units are completed", "", "units: [ssh, getty@tty1.service, cron.timer]", nil,
			func(s *profiles.Spec) { s.Units = []string{"cron.timer", "getty@tty1.service", "ssh.service"} }},
		{"a command drops what belongs to init", "{units: [ssh], stop: {timeout: 5s}}", "command: [/bin/x, -a]", nil, func(s *profiles.Spec) {
			s.Init, s.Command, s.Stop = nil, []string{"/bin/x", "-a"}, stop(10e9, "SIGTERM")
		}},
		{"an init drops what belongs to the command", "{command: [/bin/x], stop: {timeout: 5s}}", "{init: /lib/systemd/systemd, units: [ssh]}", nil,
			func(s *profiles.Spec) { s.Init, s.Units = []string{"/lib/systemd/systemd"}, []string{"ssh.service"} }},
		{"a command above a command keeps its way to stop", "{command: [/bin/x], stop: {timeout: 5s}}", "command: [/bin/y]", nil,
			func(s *profiles.Spec) { s.Init, s.Command, s.Stop = nil, []string{"/bin/y"}, stop(5e9, "SIGTERM") }},
		{"a volume takes the place of one with its name", "volumes: [{name: a, target: /a}, {name: b, target: /b}]", "volumes: [{name: a, target: /c, readonly: true}]", nil,
			func(s *profiles.Spec) {
				s.Volumes = []profiles.Volume{{Name: "a", Target: "/c", ReadOnly: true}, {Name: "b", Target: "/b"}}
			}},
		{"an interface takes the place of one with its name", "network: [{name: e0, type: managed}]", "network: [{name: e0, type: macvlan, parent: e1}]", nil,
			func(s *profiles.Spec) {
				s.Network = []profiles.Interface{{Name: "e0", Type: profiles.Macvlan, Parent: "e1"}}
			}},
		{"privileged that is written again", "isolation: privileged", "isolation: privileged", nil, func(s *profiles.Spec) { s.Isolation = profiles.Privileged }},
		{"privileged by --set", "isolation: privileged", "tags: [a]", []string{"isolation=privileged"}, func(s *profiles.Spec) {
			s.Isolation, s.Tags = profiles.Privileged, []string{"a"}
		}},
		{"privileged that is taken back", "isolation: privileged", "isolation: private", nil, func(*profiles.Spec) {}},
		{"a probe is emptied", "patch: {probe: [/bin/p]}", "patch: {probe: []}", nil, func(*profiles.Spec) {}},
		{"none drops the network", "network: [{name: eth0, type: managed}]", "network: none", nil, func(*profiles.Spec) {}},
		{"off is a word", "", "patch: {mode: off}", nil, func(s *profiles.Spec) { s.Patch.Mode = profiles.Off }},
		{"a date is a text", "", "description: 2026-11-20", nil, func(s *profiles.Spec) { s.Description = "2026-11-20" }},
		{"lines of DOS", "", "description: d\r\ntags: [a]\r\n", nil, func(s *profiles.Spec) { s.Description, s.Tags = "d", []string{"a"} }},
		{"everything by --set", ground, "description: d", []string{
			"description=e = f", "environment.A=1", "environment.C=", "units=cron,at", "hide={replace: [/srv/b]}", "mounts=[{source: /c, target: /t}]",
			"limits.memory=none", "limits.cpu=1.5", "limits.pids=77", "tags=y", "tags=z", "stop.timeout=9s", "stop.signal=SIGPWR",
			"patch.packages.b1=ignore", "patch.packages.python3.11=restart", "patch.probe=[/bin/q, \"a, b\"]", "priority=8", "priority=9", "autostart=false",
			"network=none", "isolation=shared", "ports={80+n}:80,81:81", "init=/bin/init2", "drop=mknod",
		}, func(s *profiles.Spec) {
			s.Description, s.Environment = "e = f", map[string]string{"A": "1", "B": "b", "C": ""}
			s.Units, s.Hide, s.Tags = []string{"at.service", "cron.service", "ssh.service"}, []string{"/srv/b"}, []string{"x", "y", "z"}
			s.Mounts = []profiles.Mount{{Source: "/c", Target: "/t", ReadOnly: true}, {Source: "/b", Target: "/u", ReadOnly: true}}
			s.Limits, s.Stop, s.Priority = profiles.Limits{CPU: 1500, Pids: 77}, stop(9e9, "SIGPWR"), 9
			s.Patch.Packages = map[string]profiles.Reaction{"a1": "lazy", "b1": "ignore", "python3.11": "restart"}
			s.Patch.Probe, s.Isolation, s.Ports = []string{"/bin/q", "a, b"}, profiles.Shared, []string{"{80+n}:80", "81:81"}
			s.Init, s.Drop = []string{"/bin/init2"}, []string{"mknod"}
		}},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			files := map[string]string{"web.yaml": test.input}
			if test.ground != "" {
				files = map[string]string{"ground.yaml": test.ground, "web.yaml": "extends: ground\n" + flowToBlock(test.input)}
			}
			want := plain("web")
			test.want(&want)
			got := resolve(t, files, "web", test.set...)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("want -, got +\n%s", diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("the spec is not valid: %v", err)
			}
		})
	}
}

// flowToBlock takes the braces off a flow mapping of one level of interest, so that a key can be written before it.
func flowToBlock(input string) string {
	if !strings.HasPrefix(input, "{") {
		return input
	}
	var b strings.Builder
	depth := 0
	for _, r := range input[1 : len(input)-1] {
		switch r {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if r == ',' && depth == 0 {
			b.WriteString("\n")
			continue
		}
		b.WriteRune(r)
	}
	return strings.ReplaceAll(b.String(), "\n ", "\n")
}

func TestResolveRefuses(t *testing.T) {
	tests := []struct {
		summary string
		files   map[string]string
		set     []string
		want    string
	}{
		{"privileged is not inherited", map[string]string{"a.yaml": "isolation: privileged", "web.yaml": "tags: [x]\nextends: a"}, nil,
			`web.yaml:2:10: isolation: privileged is not inherited from "a" (write isolation: privileged here, too, or isolation: private)`},
		{"what one profile hides another shows", map[string]string{"a.yaml": "hide: [/srv/x]", "web.yaml": "extends: a\nshare: [/srv/x]"}, nil,
			`web.yaml:2:8: share[0]: "/srv/x" is in hide, too`},
		{"more entries than one list may have", map[string]string{
			"a.yaml": "tags: [" + numbered("a%d, ", 200) + "]", "web.yaml": "extends: a\ntags: [" + numbered("b%d, ", 100) + "]",
		}, nil, `web.yaml:2:7: tags: 300 entries, and 256 are allowed`},
		{"units above a command", map[string]string{"a.yaml": "command: [/bin/x]", "web.yaml": "extends: a\nunits: [ssh]"}, nil,
			`web.yaml:2:8: units: a container that runs a command has no systemd for units`},
		{"--set: no value", nil, []string{"tags"}, `--set tags: not KEY=VALUE (such as limits.memory=512M)`},
		{"--set: no key", nil, []string{"=x"}, `--set : not KEY=VALUE`},
		{"--set: unknown key", nil, []string{"limits.memry=1G"}, `--set limits.memry: limits: unknown key "memry" (did you mean "memory"?)`},
		{"--set: value of another form", nil, []string{"limits.memory=51Q"}, `--set limits.memory: limits.memory: "51Q" is not a size`},
		{"--set: value out of range", nil, []string{"limits.memory=1K"}, `--set limits.memory: limits.memory: 1K is not between`},
		{"--set: mapping", nil, []string{"limits=1"}, `--set limits: limits: must be a mapping of keys to values`},
		{"--set: too deep", nil, []string{"environment.A.B=1"}, `--set environment.A.B: environment.A: must be a text, not a mapping`},
		{"--set: extends", nil, []string{"extends=system"}, `--set extends: extends is for profiles (choose one with --profile)`},
		{"--set: list of mappings as words", nil, []string{"mounts=/a"}, `--set mounts: mounts[0]: must be a mapping of keys to values`},
		{"--set: bad YAML", nil, []string{"tags=[a"}, `--set tags: not YAML: `},
		{"--set: YAML with an anchor", nil, []string{"tags=[&a b]"}, `--set tags: anchor &a`},
		{"--set: duplicate key", nil, []string{"mounts=[{source: /a, source: /b, target: /c}]"}, `--set mounts: duplicate key "source" (write it once)`},
		{"--set: control character", nil, []string{"description=a\x1bb"}, `--set description: control character U+001B`},
		{"--set: hostile key", nil, []string{"a\x1bb=1"}, `--set a\x1bb: unknown key "a\x1bb"`},
		{"--set: mandatory mask", nil, []string{"share=/root"}, `--set share: share[0]: "/root" cannot be shown`},
		{"--set: larger than a profile", nil, []string{"description=" + strings.Repeat("x", profiles.MaxSize)}, `--set description: larger than 256 KiB`},
		{"--set: command line with spaces", nil, []string{"command=/bin/sh -c x"}, `(write a list: ["/bin/sh", "-c", "x"])`},
		{"--set: long command line with spaces", nil, []string{"command=/bin/sh -c a b c d"}, `(write a list: ["/bin/sh", "-c", "a", "b", …])`},
		{"--set: no truth value", nil, []string{"autostart=1"}, `--set autostart: autostart: must be true or false, not "1"`},
		{"--set: no number", nil, []string{"priority=high"}, `--set priority: priority: must be a whole decimal number, not "high"`},
		{"--set: nothing in a list", nil, []string{"tags="}, `--set tags: tags[0]: bad name "": it is empty`},
		{"--set: too often", nil, make([]string, 101), `--set: given 101 times, and 100 are allowed`},
		{"--set: several at once", nil, []string{"a=1", "b=1"}, "--set a: unknown key \"a\""},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			if test.files == nil {
				test.files = map[string]string{"web.yaml": "description: d"}
			}
			l, _ := library(t, test.files)
			s, err := l.Resolve("web", test.set)
			checkErr(t, err, test.want)
			if diff := cmp.Diff(profiles.Spec{}, s); diff != "" {
				t.Errorf("a spec came with the error: %s", diff)
			}
		})
	}
}

func TestSetDoesNotPrintSecrets(t *testing.T) {
	l, _ := library(t, nil)
	_, err := l.Resolve("system", []string{"environment.PASSWORD=hunter2\x01"})
	if err == nil || strings.Contains(fmt.Sprint(err), "hunter2") {
		t.Errorf("error is %v", err)
	}
}

func TestSpecsOfOneProfileAreIndependent(t *testing.T) {
	l, _ := library(t, map[string]string{"web.yaml": "{init: [/sbin/init, a], environment: {A: a}, tags: [x], mounts: [{source: /a, target: /b}]}"})
	p, err := l.Load("web")
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Init[1], first.Environment["A"], first.Tags[0], first.Mounts[0].Source = "changed", "changed", "changed", "/changed"
	second, err := p.Resolve([]string{"environment.B=b"})
	if err != nil {
		t.Fatal(err)
	}
	third, err := p.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if third.Init[1] != "a" || len(third.Environment) != 1 || third.Environment["A"] != "a" || third.Tags[0] != "x" || third.Mounts[0].Source != "/a" ||
		len(second.Environment) != 2 {
		t.Errorf("one spec changed another: %+v, %+v", second, third)
	}
}
