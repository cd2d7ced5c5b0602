package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// patchHost is a test host in which a package is patched under containers.
type patchHost struct{ unitHost }

// mutation is one thing that can happen to a container around a patch, and what must be said of it afterwards.
type mutation struct {
	name   string
	before string // script in the container, before the patch
	after  string // the same, after it
	host   func(t *testing.T, h patchHost)
	want   string // the verdict
	kinds  string // kinds of reasons that must be among those given, each as KIND or KIND:PATH
	action string
	cured  string // the verdict after a restart; "patched" if empty
}

// mutations is the table of what the verdicts are held to.
//
// long: a table
func mutations() []mutation {
	const background = "setsid -f "
	return []mutation{
		{name: "untouched", want: "unaffected"},
		{name: "mapped", before: background + demoProgram + " wait >/dev/null", want: "stale", kinds: "mapped:" + demoLib + " executed:" + demoProgram},
		{name: "used-by-new", after: demoProgram, want: "unaffected"},
		{name: "opened", before: background + "tail -f " + demoData + " >/dev/null", want: "stale", kinds: "open:" + demoData},
		{name: "looked-up", before: "cat " + demoData, want: "stale", kinds: "answers:" + demoData},
		{name: "absent", before: "! cat " + demoLater, want: "stale", kinds: "missing:" + demoLater},
		{name: "interpreter", before: background + "perl -e 'require Demo; sleep' </dev/null", want: "stale", kinds: "interpreter:" + demoModule},
		{name: "script", before: background + demoScript + " </dev/null", want: "stale", kinds: "script:" + demoScript},
		{name: "removed", before: "cat " + demoFirst, want: "stale", kinds: "lingers:" + demoFirst},
		{name: "gone", before: background + "tail -f " + demoFirst + " >/dev/null", want: "stale", kinds: "gone:" + demoFirst, action: "wait"},
		{name: "symlink", before: "readlink " + demoLink, want: "stale", kinds: "answers:" + demoLink},
		{name: "conffile-seen", before: "cat " + demoConf, want: "stale", kinds: "answers:" + demoConf},
		{name: "conffile-edited", before: "echo mine >>" + demoConf, want: "shadowed", kinds: "conffile:" + demoConf, action: "heal", cured: "shadowed"},
		{name: "chmod", before: "chmod 600 " + demoData, want: "shadowed", kinds: "vendor-old:" + demoData, action: "heal", cured: "shadowed"},
		{name: "chown", before: "chown 1:1 " + demoProgram, want: "shadowed", kinds: "vendor-old:" + demoProgram, action: "heal", cured: "shadowed"},
		{name: "edit", before: "echo mine >>" + demoData, want: "shadowed", kinds: ":" + demoData, action: "heal", cured: "shadowed"},
		{name: "moved", before: "mv " + demoData + " /root/data", want: "shadowed", kinds: "whiteout:" + demoData, action: "heal", cured: "shadowed"},
		{name: "hard-link", before: "ln " + demoLib + " /usr/lib/demo/libother.so", want: "shadowed", kinds: "vendor-old:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "copied-over", before: "cp " + demoData + " /tmp/d; cat /tmp/d >" + demoData, want: "shadowed", kinds: "vendor-old:" + demoData, action: "heal", cured: "shadowed"},
		{name: "replaced", before: "cp " + demoLib + " /usr/lib/demo/n; mv /usr/lib/demo/n " + demoLib, want: "shadowed", kinds: "vendor-old:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "opaque", before: "rm -r /usr/share/demo; mkdir /usr/share/demo", want: "shadowed", kinds: "opaque:", action: "heal", cured: "shadowed"},
		{name: "whiteout", before: "rm " + demoLib, want: "shadowed", kinds: "whiteout:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "born-stale", before: "cat " + demoData, after: "echo mine >>" + demoData, want: "shadowed", kinds: ":" + demoData, cured: "shadowed"},
		{name: "same-bytes-later", after: "chmod 600 " + demoData, want: "unaffected"},
		{name: "own-database", before: "dpkg --set-selections <<<'demo hold'", want: "unaffected"},
		{name: "own-file", before: "mkdir -p /usr/local/lib; cp /bin/true /usr/local/lib/libdemo.so", want: "unaffected"},
		{name: "hostile-names", before: `cd /usr/share/demo; touch $'new\nline' $'\e[31m' "$(printf 'bad\377')"; cp /bin/sleep $'/tmp/a\nb'; setsid -f $'/tmp/a\nb' inf`, want: "unaffected"},
		{name: "frozen", before: "cat " + demoData, host: func(t *testing.T, h patchHost) { h.Must(t, "sysctr", "freeze", "frozen") }, want: "stale", kinds: "answers:" + demoData},
		{name: "stopped", before: "cat " + demoData, host: func(t *testing.T, h patchHost) { h.Must(t, "sysctr", "stop", "stopped") }, want: "unaffected"},
		{name: "moved-dir", before: "mv /usr/share/demo /usr/share/demo2", want: "shadowed", kinds: "whiteout:", cured: "shadowed", action: "heal"},
	}
}

// status is what patch status says of one container.
type status struct {
	Name, State, Verdict, Action string
	Reasons                      []reasoned
}

type reasoned struct {
	Kind, Path, Package, Old, New, Detail, Comm string
	PID                                         int
}

func (s status) has(kind string) bool {
	class, path, _ := strings.Cut(kind, ":")
	for _, r := range s.Reasons {
		if (class == "" || r.Kind == class) && (path == "" || r.Path == path) {
			return true
		}
	}
	return false
}

// judged asks for the verdicts, which must exit with 8 exactly if one of them is bad.
func (h patchHost) judged(t *testing.T) map[string]status {
	t.Helper()
	r := h.Run(t, "sysctr", "patch", "verify", "-o", "json")
	var list struct{ Items []status }
	if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil {
		t.Fatalf("patch verify: %v: %+v", err, r)
	}
	all := map[string]status{}
	good := true
	for _, s := range list.Items {
		all[s.Name] = s
		good = good && (s.Verdict == "patched" || s.Verdict == "unaffected")
	}
	if want := map[bool]int{true: 0, false: 8}[good]; r.Code != want {
		t.Errorf("patch verify exits with %d, want %d: %s", r.Code, want, r.Stderr)
	}
	return all
}

// truth reads every file of the package in a container that is said to be good, and wants the host's bytes; what it reads must not come from
// code of ours. skip are paths that the container's owner changed after the host did.
func (h patchHost) truth(t *testing.T, s status, paths []string) {
	t.Helper()
	if s.State != "running" || s.Verdict != "patched" && s.Verdict != "unaffected" {
		return
	}
	const read = `for f in "$@"; do if [ -L "$f" ]; then readlink "$f"; elif [ -e "$f" ]; then md5sum <"$f"; else echo none; fi; done`
	args := append([]string{"bash", "-c", read, "bash"}, paths...)
	want := h.Must(t, args...)
	got := h.Must(t, append([]string{"sysctr", "exec", s.Name, "--"}, args...)...)
	if got != want {
		t.Errorf("%s is called %s and reads\n%s\nwhere the host has\n%s", s.Name, s.Verdict, got, want)
	}
}

// TestPatchStory mutates one container at a time around a real upgrade by dpkg.
func TestPatchStory(t *testing.T) {
	t.Parallel()
	h := patchHost{newUnitHost(t, e2e.Options{})}
	dir := t.TempDir()
	h.install(t, demo{version: "1", bytes: "1", dir: dir})
	h.Write(t, "/etc/sysctr/profiles/idle.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\n", 0o644)
	table := mutations()
	create := []string{"sysctr", "create", "--start", "--profile", "idle"}
	for _, m := range table {
		create = append(create, m.name)
	}
	h.Must(t, create...)
	for name, s := range h.judged(t) {
		if s.Verdict != "patched" {
			t.Errorf("%s: before everything it is %s: %+v", name, s.Verdict, s.Reasons)
		}
	}
	for _, m := range table {
		h.inside(t, m.name, m.before)
		if m.host != nil {
			m.host(t, h)
		}
	}
	h.install(t, demo{version: "2", bytes: "2", dir: dir})
	for _, m := range table {
		h.inside(t, m.name, m.after)
	}
	paths := append(demo{}.paths(), demoFirst, demoLater)
	t.Run("after the patch", func(t *testing.T) { h.verdicts(t, table, paths) })
	t.Run("why", func(t *testing.T) { h.why(t) })
	t.Run("after a restart", func(t *testing.T) {
		h.Must(t, "sysctr", "thaw", "frozen")
		h.Must(t, "sysctr", "restart", "all")
		h.Must(t, "sysctr", "start", "stopped")
		for i := range table {
			if table[i].want, table[i].kinds, table[i].action = table[i].cured, "", ""; table[i].want == "" {
				table[i].want = "patched"
			}
		}
		h.verdicts(t, table, paths)
	})
}

func (h patchHost) install(t *testing.T, d demo) {
	t.Helper()
	h.Copy(t, d.build(t), "/root/demo.deb")
	h.Must(t, "dpkg", "--force-confnew", "-i", "/root/demo.deb")
}

func (h patchHost) inside(t *testing.T, name, script string) {
	t.Helper()
	if script != "" {
		h.Must(t, "sysctr", "exec", name, "--", "bash", "-euc", script)
	}
}

func (h patchHost) verdicts(t *testing.T, table []mutation, paths []string) {
	t.Helper()
	found := h.judged(t)
	for _, m := range table {
		s := found[m.name]
		if s.Verdict != m.want || m.action != "" && s.Action != m.action {
			t.Errorf("%s: %s, %s; want %s, %s: %+v", m.name, s.Verdict, s.Action, m.want, m.action, s.Reasons)
		}
		for _, kind := range strings.Fields(m.kinds) {
			if !s.has(kind) {
				t.Errorf("%s: no reason %s in %+v", m.name, kind, s.Reasons)
			}
		}
		if good := m.want == "patched" || m.want == "unaffected"; good != (len(s.Reasons) == 0) {
			t.Errorf("%s: %s with the reasons %+v", m.name, s.Verdict, s.Reasons)
		}
		h.truth(t, s, paths)
	}
}

func (h patchHost) why(t *testing.T) {
	if got := h.Must(t, "sysctr", "patch", "why", "mapped", demoLib); !strings.Contains(got, "demo 1 -> 2") || !strings.Contains(got, "restart") {
		t.Errorf("why mapped %s:\n%s", demoLib, got)
	}
	if got := h.Must(t, "sysctr", "patch", "why", "chmod", "demo"); !strings.Contains(got, demoData) || !strings.Contains(got, "delta") {
		t.Errorf("why chmod demo:\n%s", got)
	}
}
