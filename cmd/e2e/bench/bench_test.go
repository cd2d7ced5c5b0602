package bench_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/bench"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// asProgram makes the test binary the program of `make bench`.
const asProgram = "SYSCTR_BENCH_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(bench.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// TestRun is a whole run of few containers: it prints every figure, asserts none, and leaves nothing.
func TestRun(t *testing.T) {
	need.Files(t)
	program, dir := build(t), t.TempDir()
	cmd := run(program, dir, "-n", "2", "-rounds", "1", "-debian", "1", "-listed", "3")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &said)
	}
	for _, want := range []string{
		"\n1  start of 2 ", "sysctr / (b)", "\n2  create of 2 ", "\n3  2 system ", "\n4  restart of 2 ", "\n5  restart of 2 ", "with / without", "published port / plain veth", "\n6  memory of 2 ", "libc in the init of 2",
		"\n7  list of 3 ", "\n8  a file of the host changes under 2 running command ", "\n9  a file of the host changes under 2 running system ",
		"the roll alone / restart", "patch roll / restart", "\n10  delta shadows ", "\n11  the script ",
		"\n12  1 command containers by Ansible", "the same again, nothing to do",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the output", want)
		}
	}
	if strings.Contains(out.String(), "not measured") {
		t.Error("a figure was not measured")
	}
	if t.Failed() {
		t.Logf("%s%s", &out, &said)
	}
	leavesNothing(t, cmd.Process.Pid, dir)
}

func TestInterrupted(t *testing.T) {
	program := build(t)
	for _, test := range []struct {
		summary string
		end     func(t *testing.T, pid int)
		swept   bool // by the run itself, not by the next one
	}{
		{"asked to end", func(t *testing.T, pid int) { send(t, pid, unix.SIGTERM) }, true},
		{"its inner process is killed", func(t *testing.T, pid int) { send(t, child(t, pid), unix.SIGKILL) }, true},
		{"both processes are killed", func(t *testing.T, pid int) {
			inner := child(t, pid)
			send(t, pid, unix.SIGKILL)
			send(t, inner, unix.SIGKILL)
		}, false},
	} {
		t.Run(test.summary, func(t *testing.T) {
			dir := t.TempDir()
			cmd := run(program, dir, "-n", "3", "-rounds", "100", "-debian", "0")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			await(t, out, "1  start")
			test.end(t, cmd.Process.Pid)
			if err := cmd.Wait(); err == nil {
				t.Error("no error")
			}
			if !test.swept {
				if out, err := run(program, dir, "-n", "1", "-rounds", "1", "-debian", "0", "-listed", "1").CombinedOutput(); err != nil {
					t.Errorf("the next run: %v\n%s", err, out)
				}
			}
			leavesNothing(t, cmd.Process.Pid, dir)
		})
	}
}

func build(t *testing.T) string {
	t.Helper()
	need.Root(t)
	program := filepath.Join(t.TempDir(), "sysctr")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/sysctr/sysctr/cmd/sysctr").CombinedOutput(); err != nil {
		t.Fatalf("build sysctr: %v\n%s", err, out)
	}
	return program
}

func run(program, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", append([]string{"-sysctr", program, "-script", "../../../hooks/pkg-hook", "-collection", "../../../ansible", "-dir", dir}, args...)...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// await reads until a line begins so, and goes on reading for the writer's sake.
func await(t *testing.T, r io.Reader, start string) {
	t.Helper()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), start) {
			return
		}
	}
	t.Fatalf("the output ended before %q", start)
}

func send(t *testing.T, pid int, signal unix.Signal) {
	t.Helper()
	if err := unix.Kill(pid, signal); err != nil {
		t.Fatalf("send %v: %v", signal, err)
	}
}

// child returns the only child of a process.
func child(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		all = append(all, strings.Fields(string(text))...)
	}
	if len(all) != 1 {
		t.Fatalf("the run has the children %q, want one", all)
	}
	inner, err := strconv.Atoi(all[0])
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

// leavesNothing looks for what the run of a process could have left: processes, control groups, files.
func leavesNothing(t *testing.T, pid int, dir string) {
	t.Helper()
	prefix := bench.NamePrefix + strconv.Itoa(pid) + "-"
	chosen := func(name string) bool { return strings.HasPrefix(name, prefix) }
	tables, err := filepath.Glob("/proc/[0-9]*/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range tables {
		if table, err := os.ReadFile(file); err == nil && bench.Mentions(string(table), chosen) {
			t.Errorf("%s: a process of the run is left", file)
		}
	}
	for _, pattern := range []string{
		"/sys/fs/cgroup/*/*/*/" + prefix + "*", "/sys/fs/cgroup/*/*/" + prefix + "*", dir + "/" + bench.StatePattern, "/usr/local/share/" + prefix + "*",
	} {
		if left, err := filepath.Glob(pattern); err != nil || len(left) > 0 {
			t.Errorf("left: %q %v", left, err)
		}
	}
}
