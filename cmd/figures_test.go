package cmd_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

var updateGolden = flag.Bool("update-look", false, "rewrite the golden files of top and metrics")

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *updateGolden {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (rewrite with -update-look)", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func figure(v uint64) alive.Figure { return alive.Figure{Value: v, OK: true} }

// fleet is four containers and two samples of them: two run, one has been restarted between, one is stopped.
func fleet() (containers []manager.Container, before, now manager.Sample) {
	at := time.Unix(1000, 0).UTC()
	run := func(pid int, at time.Time, cpu, memory, pids, read uint64) manager.Count {
		return manager.Count{At: at, Init: alive.Process{PID: pid, Start: 1}, Usage: alive.Usage{
			CPU: figure(cpu), Memory: figure(memory), Pids: figure(pids), Read: figure(read),
		}}
	}
	before = manager.Sample{"web1": run(1, at, 1e9, 1<<20, 3, 0), "web2": run(2, at, 5e9, 1<<20, 3, 0), "web10": run(3, at, 7e9, 1<<20, 3, 0)}
	later := at.Add(2 * time.Second)
	now = manager.Sample{"web1": run(1, later, 2e9, 8<<20, 4, 1<<20), "web2": run(2, later, 9e9, 5<<20, 9, 0), "web10": run(9, later, 1e6, 8<<20, 2, 7)}
	for _, n := range []string{"web1", "web2", "web10", "web11"} {
		c := manager.Container{Name: n, Record: record.Record{Name: n, Spec: profiles.Spec{Profile: `q"\` + "\n", Isolation: "private"}}}
		c.Status = record.Status{State: record.Stopped}
		if _, ok := now[n]; ok {
			c.Status, c.Live.Started = record.Status{State: record.Running, Ready: n != "web10"}, at
		}
		containers = append(containers, c)
	}
	containers[1].Record.Spec.Limits.Memory = 1 << 30
	return containers, before, now
}

func sizeOf(c manager.Container) alive.Figure {
	return map[string]alive.Figure{"web1": figure(4096), "web11": figure(1 << 30)}[c.Name]
}

func TestSort(t *testing.T) {
	for _, test := range []struct{ by, want string }{
		{"name", "web1 web2 web10 web11"},
		{"cpu", "web2 web1 web10 web11"},
		{"memory", "web1 web10 web2 web11"},
		{"pids", "web2 web1 web10 web11"},
		{"io", "web1 web2 web10 web11"},
		{"delta", "web11 web1 web2 web10"},
	} {
		rows := cmd.FiguresOf(fleetWith(sizeOf))
		if err := cmd.Sort(test.by, rows); err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, r := range rows {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("by %s: %s, want %s", test.by, got, test.want)
		}
	}
	if err := cmd.Sort("size", nil); err == nil {
		t.Error("there is an order that is none")
	}
}

func fleetWith(size func(manager.Container) alive.Figure) ([]manager.Container, manager.Sample, manager.Sample, func(manager.Container) alive.Figure) {
	containers, before, now := fleet()
	return containers, before, now, size
}

func TestTopTable(t *testing.T) {
	rows := cmd.FiguresOf(fleetWith(sizeOf))
	var b bytes.Buffer
	if err := cmd.PrintFigures(rows, output.New(output.Options{Stdout: &b})); err != nil {
		t.Fatal(err)
	}
	golden(t, "top.txt", b.String())
}

// No screen is larger than the terminal, whatever its size, and what of it moves the cursor is only ours.
func TestScreen(t *testing.T) {
	rows := cmd.FiguresOf(fleetWith(sizeOf))
	rows[0].Profile, rows[1].Name = "\x1b[2J", "\x1b]0;x\x07"
	for _, size := range [][2]int{{1, 1}, {10, 2}, {80, 3}, {80, 24}, {300, 100}} {
		got := cmd.Screen(rows, "cpu", time.Unix(0, 0).UTC(), size[0], size[1])
		if n := strings.Count(got, "\r\n"); n > max(size[1]-1, 1) {
			t.Errorf("%v: %d lines", size, n)
		}
		text := strings.NewReplacer("\x1b[H", "", "\x1b[K", "", "\x1b[J", "").Replace(got)
		for line := range strings.SplitSeq(text, "\r\n") {
			if utf8.RuneCountInString(line) > size[0] || strings.ContainsAny(line, "\x1b\x07\r\n") {
				t.Errorf("%v: the line %q", size, line)
			}
		}
	}
	if got := cmd.Screen(rows, "memory", time.Unix(0, 0).UTC(), 200, 24); !strings.Contains(got, "4 containers, 3 running  cpu 250%  memory 21.0M  pids 15  by memory") {
		t.Errorf("the head: %q", got)
	}
}

func TestMetrics(t *testing.T) {
	containers, _, now := fleet()
	var b bytes.Buffer
	if err := cmd.WriteMetrics(&b, containers, now, sizeOf); err != nil {
		t.Fatal(err)
	}
	golden(t, "metrics.txt", b.String())
	b.Reset()
	if err := cmd.WriteMetrics(&b, nil, nil, sizeOf); err != nil || b.Len() > 0 {
		t.Errorf("of nothing: %q, %v", &b, err)
	}
}
