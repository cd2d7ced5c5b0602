package record_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles/name"
)

const bootID = "01234567-89ab-cdef-0123-456789abcdef"

func runningLive() record.Live {
	return record.Live{
		Format: record.LiveFormat, Boot: bootID, Phase: record.PhaseRunning, Ready: true,
		Init: alive.Process{PID: 10, Start: 1}, Monitor: alive.Process{PID: 9, Start: 2}, Starter: alive.Process{PID: 8, Start: 3},
		Started: time.Date(2026, 3, 1, 11, 0, 0, 5, time.UTC), Generation: "17", Mask: "system-0123", Unit: true,
		Cgroup: alive.Group{"": "/sysctr/c/web1", "freezer": "/sysctr/c/web1"}, MonitorCgroup: alive.Group{"": "/sysctr/mon/web1"},
	}
}

func TestLive(t *testing.T) {
	run := t.TempDir()
	s := record.OpenLive(run, bootID)
	if _, err := s.Load("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("Load of none = %v, want ErrNotExist", err)
	}
	if err := s.Remove("web1"); err != nil {
		t.Fatalf("Remove of none = %v", err)
	}
	want := runningLive()
	unsigned := want
	unsigned.Format, unsigned.Boot = 0, ""
	if err := s.Save("web1", unsigned); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load("web1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Load: %v (-want +got):\n%s", err, diff)
	}
	put(t, s.Dir("web1")+"/.live.json.tmp-0123456789abcdef", "left by a crash")
	want.Phase, want.Stopped = record.PhaseStopping, "it was asked to"
	if err := s.Save("web1", want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Load("web1"); err != nil || !cmp.Equal(want, got) {
		t.Errorf("Load after the second Save = %+v, %v", got, err)
	}
	if diff := cmp.Diff([]string{"containers/", "containers/web1/", "containers/web1/live.json"}, tree(t, run)); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
	if _, err := record.OpenLive(run, "f"+bootID[1:]).Load("web1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load after a reboot = %v, want ErrNotExist", err)
	}
	if err := s.Remove("web1"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"containers/"}, tree(t, run)); diff != "" {
		t.Errorf("after Remove (-want +got):\n%s", diff)
	}
}

func TestLiveRemoveKeepsOthersFiles(t *testing.T) {
	s := record.OpenLive(t.TempDir(), bootID)
	if err := s.Save("web1", runningLive()); err != nil {
		t.Fatal(err)
	}
	put(t, s.Dir("web1")+"/notify/socket", "")
	if err := s.Remove("web1"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"notify/", "notify/socket"}, tree(t, s.Dir("web1"))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestHostileLive(t *testing.T) {
	for _, test := range []struct {
		summary string
		change  func(l *record.Live)
		wantErr error
	}{
		{"a later format", func(l *record.Live) { l.Format = 2 }, record.ErrFormat},
		{"no boot", func(l *record.Live) { l.Boot = "" }, record.ErrDamaged},
		{"no phase", func(l *record.Live) { l.Phase = "" }, record.ErrDamaged},
		{"an unknown phase", func(l *record.Live) { l.Phase = "dancing" }, record.ErrDamaged},
		{"a negative process", func(l *record.Live) { l.Init.PID = -1 }, record.ErrDamaged},
		{"a huge process", func(l *record.Live) { l.Monitor.PID = 1 << 40 }, record.ErrDamaged},
		{"a start time without a process", func(l *record.Live) { l.Starter.PID = 0 }, record.ErrDamaged},
		{"the root as cgroup", func(l *record.Live) { l.Cgroup[""] = "/" }, record.ErrDamaged},
		{"a cgroup that climbs", func(l *record.Live) { l.MonitorCgroup[""] = "/a/../.." }, record.ErrDamaged},
		{"a mask that climbs", func(l *record.Live) { l.Mask = "../../etc" }, record.ErrDamaged},
		{"a mask that is the directory above", func(l *record.Live) { l.Mask = ".." }, record.ErrDamaged},
		{"terminal control", func(l *record.Live) { l.Stopped = "\x1b[2J" }, record.ErrDamaged},
		{"a novel", func(l *record.Live) { l.Stopped = strings.Repeat("x", 1000) }, record.ErrDamaged},
	} {
		t.Run(test.summary, func(t *testing.T) {
			s := record.OpenLive(t.TempDir(), bootID)
			l := runningLive()
			test.change(&l)
			content, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			put(t, s.Dir("web1")+"/live.json", string(content))
			if _, err := s.Load("web1"); !errors.Is(err, test.wantErr) || errors.Is(err, fs.ErrNotExist) {
				t.Errorf("Load = %v, want %v", err, test.wantErr)
			}
			if l.Format == record.LiveFormat && l.Boot == bootID {
				if err := s.Save("web2", l); !errors.Is(err, test.wantErr) {
					t.Errorf("Save = %v, want %v", err, test.wantErr)
				}
			}
			if err := s.Remove("web1"); err != nil {
				t.Errorf("it cannot be removed: %v", err)
			}
		})
	}
}

func TestHostileLiveFiles(t *testing.T) {
	for summary, place := range map[string]func(path string) error{
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"too large":   func(path string) error { return os.WriteFile(path, make([]byte, 1<<20), 0o600) },
		"garbage":     func(path string) error { return os.WriteFile(path, []byte("{]"), 0o600) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"unknown key": func(path string) error { return os.WriteFile(path, []byte(`{"format":1,"x":1}`), 0o600) },
	} {
		s := record.OpenLive(t.TempDir(), bootID)
		if err := os.MkdirAll(s.Dir("web1"), 0o711); err != nil {
			t.Fatal(err)
		}
		if err := place(filepath.Join(s.Dir("web1"), "live.json")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load("web1"); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("%s: Load = %v, want ErrDamaged", summary, err)
		}
	}
}

func TestLiveChecksTheName(t *testing.T) {
	s := record.OpenLive(t.TempDir(), bootID)
	for _, bad := range []string{"", "..", "../x", "a/b"} {
		_, err := s.Load(bad)
		for what, err := range map[string]error{"Load": err, "Save": s.Save(bad, runningLive()), "Remove": s.Remove(bad)} {
			if !errors.Is(err, name.ErrName) {
				t.Errorf("%s(%q) = %v, want ErrName", what, bad, err)
			}
		}
	}
}
