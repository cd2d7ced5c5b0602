package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

const (
	applyProfile = "/etc/sysctr/profiles/web.yaml"
	mebibyte     = 1 << 20
)

// differs is how list -o json shows that a container is not what its profile gives, or not yet what its record says.
type differs struct {
	Drift, Pending []string
	Tags           []string
}

// changed is what a changing verb says with -o json. Whether it was a dry run is no part of it: a dry run says the same.
type changed struct {
	Changed bool
	Items   []struct {
		Name, Action string
		Changed      bool
		Error        *struct{ Message string }
	}
	Diff []struct {
		Header string `json:"after_header"`
		Before string
		After  string
	}
	Summary struct{ Changed, Unchanged, Failed int }
}

// TestApply edits a profile under containers that run: what can hold at once does, the rest waits for a restart.
func TestApply(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.mount(t, runDir, 0o711, func() error { return unix.Mount("sysctr", runDir, "tmpfs", 0, "mode=0711,size=64m") })
	l.must(t, "host", "init")
	data := t.TempDir()
	if err := os.Chmod(filepath.Dir(data), 0o711); err != nil { // the container's own root must reach it
		t.Fatal(err)
	}
	write(t, data+"/word", "shared\n", 0o644)
	l.profile(t, "extends: system\nlimits: {memory: 256M, pids: 300}\ntags: [front]\ndrop: [net_raw]\n")
	l.must(t, "create", l.name("<1..2>"), "--profile", "web", "--start")
	t.Run("nothing to do", func(t *testing.T) {
		if got := l.apply(t, 0, "profile:web"); got.Changed || got.Summary.Unchanged != 2 {
			t.Errorf("apply without a change: %+v", got)
		}
	})
	l.profile(t, "extends: system\nlimits: {memory: 384M, pids: 300}\ntags: [front, shop]\ndrop: [net_raw]\n"+
		"units: [apt-daily.timer]\nmounts: [{source: "+data+", target: /srv/word, create: dir}]\n")
	t.Run("edited", func(t *testing.T) { localApply(t, l) })
	t.Run("after a restart", func(t *testing.T) {
		l.must(t, "restart", "@shop")
		for _, n := range []string{"1", "2"} {
			if diff := cmp.Diff(differs{[]string{}, []string{}, []string{"front", "shop"}}, l.differs(t, n)); diff != "" {
				t.Errorf("restarted (-want +got):\n%s", diff)
			}
			got := l.sh(t, n, "systemctl is-enabled apt-daily.timer; systemctl is-active apt-daily.timer; cat /srv/word/word")
			if got != "enabled\nactive\nshared" {
				t.Errorf("unit and mount: %q", got)
			}
			if got := l.sh(t, n, "touch /srv/word/x 2>&1 || true"); !strings.Contains(got, "Read-only") {
				t.Errorf("writing to a mount that is read-only: %q", got)
			}
			if got := l.memory(t, n); got != 384*mebibyte {
				t.Errorf("the memory limit is %d", got)
			}
		}
	})
	t.Run("lanes that fail", func(t *testing.T) { localApplyFails(t, l) })
	t.Run("privilege", func(t *testing.T) { localApplyGrants(t, l) })
}

