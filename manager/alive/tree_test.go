package alive_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/manager/alive"
)

func TestTreeLife(t *testing.T) {
	p := newPlace(t)
	first, second := p.sleeper(t, ""), p.sleeper(t, "a/b")
	want := []int{first.PID, second.PID}
	slices.Sort(want)
	if got, err := p.tree.Processes(); err != nil || !slices.Equal(got, want) {
		t.Fatalf("Processes = %v, %v; want %v", got, err, want)
	}
	if ok, err := p.tree.Exists(); err != nil || !ok {
		t.Fatalf("Exists = %v, %v", ok, err)
	}
	if err := p.tree.Remove(t.Context()); !errors.Is(err, alive.ErrPopulated) {
		t.Fatalf("Remove with processes: error %v, want ErrPopulated", err)
	}
	if !first.Alive() || !second.Alive() {
		t.Fatal("a refused Remove ended a process")
	}
	for range 2 {
		if err := p.tree.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if first.Alive() || second.Alive() {
		t.Fatal("a process is left after Kill")
	}
	for range 2 {
		if err := p.tree.Remove(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for key := range p.group {
		if _, err := os.Stat(p.dir(key, "")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("left in hierarchy %q: %v", key, err)
		}
	}
	checkGone(t, p)
}

// checkGone holds what each operation says of a group that does not exist.
func checkGone(t *testing.T, p place) {
	t.Helper()
	if ok, err := p.tree.Exists(); err != nil || ok {
		t.Errorf("Exists = %v, %v", ok, err)
	}
	if pids, err := p.tree.Processes(); err != nil || len(pids) != 0 {
		t.Errorf("Processes = %v, %v", pids, err)
	}
	if frozen, err := p.tree.Frozen(); err != nil || frozen {
		t.Errorf("Frozen = %v, %v", frozen, err)
	}
	if usage := p.tree.Usage(); usage != (alive.Usage{}) {
		t.Errorf("Usage = %+v", usage)
	}
	if err := p.tree.Kill(t.Context()); err != nil {
		t.Errorf("Kill = %v", err)
	}
	if err := p.tree.Freeze(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Freeze = %v", err)
	}
}

func TestGroupIsStoredAsJSON(t *testing.T) {
	p := newPlace(t)
	process := p.sleeper(t, "x")
	content, err := json.Marshal(p.group)
	if err != nil {
		t.Fatal(err)
	}
	var group alive.Group
	if err := json.Unmarshal(content, &group); err != nil {
		t.Fatal(err)
	}
	tree, err := p.layout.Tree(group)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tree.Processes(); err != nil || !slices.Equal(got, []int{process.PID}) {
		t.Errorf("Processes = %v, %v", got, err)
	}
}

// TestDeepAndWide holds that groups deeper than any path can be named, and many beside each other, are listed, killed and removed.
func TestDeepAndWide(t *testing.T) {
	for _, key := range []string{"freezer", ""} {
		t.Run("hierarchy "+key, func(t *testing.T) {
			p := newPlace(t, key)
			for _, name := range []string{"w1", "w2/x", "w2/y/z", "w3"} {
				p.mkdir(t, key, name)
			}
			process := digDown(t, p, key, 1500)
			if got, err := p.tree.Processes(); err != nil || !slices.Equal(got, []int{process.PID}) {
				t.Fatalf("Processes = %v, %v; want the one at the bottom, %d", got, err, process.PID)
			}
			before := openDescriptors(t)
			if err := p.tree.Kill(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := p.tree.Remove(t.Context()); err != nil {
				t.Fatal(err)
			}
			if ok, err := p.tree.Exists(); err != nil || ok {
				t.Errorf("Exists = %v, %v", ok, err)
			}
			if after := openDescriptors(t); after > before {
				t.Errorf("%d descriptors leaked", after-before)
			}
		})
	}
}

// digDown makes groups one below the other and puts a process into the last.
func digDown(t *testing.T, p place, key string, depth int) alive.Process {
	t.Helper()
	_, process := start(t, "sleep", "1000")
	fd, err := unix.Open(p.dir(key, ""), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range depth {
		if err := unix.Mkdirat(fd, "nested", 0o755); err != nil {
			t.Fatal(err)
		}
		below, err := unix.Openat(fd, "nested", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.Close(fd)
		fd = below
	}
	procs, err := unix.Openat(fd, "cgroup.procs", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(procs, []byte(strconv.Itoa(process.PID))); err != nil {
		t.Fatal(err)
	}
	unix.Close(procs)
	unix.Close(fd)
	return process
}

func TestThreadedGroup(t *testing.T) {
	p := newPlace(t, "")
	process := p.sleeper(t, "dom")
	p.mkdir(t, "", "dom/threads")
	p.write(t, "", "dom/threads/cgroup.type", "threaded")
	if got, err := p.tree.Processes(); err != nil || !slices.Equal(got, []int{process.PID}) {
		t.Fatalf("Processes = %v, %v", got, err)
	}
	if err := p.tree.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if process.Alive() {
		t.Error("it is alive")
	}
}

func TestUsage(t *testing.T) {
	p := newPlace(t)
	if _, ok := p.group["memory"]; !ok {
		t.Skip("version 1 memory controller is not mounted")
	}
	cmd := exec.Command("sh", "-c", `read go; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; read end`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	p.enter(t, cmd.Process.Pid, "x")
	if _, err := stdin.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all figures count", func() bool {
		u := p.tree.Usage()
		return u.Memory.OK && u.Memory.Value > 0 && u.CPU.OK && u.CPU.Value > 1e6 && u.Pids.OK && u.Pids.Value == 1
	})
	some, err := p.layout.Tree(alive.Group{"pids": p.group["pids"], "": p.group[""]})
	if err != nil {
		t.Fatal(err)
	}
	u := some.Usage()
	if diff := cmp.Diff(alive.Figure{}, u.Memory); diff != "" {
		t.Errorf("memory without its controller (-want +got):\n%s", diff)
	}
	if !u.CPU.OK || u.CPU.Value == 0 {
		t.Errorf("version 2 counts time without a controller, but CPU = %+v", u.CPU)
	}
}

func TestLegacyDisks(t *testing.T) {
	for _, test := range []struct {
		summary, text string
		read, write   alive.Figure
	}{
		{"nothing yet", "Total 0\n", alive.Figure{OK: true}, alive.Figure{OK: true}},
		{"two disks", "254:0 Read 4096\n254:0 Write 7\n254:0 Sync 4103\n254:0 Total 4103\n8:0 Read 1\n8:0 Write 1\nTotal 4105\n",
			alive.Figure{Value: 4097, OK: true}, alive.Figure{Value: 8, OK: true}},
		{"nonsense stays unknown", "254:0 Read x\n8:0 Read 5\n254:0 Write 3\n", alive.Figure{}, alive.Figure{Value: 3, OK: true}},
	} {
		read, write := alive.LegacyDisks(test.text)
		if read != test.read || write != test.write {
			t.Errorf("%s: read %+v, written %+v; want %+v and %+v", test.summary, read, write, test.read, test.write)
		}
	}
}
