package lxc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

// lockFile is what a command hands to its starter.
func lockFile(t *testing.T, d lxc.Dirs) *os.File {
	t.Helper()
	locks, err := record.OpenLocks(d.Lock())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { locks.Close() })
	return locks.File()
}

// fake spawns a shell script as a starter.
func fake(t *testing.T, script string) *lxc.Client {
	t.Helper()
	need.Root(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "starter")
	if err := os.WriteFile(file, []byte("#!/bin/sh\nPATH=/usr/bin:/bin\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	d := lxc.Dirs{State: dir, Run: dir}
	c, err := lxc.Spawn(file, d, lockFile(t, d))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClient talks to starters that say what no good starter says.
func TestClient(t *testing.T) {
	for _, test := range []struct {
		summary string
		script  string
		want    string // of the error, empty for none
		is      error
		started int
	}{
		{"ready", `read n; echo '{"name":"'$n'","phase":"started"}'; echo '{"name":"'$n'","phase":"ready"}'`, "", nil, 1},
		{"ready at once", `read n; echo '{"name":"'$n'","phase":"ready"}'`, "", nil, 0},
		{"others first", `read n; echo '{"name":"x","phase":"failed"}'; echo '{"name":"'$n'","phase":"ready"}'; echo '{"name":"'$n'","phase":"failed"}'`, "", nil, 0},
		{"garbage first", `read n; echo 'no JSON'; echo; echo '[]'; echo '{"name":"'$n'","phase":"ready"}'`, "", nil, 0},
		{"failed", `read n; echo '{"name":"'$n'","phase":"failed","error":"no luck"}'`, "no luck", nil, 0},
		{"failed late", `read n; echo '{"name":"'$n'","phase":"started"}'; echo '{"name":"'$n'","phase":"failed","error":"no luck"}'`, "no luck", nil, 1},
		{"a promise", `read n; echo '{"name":"'$n'","phase":"failed","error":"a promise does not hold: 2","promise":true}'`, "a promise does not hold: 2", lxc.ErrPromise, 0},
		{"the host", `read n; echo '{"name":"'$n'","phase":"failed","error":"no user","host":true}'`, "no user", lxc.ErrNotPrepared, 0},
		{"dies", `read n; echo "the reason" >&2; exit 3`, "the reason", nil, 0},
		{"dies late", `read n; echo '{"name":"'$n'","phase":"started"}'; kill -9 $$`, "run the same command again", nil, 1},
		{"says too much", `read n; head -c 200000 /dev/zero | tr '\0' x; echo`, "run the same command again", nil, 0},
	} {
		t.Run(test.summary, func(t *testing.T) {
			c := fake(t, test.script)
			started := 0
			err := c.Start(context.Background(), "web1", func() { started++ })
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("Start: %v, want %q", err, test.want)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("Start: %v, want that it is %v", err, test.is)
			}
			if started != test.started {
				t.Errorf("it was told %d times that the container runs, want %d", started, test.started)
			}
			closed := c.Close()
			if strings.HasPrefix(test.summary, "dies") != (closed != nil) {
				t.Errorf("Close: %v", closed)
			}
			if err := c.Start(context.Background(), "web2", nil); err == nil {
				t.Error("a closed client starts")
			}
		})
	}
}

// TestClientCancelled: the caller goes, the start goes on, and Close waits for it.
func TestClientCancelled(t *testing.T) {
	c := fake(t, `read n; echo '{"name":"'$n'","phase":"started"}'; read more; echo '{"name":"'$n'","phase":"ready"}'; echo done >"${0%/*}/done"`)
	ctx, cancel := context.WithCancel(context.Background())
	if err := c.Start(ctx, "web1", cancel); !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want that it was cancelled", err)
	}
	if err := c.Close(); err != nil { // which ends the starter's input
		t.Errorf("Close: %v", err)
	}
}

func TestSpawnNothing(t *testing.T) {
	need.Root(t)
	d := lxc.Dirs{State: t.TempDir(), Run: t.TempDir()}
	if c, err := lxc.Spawn("/no/such/program", d, lockFile(t, d)); err == nil {
		t.Errorf("Spawn: %v", c)
	}
}

// spawn runs the real starter.
func (h *host) spawn(t *testing.T) *lxc.Client {
	t.Helper()
	c, err := lxc.Spawn(h.binary(t), h.Dirs, lockFile(t, h.Dirs))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestClientLastWords: why a starter has ended is told, also where it says so after its output has ended.
func TestClientLastWords(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	file := filepath.Join(h.Dirs.State, "starter")
	const script = "#!/bin/sh\nread name\nexec >&-\nperl -e 'select undef, undef, undef, 0.2'\necho no room >&2\nexit 1\n"
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err := lxc.Spawn(file, h.Dirs, lockFile(t, h.Dirs))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(context.Background(), "web1", nil); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("Start: %v", err)
	}
	if err := c.Close(); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("Close: %v", err)
	}
}