// localApply proves that a dry run says what is then done, and does nothing.
func localApply(t *testing.T, l *local) {
	fields := []string{"units", "mounts", "limits.memory", "tags"}
	before := differs{fields, []string{}, []string{"front"}}
	if diff := cmp.Diff(before, l.differs(t, "1")); diff != "" {
		t.Errorf("edited (-want +got):\n%s", diff)
	}
	record := l.record(t, "1")
	dry := l.apply(t, 0, "profile:web", "--dry-run")
	if diff := cmp.Diff(before, l.differs(t, "1")); diff != "" || l.memory(t, "1") != 256*mebibyte || l.record(t, "1") != record {
		t.Errorf("the dry run did something: memory %d, record\n%s\n(-want +got):\n%s", l.memory(t, "1"), l.record(t, "1"), diff)
	}
	did := l.apply(t, 0, "profile:web")
	if diff := cmp.Diff(dry, did); diff != "" {
		t.Errorf("done is other than said (-said +done):\n%s", diff)
	}
	if len(did.Diff) != 2 || did.Summary.Changed != 2 {
		t.Fatalf("apply to two: %+v", did)
	}
	for _, want := range []string{"limits.memory: 384M\n", `tags: ["front","shop"]` + "\n", `units: ["apt-daily.timer"] (after a restart)` + "\n"} {
		if !strings.Contains(did.Diff[0].After, want) {
			t.Errorf("no %q in\n%s", want, did.Diff[0].After)
		}
	}
	for _, n := range []string{"1", "2"} {
		if diff := cmp.Diff(differs{[]string{}, []string{"units", "mounts"}, []string{"front", "shop"}}, l.differs(t, n)); diff != "" {
			t.Errorf("applied (-want +got):\n%s", diff)
		}
		if got := l.memory(t, n); got != 384*mebibyte {
			t.Errorf("the memory limit is %d", got)
		}
		if r := l.try(t, n, "systemctl is-enabled apt-daily.timer || test -e /srv/word"); r.Code == 0 {
			t.Errorf("what is pending holds: %+v", r)
		}
	}
	if again := l.apply(t, 0, "profile:web"); again.Changed {
		t.Errorf("a second time: %+v", again)
	}
}

// localApplyFails makes lanes fail at each of their writes: limits, record and liveness are as they were, and the next lane is not kept.
func localApplyFails(t *testing.T, l *local) {
	l.sh(t, "1", "head -c 96M /dev/zero >/dev/shm/used")
	l.profile(t, "extends: system\nlimits: {memory: 64M, pids: 200}\ntags: [late]\n")
	fails := func(t *testing.T, n, why string, code int, targets ...string) {
		t.Helper()
		record, live, memory, pids := l.record(t, n), l.live(n), l.memory(t, n), l.limit(t, "pids", n, "pids.max")
		got := l.apply(t, code, append(targets, "--grant")...)
		i := slices.IndexFunc(got.Diff, func(d struct {
			Header string `json:"after_header"`
			Before string
			After  string
		}) bool {
			return d.Header == l.name(n)
		})
		if got.Summary.Failed != 1 || got.Items[0].Error == nil || !strings.Contains(got.Items[0].Error.Message, why) || i >= 0 {
			t.Errorf("want a failure %q, and no change that was not made: %+v", why, got)
		}
		if after := l.record(t, n); after != record {
			t.Errorf("the record was\n%s\nand is\n%s", record, after)
		}
		if m, p := l.memory(t, n), l.limit(t, "pids", n, "pids.max"); m != memory || p != pids {
			t.Errorf("the limits were %d and %s, and are %d and %s", memory, pids, m, p)
		}
		if diff := cmp.Diff(live, l.live(n)); diff != "" {
			t.Errorf("liveness (-before +after):\n%s", diff)
		}
		if d := l.differs(t, n); !slices.Contains(d.Drift, "limits.memory") || slices.Contains(d.Tags, "late") {
			t.Errorf("afterwards it is %+v", d)
		}
	}
	t.Run("memory that is in use", func(t *testing.T) {
		fails(t, "1", "it uses more memory than that", 3, "profile:web")
		if got := l.memory(t, "2"); got != 64*mebibyte {
			t.Errorf("the other lane's memory limit is %d", got)
		}
	})
	l.sh(t, "1", "rm /dev/shm/used")
	t.Run("a record that cannot be written", func(t *testing.T) {
		remount := func(flags uintptr) {
			if err := unix.Mount("", stateDir, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
				t.Fatal(err)
			}
		}
		remount(unix.MS_RDONLY)
		defer remount(0)
		fails(t, "1", "read-only", 1, l.name("1"))
	})
	t.Run("liveness that cannot be written", func(t *testing.T) {
		free := fill(t, runDir)
		defer free()
		fails(t, "1", "no space left", 1, l.name("1"))
	})
	t.Run("at last", func(t *testing.T) {
		l.apply(t, 0, "profile:web", "--grant")
		if m, p := l.memory(t, "1"), l.limit(t, "pids", "1", "pids.max"); m != 64*mebibyte || p != "200" || !l.boundsSwap(t, "1", m) {
			t.Errorf("the limits are %d and %s, or leave swap unbounded", m, p)
		}
	})
}

