package manager_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// fakeHost starts containers that are two processes each and no more: enough for all that the manager looks at. It is the Runtime of a host
// without systemd, and the Units of one with it.
type fakeHost struct {
	live record.LiveStore
	unit bool

	mu      sync.Mutex
	begun   []string                                                     // in order
	running int                                                          // starts at the same time
	most    int                                                          // the most of them
	opened  int                                                          // runtimes
	closed  int                                                          // runtimes
	adopted []string                                                     // units
	known   map[string][]alive.Process                                   // by container: what systemd knows of a unit, whatever files say
	before  func(ctx context.Context, name string, started func()) error // called in each start; nil: nothing
	closing func()                                                       // called in each Close of a runtime
}

func (f *fakeHost) spawn() (manager.Runtime, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened++
	return runtime{f}, nil
}

// runtime is the fake as a Runtime; as Units it has another Start.
type runtime struct{ f *fakeHost }

func (r runtime) Start(ctx context.Context, name string, started func()) error {
	return r.f.start(ctx, name, started)
}

func (r runtime) Close() error {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	r.f.closed++
	if r.f.closing != nil {
		r.f.closing()
	}
	return nil
}

func (f *fakeHost) start(ctx context.Context, name string, started func()) error {
	f.mu.Lock()
	f.begun = append(f.begun, name)
	f.running++
	f.most = max(f.most, f.running)
	before := f.before
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
	}()
	if before != nil {
		if err := before(ctx, name, started); err != nil {
			return err
		}
	}
	monitor, monitorErr := process(func() {})
	init, initErr := process(func() { // the monitor ends with the container
		if p, err := os.FindProcess(monitor.PID); err == nil && monitor.Alive() {
			_ = p.Kill()
		}
	})
	self, err := alive.Self()
	if err := errors.Join(err, initErr, monitorErr); err != nil {
		return err
	}
	f.mu.Lock()
	f.known[name] = []alive.Process{init, monitor}
	f.mu.Unlock()
	return f.live.Save(name, record.Live{
		Phase: record.PhaseRunning, Ready: true, Init: init, Monitor: monitor, Starter: self, Started: time.Now().UTC(), Unit: f.unit,
	})
}

// process starts a process that does nothing until it is killed, and then calls ended.
func process(ended func()) (alive.Process, error) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe() // its end would end it with the test
	if err != nil {
		return alive.Process{}, err
	}
	if err := cmd.Start(); err != nil {
		return alive.Process{}, err
	}
	go func() { _ = errors.Join(cmd.Wait(), stdin.Close()); ended() }()
	return alive.Look(cmd.Process.Pid)
}

func (f *fakeHost) Start(ctx context.Context, name string) error { return f.start(ctx, name, nil) }

func (f *fakeHost) Prepare(context.Context, []record.Record) error { return nil }

func (f *fakeHost) Stop(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.known[name] {
		if found, err := os.FindProcess(p.PID); err == nil && p.Alive() {
			_ = found.Kill()
		}
	}
	return nil
}

func (f *fakeHost) Adopt(_ context.Context, records []record.Record) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range records {
		f.adopted = append(f.adopted, r.Name)
	}
	return nil
}

func (f *fakeHost) Forget(_ context.Context, names []string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adopted = slices.DeleteFunc(f.adopted, func(n string) bool { return slices.Contains(names, n) })
	return nil
}

// fleet is a manager on directories of its own, with a fake host below.
type fleet struct {
	*manager.Manager
	*fakeHost
	dirs lxc.Dirs
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	dir := t.TempDir()
	d := lxc.Dirs{State: dir + "/state", Run: dir + "/run"}
	if err := errors.Join(os.MkdirAll(d.State+"/containers", 0o700), os.MkdirAll(d.Run+"/containers", 0o711)); err != nil {
		t.Fatal(err)
	}
	boot, err := alive.BootID()
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{fakeHost: &fakeHost{live: record.OpenLive(d.Run, boot), known: map[string][]alive.Process{}}, dirs: d}
	f.Manager = f.open(t, nil)
	t.Cleanup(func() {
		w := f.observe(t)
		for _, o := range f.Destroy(context.Background(), manager.PlanDestroy(w, namesOf(w), true), manager.Apply{}) {
			if o.Err != nil {
				t.Errorf("destroy %s: %v", o.Name, o.Err)
			}
		}
	})
	return f
}

// open returns another manager of the same directories, as another command would have it.
func (f *fleet) open(t *testing.T, units manager.Units) *manager.Manager {
	t.Helper()
	m, err := manager.OpenWith(manager.Config{Dirs: f.dirs, Pool: idrange.Default(), Binary: "/bin/false", Looker: "/bin/false", Units: units}, f.spawn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (f *fleet) observe(t *testing.T) manager.World {
	t.Helper()
	w, err := f.Observe()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func namesOf(w manager.World) []string {
	names := make([]string, len(w.Containers))
	for i, c := range w.Containers {
		names[i] = c.Name
	}
	return names
}

// spec is that of a command without a network.
func spec(t *testing.T, set ...string) profiles.Spec {
	t.Helper()
	s, err := profiles.Library{}.Resolve("command", append([]string{"network=none"}, set...))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes containers of one spec.
func (f *fleet) create(t *testing.T, s profiles.Spec, names ...string) {
	t.Helper()
	good(t, f.Create(context.Background(), manager.PlanCreate(f.observe(t), names, s, false), s, manager.Apply{}))
}

// good fails the test unless every outcome is.
func good(t *testing.T, outcomes []manager.Outcome) {
	t.Helper()
	for _, o := range outcomes {
		if o.Err != nil {
			t.Errorf("%s %s: %v", o.Action, o.Name, o.Err)
		}
	}
}

// stateOf is the state of a container as the next command sees it.
func (f *fleet) stateOf(t *testing.T, container string) record.State {
	t.Helper()
	c, ok := f.observe(t).Find(container)
	if !ok {
		return "none"
	}
	return c.Status.State
}

// entries are the names in the directory of containers.
func (f *fleet) entries(t *testing.T) []string {
	t.Helper()
	found, err := os.ReadDir(filepath.Join(f.dirs.State, "containers"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range found {
		names = append(names, e.Name())
	}
	return names
}
