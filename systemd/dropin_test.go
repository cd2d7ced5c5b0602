package systemd_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/systemd"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-update rewrites it):\n%s", path, diff)
	}
}

func TestDropInGolden(t *testing.T) {
	for name, settings := range map[string]systemd.Settings{
		"highest.conf": {Priority: 100},
		"system.conf":  {Priority: 98, StopSignal: "SIGRTMIN+3", StopTimeout: 90 * time.Second, Restart: "on-failure"},
		"command.conf": {Priority: 97, StopSignal: "SIGTERM", StopTimeout: 1500 * time.Millisecond, Restart: "always", Tasks: 20000},
		"never.conf":   {Priority: 50, Restart: "never"},
		"lowest.conf":  {},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := systemd.DropIn(settings)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name, got)
		})
	}
}

func TestDropInRefuses(t *testing.T) {
	for _, settings := range []systemd.Settings{
		{StopSignal: "TERM"}, {StopSignal: "15"}, {StopSignal: "SIGTERM\nExecStop=/bin/sh"}, {StopSignal: "SIGRTMIN+333"}, {StopSignal: "SIG"},
		{StopTimeout: -time.Second}, {StopTimeout: time.Microsecond},
		{Restart: "no"}, {Restart: "sometimes"}, {Restart: "always\n"},
		{Priority: -1}, {Priority: 101}, {Tasks: -1},
	} {
		if got, err := systemd.DropIn(settings); !errors.Is(err, systemd.ErrSetting) {
			t.Errorf("%+v: %q, %v, want ErrSetting", settings, got, err)
		}
	}
}

// Settings either are refused or come out as the known lines, each at most once: nothing can smuggle in a line of its own.
func FuzzDropIn(f *testing.F) {
	f.Add("SIGTERM", int64(time.Second), "always", 50, int64(7))
	f.Add("SIGRTMIN+3\nUser=x", int64(1), "no", 101, int64(-1))
	known := regexp.MustCompile(`^(#.*|\[Unit\]|\[Service\]|(Wants|Before|After)=sysctr-priority@[0-9]+\.target( .*)?|` +
		`Restart=(on-failure|always|no)|KillSignal=SIG[A-Z0-9+-]+|TimeoutStopSec=[1-9][0-9]*ms|TasksMax=[1-9][0-9]*|)$`)
	f.Fuzz(func(t *testing.T, signal string, timeout int64, restart string, priority int, tasks int64) {
		data, err := systemd.DropIn(systemd.Settings{
			StopSignal: signal, StopTimeout: time.Duration(timeout), Restart: restart, Priority: priority, Tasks: tasks,
		})
		if err != nil {
			return
		}
		seen := make(map[string]bool)
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			if !known.MatchString(line) {
				t.Errorf("line %q", line)
			}
			if key, _, assigns := strings.Cut(line, "="); assigns && seen[key] {
				t.Errorf("%s is set twice", key)
			} else if assigns {
				seen[key] = true
			}
		}
	})
}
