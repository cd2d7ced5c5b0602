package lxc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

func TestStart(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command", "limits.pids=100")
	started := h.start(t, rec)
	live := started.Live
	if live.Phase != record.PhaseRunning || !live.Ready || !live.Init.Alive() || !live.Monitor.Alive() || live.Unit {
		t.Errorf("started as %+v", live)
	}
	if stored, err := h.Live.Load(rec.Name); err != nil || stored.Init != live.Init || stored.Monitor != live.Monitor {
		t.Errorf("stored is %+v, %v", stored, err)
	}
	if err := started.Await(context.Background()); err != nil {
		t.Errorf("Await of a command: %v", err)
	}
	tree, err := h.Layout.Tree(live.Cgroup)
	if err != nil {
		t.Fatal(err)
	}
	pids, err := tree.Processes()
	if err != nil || !slices.Contains(pids, live.Init.PID) { // what runs below it may not have been forked yet
		t.Errorf("in the container's group are %v, %v, and not %d", pids, err, live.Init.PID)
	}
	promises(t, rec, live)
	if _, err := h.starter.Start(context.Background(), rec.Name); !errors.Is(err, lxc.ErrRunning) {
		t.Errorf("a second start: %v, want ErrRunning", err)
	}
	if !live.Init.Alive() {
		t.Error("a refused second start has harmed the container")
	}
	for range 2 {
		if err := h.Kill(context.Background(), rec.Name); err != nil {
			t.Errorf("Kill: %v", err)
		}
		h.dead(t, rec.Name, live.Init, live.Monitor)
	}
	again := h.start(t, rec)
	if again.Live.Init == live.Init {
		t.Error("the second start is the first one's")
	}
}

// promises holds a good container against promises that it does not keep.
func promises(t *testing.T, rec record.Record, live record.Live) {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(procRoot(live), &st); err != nil {
		t.Fatal(err)
	}
	good := lxc.Promised{Range: rec.Range, Device: st.Dev, Dropped: lxc.Dropped(rec.Spec), Isolation: rec.Spec.Isolation}
	if err := lxc.Verify(live.Init.PID, good); err != nil {
		t.Errorf("a good container: %v", err)
	}
	for _, test := range []struct {
		summary string
		change  func(*lxc.Promised)
		want    string
	}{
		{"another range", func(p *lxc.Promised) { p.Range.Start += 65536 }, "uid_map"},
		{"a smaller range", func(p *lxc.Promised) { p.Range.Size-- }, "uid_map"},
		{"privileged", func(p *lxc.Promised) { p.Isolation = profiles.Privileged }, "uid_map"},
		{"another root", func(p *lxc.Promised) { p.Device++ }, "root is device"},
		{"a capability that it has", func(p *lxc.Promised) { p.Dropped = append(p.Dropped, "chown") }, "still has chown"},
		{"the last capability", func(p *lxc.Promised) { p.Dropped = append(p.Dropped, "checkpoint_restore") }, "still has checkpoint_restore"},
		{"an unknown capability", func(p *lxc.Promised) { p.Dropped = append(p.Dropped, "everything") }, "no capability"},
	} {
		wrong := good
		test.change(&wrong)
		err := lxc.Verify(live.Init.PID, wrong)
		if !errors.Is(err, lxc.ErrPromise) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want ErrPromise with %q", test.summary, err, test.want)
		}
	}
	err := lxc.Verify(os.Getpid(), good) // on the host's root, without a user namespace and a filter, with all capabilities
	for _, want := range []string{"uid_map", "root is device", "system call filter", "still has"} {
		if !errors.Is(err, lxc.ErrPromise) || !strings.Contains(err.Error(), want) {
			t.Errorf("a process of the host: %v, want ErrPromise with %q", err, want)
		}
	}
}

func procRoot(live record.Live) string { return filepath.Join("/proc", pid(live.Init), "root") }

// TestBrokenPromises: a start that does not keep a promise is refused, and nothing of it is left but the reason.
func TestBrokenPromises(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	for _, test := range []struct {
		summary string
		change  func(*lxc.Promised)
	}{
		{"ids", func(p *lxc.Promised) { p.Range.Start++ }},
		{"root", func(p *lxc.Promised) { p.Device++ }},
		{"capabilities", func(p *lxc.Promised) { p.Dropped = []string{"chown"} }},
	} {
		t.Run(test.summary, func(t *testing.T) {
			rec := h.create(t, "system", "restart=always")
			s.Promise(test.change)
			defer s.Promise(func(*lxc.Promised) {})
			refused(t, h, rec)
		})
	}
	t.Run("sealed files", func(t *testing.T) { // as if the inner overlay had been mounted by root
		for _, canary := range s.Canary() {
			defer setMode(t, canary, 0o644)()
		}
		refused(t, h, h.create(t, "command"))
	})
	t.Run("no proof", func(t *testing.T) {
		for _, canary := range s.Canary() {
			if !strings.HasSuffix(canary, ".twin") {
				continue
			}
			defer setMode(t, canary, 0o600)()
		}
		refused(t, h, h.create(t, "command"))
	})
	h.start(t, h.create(t, "command")) // what keeps its promises starts
}

