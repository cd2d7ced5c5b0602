package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestAnsibleFleet is a fleet in one task: made, unchanged, foreseen in check mode, other than before, and away.
func TestAnsibleFleet(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	web := l.name("web<1..3>")
	want := func(more map[string]any) map[string]any {
		options := map[string]any{"name": []string{web}, "state": "started"}
		for k, v := range more {
			options[k] = v
		}
		return options
	}
	a.foresees(t, l, want(nil), "create+start", 3)
	for _, c := range l.list(t) {
		if c.State != "running" || !c.Ready {
			t.Errorf("after the task: %+v", c)
		}
	}
	if p, got := a.module(t, l, "container", want(nil)); got.Changed || p.counts["localhost"]["changed"] != 0 {
		t.Errorf("the second run: %+v", got)
	}
	changes := map[string]any{"set": map[string]any{"limits.memory": "256M", "priority": 7}, "tags": []string{"front", "eu"}}
	a.foresees(t, l, want(changes), "apply", 3)
	if _, got := a.module(t, l, "container", want(changes)); got.Changed {
		t.Errorf("the settings again: %+v", got)
	}
	if _, got := a.module(t, l, "container", want(nil)); got.Changed {
		t.Errorf("without settings nothing is taken back: %+v", got)
	}
	_, info := a.module(t, l, "container_info", map[string]any{"target": []string{"@front", "@eu"}})
	if len(info.Containers) != 3 || info.Changed || info.Containers[0]["priority"] != 7.0 {
		t.Errorf("container_info by tag: %+v", info)
	}
	if _, info := a.module(t, l, "container_info", map[string]any{"target": []string{"@nobody"}}); info.Failed || len(info.Containers) != 0 {
		t.Errorf("container_info of none: %+v", info)
	}
	l.must(t, "stop", l.name("web2"))
	before := l.look(t, "web1").PID
	_, got := a.module(t, l, "container", want(map[string]any{"state": "restarted"}))
	if after := l.look(t, "web1"); after.PID == before || l.look(t, "web2").State != "running" || got.Summary["changed"] != 3 {
		t.Errorf("restarted: %+v and %+v", got, after)
	}
	a.foresees(t, l, want(map[string]any{"state": "stopped"}), "stop", 3)
	a.foresees(t, l, want(map[string]any{"state": "absent"}), "destroy", 3)
	if _, got := a.module(t, l, "container", want(map[string]any{"state": "absent"})); got.Changed || got.Failed || len(l.list(t)) != 0 {
		t.Errorf("absent again: %+v", got)
	}
}

// foresees runs a task in check mode, which changes nothing, and then in earnest: both tell of the same containers, actions and differences.
func (a *ansible) foresees(t *testing.T, l *local, options map[string]any, action string, n int) {
	t.Helper()
	before := l.must(t, "list", "-o", "json")
	checked, foreseen := a.module(t, l, "container", options, "--check", "--diff")
	if after := l.must(t, "list", "-o", "json"); after != before {
		t.Fatalf("check mode has changed\n%s\nto\n%s", before, after)
	}
	ran, done := a.module(t, l, "container", options, "--diff")
	if len(foreseen.Items) != n || len(done.Items) != n || !foreseen.Changed || !done.Changed || done.Failed {
		t.Fatalf("foreseen %+v\ndone %+v", foreseen, done)
	}
	for i, item := range done.Items {
		f := foreseen.Items[i]
		if item.Action != action || f.Action != action || f.Name != item.Name || !f.Changed || !item.Changed {
			t.Errorf("foreseen %+v, done %+v, want %s", f, item, action)
		}
	}
	if string(foreseen.Diff) != string(done.Diff) || len(done.Diff) < 10 {
		t.Errorf("the differences foreseen are\n%s\nand those done\n%s", foreseen.Diff, done.Diff)
	}
	if checked.counts["localhost"]["changed"] != 1 || ran.counts["localhost"]["changed"] != 1 || !strings.Contains(checked.Stdout, "--- before: "+l.name("web1")) {
		t.Errorf("the plays tell otherwise:\n%s\n%s", checked.Stdout, ran.Stdout)
	}
}