// TestServe starts a batch through a starter of its own; the containers outlive it.
func TestServe(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	c := h.spawn(t)
	records := make([]record.Record, 5)
	for i := range records {
		records[i] = h.create(t, "command")
	}
	var all sync.WaitGroup
	for _, rec := range records {
		all.Add(1)
		go func() {
			defer all.Done()
			if err := c.Start(context.Background(), rec.Name, nil); err != nil {
				t.Errorf("Start %s: %v", rec.Name, err)
			}
		}()
	}
	for _, bad := range []string{"never-made", "../etc", "-"} {
		if err := c.Start(context.Background(), bad, nil); err == nil {
			t.Errorf("%q is started", bad)
		}
	}
	all.Wait()
	if err := c.Start(context.Background(), records[0].Name, nil); err == nil || !strings.Contains(err.Error(), lxc.ErrRunning.Error()) {
		t.Errorf("a second start: %v", err)
	}
	var starter alive.Process
	for _, rec := range records {
		live, err := h.Live.Load(rec.Name)
		if err != nil || !live.Init.Alive() || !live.Ready {
			t.Errorf("%s is %+v, %v", rec.Name, live, err)
		}
		starter = live.Starter
		if found, err := lxc.Orphans(h.Dirs.LXC(), rec.Name); err != nil || len(found) != 1 || found[0] != live.Monitor {
			t.Errorf("by its title the monitor is %v, %v; it is %v", found, err, live.Monitor)
		}
		if tree, err := h.Layout.Tree(live.MonitorCgroup); err == nil {
			pids, err := tree.Processes()
			if err != nil || len(pids) != 1 || pids[0] != live.Monitor.PID { // whoever kills it must not meet the starter
				t.Errorf("in the monitor's group of %s are %v, %v; its monitor is %d", rec.Name, pids, err, live.Monitor.PID)
			}
		}
	}
	if err := h.Kill(context.Background(), records[len(records)-1].Name); err != nil || !starter.Alive() {
		t.Errorf("the end of a container has ended its starter: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if starter.Alive() {
		t.Error("the starter is still there")
	}
	if live, err := h.Live.Load(records[0].Name); err != nil || !live.Init.Alive() {
		t.Errorf("the container has ended with its starter: %v", err)
	}
}

// torn is an output of which the second write fails.
type torn struct {
	writes int
	closed bool
}

func (w *torn) Write(p []byte) (int, error) {
	if w.writes++; w.writes == 2 {
		return 0, unix.ENOSPC
	}
	return len(p), nil
}

func (w *torn) Close() error {
	w.closed = true
	return nil
}

// TestServeLosesAnEvent: whoever waits for an event that could not be written learns that none comes any more, and the batch goes on.
func TestServeLosesAnEvent(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	w := &torn{}
	err := h.newStarter(t).Serve(context.Background(), strings.NewReader("never-made\nnever-made\n"+rec.Name+"\n"), w, 1)
	if !errors.Is(err, unix.ENOSPC) || !w.closed || w.writes != 2 {
		t.Errorf("%v, closed %v after %d writes", err, w.closed, w.writes)
	}
	if live, err := h.Live.Load(rec.Name); err != nil || !live.Init.Alive() {
		t.Errorf("the batch has not gone on: %+v, %v", live, err)
	}
}

// TestStarterKilled kills the starter at many moments. What it left is swept, and the same start again works.
func TestStarterKilled(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	rec := h.create(t, "command")
	mine := filepath.Join(h.Dirs.Delta(rec.Name), "mine")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, moment := range []time.Duration{0, 1, 2, 4, 6, 8, 12, 16, 24, 32} {
		t.Run(fmt.Sprint(moment*time.Millisecond), func(t *testing.T) {
			c := h.spawn(t)
			failed := make(chan error)
			go func() { failed <- c.Start(context.Background(), rec.Name, nil) }()
			starter := starting(t, h, rec.Name)
			time.Sleep(moment * time.Millisecond) // the moment is what is tried
			_ = unix.Kill(starter.PID, unix.SIGKILL)
			err := <-failed
			_ = c.Close() // says that the starter was killed
			if err != nil && !strings.Contains(err.Error(), "run the same command again") {
				t.Errorf("Start with its starter killed: %v", err)
			}
			if err := h.Kill(context.Background(), rec.Name); err != nil {
				t.Errorf("Kill: %v", err)
			}
			h.dead(t, rec.Name)
			again := h.spawn(t)
			if err := again.Start(context.Background(), rec.Name, nil); err != nil {
				t.Errorf("the same start again: %v", err)
			}
			if err := again.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
				t.Errorf("its delta has %q, %v", text, err)
			}
			if err := h.Kill(context.Background(), rec.Name); err != nil {
				t.Errorf("Kill: %v", err)
			}
		})
	}
}

// starting waits until a starter has written down that it starts the container, and returns it.
func starting(t *testing.T, h *host, name string) alive.Process {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if live, err := h.Live.Load(name); err == nil && live.Starter.Alive() {
			return live.Starter
		}
	}
	t.Fatal("no start has begun")
	return alive.Process{}
}