// localApplyGrants proves that more privilege is given only to who confirms it, and another isolation to nobody.
func localApplyGrants(t *testing.T, l *local) {
	const netRaw = 1 << 13
	raw := func() bool {
		var set uint64
		if _, err := fmt.Sscanf(l.sh(t, "2", "grep CapBnd /proc/1/status"), "CapBnd: %x", &set); err != nil {
			t.Fatal(err)
		}
		return set&netRaw != 0
	}
	l.must(t, "apply", l.name("2"), "--set", "drop=net_raw")
	l.must(t, "restart", l.name("2"))
	if raw() {
		t.Fatal("net_raw is not dropped")
	}
	record := l.record(t, "2")
	for _, test := range []struct {
		summary, setting string
		flags            []string
		want             string
	}{
		{"a capability", "drop={replace: []}", nil, "(drop)"},
		{"what is hidden by default", "share=/var/lib/x", nil, "(share)"},
		{"isolation", "isolation=privileged", nil, "isolation"},
		{"isolation, confirmed", "isolation=privileged", []string{"--grant"}, "isolation"},
		{"isolation, dry", "isolation=shared", []string{"--dry-run"}, "isolation"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got := l.apply(t, 2, append([]string{l.name("2"), "--set", test.setting}, test.flags...)...)
			if got.Changed || got.Items[0].Error == nil || !strings.Contains(got.Items[0].Error.Message, test.want) {
				t.Errorf("%+v", got)
			}
			if after := l.record(t, "2"); after != record {
				t.Errorf("the record was\n%s\nand is\n%s", record, after)
			}
		})
	}
	l.must(t, "apply", l.name("2"), "--set", "drop={replace: []}", "--grant")
	if d := l.differs(t, "2"); !slices.Equal(d.Pending, []string{"drop"}) || raw() {
		t.Errorf("granted and not restarted: %+v", d)
	}
	l.must(t, "restart", l.name("2"))
	if d := l.differs(t, "2"); len(d.Pending) > 0 || !raw() {
		t.Errorf("granted and restarted: %+v", d)
	}
}

// profile writes the profile of these containers.
func (l *local) profile(t *testing.T, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(applyProfile), 0o755), os.WriteFile(applyProfile, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// apply runs apply -o json, which has to end with the exit code.
func (l *local) apply(t *testing.T, code int, args ...string) changed {
	t.Helper()
	r := l.run(t, append([]string{"apply", "-o", "json"}, args...)...)
	var got changed
	if err := json.Unmarshal([]byte(r.Stdout), &got); err != nil || r.Code != code {
		t.Fatalf("apply %q: exit status %d, want %d: %v\n%s\n%s", args, r.Code, code, err, r.Stdout, r.Stderr)
	}
	return got
}

func (l *local) differs(t *testing.T, n string) differs {
	t.Helper()
	var envelope struct{ Items []differs }
	out := l.must(t, "list", "-o", "json", l.name(n))
	if err := json.Unmarshal([]byte(out), &envelope); err != nil || len(envelope.Items) != 1 {
		t.Fatalf("list -o json: %v: %s", err, out)
	}
	return envelope.Items[0]
}

// record is the text of a container's record.
func (l *local) record(t *testing.T, n string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(stateDir, "containers", l.name(n), "record.json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// limit reads a file of a running container's group, as the kernel has it.
func (l *local) limit(t *testing.T, controller, n, file string) string {
	t.Helper()
	found, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", controller, "sysctr/c", l.name(n), file))
	if len(found) != 1 {
		need.Missing(t, "needs the "+controller+" controller on cgroup v1")
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (l *local) memory(t *testing.T, n string) int64 {
	t.Helper()
	var bytes int64
	if _, err := fmt.Sscan(l.limit(t, "memory", n, "memory.limit_in_bytes"), &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}