// TestAnsibleHundred runs the collection's playbook with a hundred containers that boot systemd: check mode foresees what is done, the one that cannot
// start fails with its reason while the others are up, the next run does the rest, and the one after it nothing.
func TestAnsibleHundred(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	broken, gone := l.name("web57"), brokenMount(t)
	l.must(t, "create", broken, "--set", `mounts=[{"source": "`+gone+`", "target": "/srv"}]`)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (play, answer) {
		t.Helper()
		vars := "sysctr_become=false sysctr_executable=" + l.binary + " sysctr_fleet=" + l.name("web<1..100>")
		args = append([]string{"-i", "localhost,", "-c", "local", "-e", vars}, args...)
		p := a.playFile(t, filepath.Join(a.collection, "playbooks", "fleet.yml"), args...)
		return p, a.answers(t)[0]
	}
	_, foreseen := run("--check", "--diff")
	if !foreseen.Changed || foreseen.Summary["changed"] != 100 || len(l.list(t)) != 1 {
		t.Fatalf("foreseen: %+v, there are %d", foreseen, len(l.list(t)))
	}
	p, got := run("--diff")
	if p.Code != 2 || !got.Failed || got.RC != 3 || got.Summary["changed"] != 99 || got.Summary["failed"] != 1 {
		t.Errorf("one cannot start: status %d, %+v", p.Code, got)
	}
	if !strings.HasPrefix(got.Msg, broken+": ") || !strings.Contains(got.Msg, gone) || strings.Contains(got.Msg, "\n") {
		t.Errorf("the reason is %q", got.Msg)
	}
	for _, c := range l.list(t) {
		if up := c.State == "running" && c.Ready; up != (c.Name != broken) {
			t.Errorf("one cannot start: %+v", c)
		}
	}
	for i, item := range got.Items {
		if f := foreseen.Items[i]; f.Name != item.Name || f.Action != item.Action || item.Name != broken && item.Changed != f.Changed {
			t.Errorf("foreseen %+v, done %+v", f, item)
		}
	}
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	p, got = run()
	if p.is(t, "localhost", 1); got.Summary["changed"] != 1 || got.Summary["unchanged"] != 99 || l.look(t, "web57").State != "running" {
		t.Errorf("after the cure: %+v", got)
	}
	p, got = run()
	if p.is(t, "localhost", 0); got.Summary["unchanged"] != 100 {
		t.Errorf("the last run: %+v", got)
	}
}

// brokenMount is a directory that a container can have as a mount, until it is removed.
func brokenMount(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	gone := filepath.Join(dir, "gone")
	// The container's root is not the machine's, and must get there.
	if err := errors.Join(os.Mkdir(gone, 0o755), os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil { //nolint:gosec // see above
		t.Fatal(err)
	}
	return gone
}

// TestAnsibleRefusals: what is nonsense fails with sysctr's own words, and nothing is changed.
func TestAnsibleRefusals(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	a, l := newAnsible(t), newLocal(t)
	one := []string{l.name("web1")}
	tests := []struct {
		summary string
		task
		want string
	}{
		{"name", task{"container", map[string]any{"name": []string{"Web1"}}}, `bad name "Web1": it must begin with a lower case letter`},
		{"option instead of a name", task{"container", map[string]any{"name": []string{"--force"}}}, "--force"},
		{"range", task{"container", map[string]any{"name": []string{l.name("web<1..")}}}, "is not closed"},
		{"range backwards", task{"container", map[string]any{"name": []string{l.name("web<9..1>")}}}, "counts down"},
		{"good and bad names", task{"container", map[string]any{"name": []string{l.name("web1"), "Web2"}}}, `bad name "Web2"`},
		{"target instead of a name", task{"container", map[string]any{"name": []string{"all"}, "state": "absent"}}, "all"},
		{"profile", task{"container", map[string]any{"name": one, "profile": "nosuch"}}, `no such profile: "nosuch" (known are command, system)`},
		{"setting", task{"container", map[string]any{"name": one, "set": map[string]any{"limits.memory": "lots"}}}, "limits.memory"},
		{"unknown setting", task{"container", map[string]any{"name": one, "set": map[string]any{"limits.memroy": "1G"}}}, "memroy"},
		{"tag", task{"container", map[string]any{"name": one, "tags": []string{"Front!"}}}, `bad name "Front!"`},
		{"timeout", task{"container", map[string]any{"name": one, "timeout": "soon"}}, "soon"},
		{"parallel", task{"container", map[string]any{"name": one, "parallel": -1}}, `"-1" for "--parallel" flag`},
		{"target to tell of", task{"container_info", map[string]any{"target": []string{"web<"}}}, "is not closed"},
		{"profile's text", task{"profile", map[string]any{"name": "web", "content": "extends: system\nlimits: {memroy: 1G}\n"}}, "web.yaml:2:10"},
		{"profile's name", task{"profile", map[string]any{"name": "../web", "content": "extends: system\n"}}, `bad name "../web": it must begin`},
		{"profile's name, without a slash", task{"profile", map[string]any{"name": "Web", "content": "extends: system\n"}}, `"Web"`},
		{"profile's name, nothing", task{"profile", map[string]any{"name": "", "state": "absent"}}, `""`},
		{"profile's name, absent", task{"profile", map[string]any{"name": "../../passwd", "state": "absent"}}, `bad name "../../passwd"`},
		{"target to roll", task{"patch", map[string]any{"action": "roll", "target": []string{"Web1"}}}, "Web1"},
		{"command in none", task{"container_exec", map[string]any{"name": l.name("web1"), "argv": []string{"true"}}}, "no container"},
		{"command in a range", task{"container_exec", map[string]any{"name": "web<", "argv": []string{"true"}}}, "is not closed"},
	}
	tasks := make([]task, len(tests))
	for i, test := range tests {
		tasks[i] = test.task
	}
	_, answers := a.modules(t, l, tasks)
	for i, got := range answers {
		if !got.Failed || got.Changed || !strings.Contains(got.Msg, tests[i].want) {
			t.Errorf("%s: %+v, want a failure with %q", tests[i].summary, got, tests[i].want)
		}
	}
	if left := listing(t, "/etc/sysctr/profiles"); len(l.list(t)) != 0 || len(left) > 1 {
		t.Errorf("something was made: %+v, %q", l.list(t), left)
	}
}