func refused(t *testing.T, h *host, rec record.Record) {
	t.Helper()
	started, err := h.starter.Start(context.Background(), rec.Name)
	if !errors.Is(err, lxc.ErrPromise) {
		t.Fatalf("Start: %+v, %v; want ErrPromise", started, err)
	}
	h.dead(t, rec.Name)
	live, err := h.Live.Load(rec.Name)
	if err != nil || !strings.Contains(live.Stopped, "promise") || live.Init.Alive() || live.Monitor.Alive() {
		t.Errorf("what is known of it: %+v, %v; want the reason", live, err)
	}
}

func setMode(t *testing.T, path string, mode os.FileMode) (undo func()) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Chmod(path, info.Mode()); err != nil {
			t.Error(err)
		}
	}
}

// TestStartErrors spoils something else than a promise: the start fails, says why, and leaves nothing.
func TestStartErrors(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	for _, test := range []struct {
		summary string
		set     []string
		spoil   func(t *testing.T, rec record.Record)
		want    string
	}{
		{"a mount's source is gone", []string{"mounts=[{source: /srv/none, target: /mnt}]"}, nil, "/srv/none"},
		{"no record", nil, func(t *testing.T, rec record.Record) {
			if err := os.Remove(filepath.Join(h.store.Dir(rec.Name), "record.json")); err != nil {
				t.Fatal(err)
			}
		}, "record"},
		{"the upper is a file", nil, func(t *testing.T, rec record.Record) {
			if err := os.WriteFile(filepath.Join(h.Dirs.Delta(rec.Name), "upper"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "mount the layers"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			rec := h.create(t, "command", test.set...)
			if test.spoil != nil {
				test.spoil(t, rec)
			}
			started, err := s.Start(context.Background(), rec.Name)
			if err == nil || errors.Is(err, lxc.ErrPromise) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start: %+v, %v; want an error with %q", started, err, test.want)
			}
			h.dead(t, rec.Name)
		})
	}
	if _, err := s.Start(context.Background(), "../etc"); err == nil {
		t.Error("a name that is none is started")
	}
}

// TestIsolations starts one container of each isolation; two of isolation shared have the same ids.
func TestIsolations(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	h.newStarter(t)
	for _, isolation := range []string{"private", "shared", "privileged"} {
		t.Run(isolation, func(t *testing.T) {
			rec := h.create(t, "command", "isolation="+isolation)
			live := h.start(t, rec).Live
			text, err := os.ReadFile(filepath.Join("/proc", pid(live.Init), "uid_map"))
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"0", "0", "4294967295"}
			if isolation != "privileged" {
				want = []string{"0", itoa(rec.Range.Start), itoa(rec.Range.Size)}
			}
			if got := strings.Fields(string(text)); strings.Join(got, " ") != strings.Join(want, " ") {
				t.Errorf("its uid_map is %v, want %v", got, want)
			}
		})
	}
}

// TestSystemBoots boots the host's systemd in a container until it says that it is up.
func TestSystemBoots(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	if target, err := filepath.EvalSymlinks("/sbin/init"); err != nil || !strings.HasSuffix(target, "/systemd") {
		need.Missing(t, "needs systemd: install systemd-sysv")
	}
	h := newHost(t)
	rec := h.create(t, "system")
	started := h.start(t, rec)
	if started.Live.Ready {
		t.Error("it is ready before it has booted")
	}
	if err := started.Await(context.Background()); err != nil {
		t.Fatalf("Await: %v", err)
	}
	if live, err := h.Live.Load(rec.Name); err != nil || !live.Ready {
		t.Errorf("stored is %+v, %v; want ready", live, err)
	}
	out, status := h.exec(t, lxc.Attach{Name: rec.Name, Argv: []string{"systemctl", "is-system-running"}})
	if out != "running\n" || status != 0 {
		t.Errorf("its systemd says %q, status %d", out, status)
	}
}

// TestAwaitEnds: whoever waits for a container that ends while it boots is told at once.
func TestAwaitEnds(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	if target, err := filepath.EvalSymlinks("/sbin/init"); err != nil || !strings.HasSuffix(target, "/systemd") {
		need.Missing(t, "needs systemd: install systemd-sysv")
	}
	h := newHost(t)
	rec := h.create(t, "system")
	started := h.start(t, rec)
	if err := h.Kill(context.Background(), rec.Name); err != nil {
		t.Fatal(err)
	}
	if err := started.Await(context.Background()); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("Await of a dead container: %v", err)
	}
	h.dead(t, rec.Name, started.Live.Init, started.Live.Monitor)
	if live, err := h.Live.Load(rec.Name); err == nil {
		t.Errorf("a dead container is remembered as %+v", live)
	}
}
