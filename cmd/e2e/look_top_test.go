package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// used is a container as top -o json shows it.
type used struct {
	Name, State         string
	CPUPercent          *float64
	Memory, Pids, Delta *int64
}

func (l *local) top(t testing.TB, args ...string) []used {
	t.Helper()
	var envelope struct{ Items []used }
	out := l.must(t, append([]string{"top", "-o", "json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &envelope); err != nil {
		t.Fatalf("top -o json: %v: %s", err, out)
	}
	return envelope.Items
}

// TestLookTop looks at what containers use, with a busy one, a frozen one, a stopped one and one whose monitor is stopped.
func TestLookTop(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	const script = `[/bin/sh, -c, "head -c 5000000 /dev/zero >/root/file; sync; while :; do sleep 100; done"]`
	l.must(t, "create", l.name("<1..20>"), "--profile", "command", "--set", "command="+script, "--set", "tags=fleet", "--start")
	l.must(t, "create", l.name("busy"), "--profile", "command", "--set", `command=[/bin/sh, -c, "while :; do :; done"]`, "--start")
	l.must(t, "create", l.name("new"), "--profile", "command", "--set", `command=[/bin/true]`)
	until(t, "the deltas are filled", func() bool {
		files, _ := filepath.Glob(stateDir + "/containers/*/delta/upper/root/file")
		return len(files) == 20
	})
	l.must(t, "freeze", l.name("3"))
	if !l.hit(l.monitor("4"), unix.SIGSTOP) {
		t.Fatal("cannot stop the monitor")
	}
	t.Run("table", func(t *testing.T) { lookTable(t, l) })
	t.Run("live", func(t *testing.T) { lookLive(t, l) })
	t.Run("metrics", func(t *testing.T) { lookMetrics(t, l) })
	t.Run("show", func(t *testing.T) { lookShow(t, l) })
	t.Run("usage", func(t *testing.T) {
		for _, args := range [][]string{{"top", "--sort", "size"}, {"top", "--interval", "1ms"}, {"show", l.name("1"), "--effective", "--diff"}} {
			if r := l.run(t, args...); r.Code != 2 {
				t.Errorf("%q: %+v", args, r)
			}
		}
	})
}

func lookTable(t *testing.T, l *local) {
	rows := l.top(t)
	if len(rows) != 22 || rows[0].Name != l.name("busy") || rows[0].CPUPercent == nil || *rows[0].CPUPercent < 5 {
		t.Fatalf("by cpu: %+v", rows)
	}
	for _, r := range rows {
		running := r.Name != l.name("new")
		if (r.Memory != nil && *r.Memory > 0) != running || (r.Pids != nil && *r.Pids >= 1) != running {
			t.Errorf("%+v", r)
		}
		if r.Delta == nil || (r.State != "stopped" && r.Name != l.name("busy")) && *r.Delta < 5000000 {
			t.Errorf("the delta of %+v", r)
		}
	}
	if last := l.top(t, "--sort", "pids")[21]; last.Name != l.name("new") {
		t.Errorf("by pids the last is %+v", last)
	}
	table := l.must(t, "top", "@fleet", "-x", l.name("<2..20>"))
	if lines := strings.Split(table, "\n"); len(lines) != 2 || !strings.HasPrefix(lines[1], l.name("1")+" ") || !strings.Contains(lines[0], "CPU%") {
		t.Errorf("the table: %q", table)
	}
	if wide := l.must(t, "list", "-o", "wide", l.name("1")); !strings.Contains(wide, "MEMORY") || !strings.Contains(wide, "M     ") {
		t.Errorf("the wide list: %q", wide)
	}
}

func lookLive(t *testing.T, l *local) {
	s := l.sit(t, "top", "--interval", "200ms")
	s.sees("\x1b[?1049h", "22 containers, ", " running", "by cpu", l.name("busy"))
	s.enter("m")
	s.sees("by memory")
	s.enter("p")
	s.sees("by pids")
	s.enter("n")
	s.sees("by name")
	s.enter("q")
	if code := s.end(); code != 0 || !strings.HasSuffix(s.text(), "\x1b[?1049l") {
		t.Errorf("q ends it with %d and %q", code, s.text()[max(0, len(s.text())-40):])
	}
	for _, end := range []string{"\x03", ""} {
		s := l.sit(t, "top", "--interval", "200ms")
		s.sees("22 containers")
		if end != "" {
			s.enter(end)
		} else if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := s.end(); code != 0 || !strings.HasSuffix(s.text(), "\x1b[?1049l") {
			t.Errorf("%q ends it with %d and %q", end, code, s.text()[max(0, len(s.text())-40):])
		}
	}
}

func lookMetrics(t *testing.T, l *local) {
	text := l.must(t, "metrics", "@fleet")
	for _, want := range []string{
		`sysctr_container_state{name="` + l.name("3") + `",state="frozen"} 1`,
		`sysctr_container_state{name="` + l.name("1") + `",state="running"} 1`,
		`sysctr_container_ready{name="` + l.name("1") + `"} 1`,
		`sysctr_container_pids{name="` + l.name("4") + `"} `,
		`sysctr_container_cpu_seconds_total{name="` + l.name("4") + `"} 0.`,
		`sysctr_container_delta_bytes{name="` + l.name("20") + `"} `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s in\n%s", want, text)
		}
	}
}

func lookShow(t *testing.T, l *local) {
	text := l.must(t, "show", l.name("1"), "--effective")
	for _, want := range []string{
		"layers:", "outer  upper  " + stateDir + "/containers/" + l.name("1") + "/delta/upper", "inner  mask   " + runDir + "/mask/",
		"/sysctr/c/" + l.name("1"), "console.log", "hostIds:", "priority: 50",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in\n%s", want, text)
		}
	}
	if text := l.must(t, "show", l.name("new"), "--effective"); !strings.Contains(text, "layers: []") {
		t.Errorf("of a stopped one:\n%s", text)
	}
	if text := l.must(t, "show", "all", "--diff"); text != "" {
		t.Errorf("the difference of fresh records: %s", text)
	}
	write(t, "/etc/sysctr/profiles/look.yaml", "extends: command\ncommand: [/bin/true]\n", 0o644)
	l.must(t, "create", l.name("diff"), "--profile", "look")
	write(t, "/etc/sysctr/profiles/look.yaml", "extends: command\ncommand: [/bin/true]\nlimits: {memory: 1G}\n", 0o644)
	if text := l.must(t, "show", l.name("diff"), "--diff"); !strings.Contains(text, "limits.memory  none    1G       no") {
		t.Errorf("the difference:\n%s", text)
	}
}
