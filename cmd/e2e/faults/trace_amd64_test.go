package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/faults"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// shell is a run of a shell script as if it were sysctr. The shell has a name of its own, so that what it executes is not taken for it.
func shell(t *testing.T, script string) faults.Trial {
	t.Helper()
	need.Root(t)
	binary := filepath.Join(t.TempDir(), "sh")
	text, err := os.ReadFile("/bin/sh")
	if err == nil {
		err = os.WriteFile(binary, text, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	return faults.Trial{Binary: binary, Args: []string{"-c", script}}
}

func traced(t *testing.T, trial faults.Trial) faults.Report {
	t.Helper()
	r, err := faults.Trace(trial)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestTraceCounts: calls that change something are counted, in forked processes too, and reads are not.
func TestTraceCounts(t *testing.T) {
	dir := t.TempDir()
	for range 20 { // the first execve may or may not be seen
		r := traced(t, shell(t, fmt.Sprintf("cd %s; echo a; (echo b >f); read x <f; exit 7", dir)))
		if r.Exit != 7 || r.Output != "a\n" || r.Hit || len(r.Stuck) > 0 {
			t.Fatalf("%+v", r)
		}
		for call, want := range map[string]int{"write": 2, "openat": 1, "clone": 1} {
			got := r.Counts[faults.Point{Role: faults.RoleCommand, Call: call}]
			if call == "clone" {
				got += r.Counts[faults.Point{Role: faults.RoleCommand, Call: "fork"}] + r.Counts[faults.Point{Role: faults.RoleCommand, Call: "clone3"}]
			}
			if got != want {
				t.Errorf("%s was counted %d times, want %d: %v", call, got, want, r.Counts)
			}
		}
	}
}

// TestTraceFaults: exactly the n-th call fails, or kills its process, and no other.
func TestTraceFaults(t *testing.T) {
	const script = "for x in a b c; do echo $x 2>/dev/null; done; exit 3"
	for n := 1; n <= 4; n++ {
		for _, kill := range []bool{false, true} {
			trial := shell(t, script)
			trial.Fault = faults.Fault{Point: faults.Point{Role: faults.RoleCommand, Call: "write", N: n}, Kill: kill}
			r := traced(t, trial)
			whole := "a\nb\nc\n"
			before, after := whole[:2*(n-1)], whole[min(2*n, len(whole)):]
			want, exit := before+after, 3
			if kill && n <= 3 {
				want, exit = before, -1
			}
			if r.Output != want || r.Exit != exit || r.Hit != (n <= 3) {
				t.Errorf("write %d, kill %v: %+v, want the output %q and %d", n, kill, r, want, exit)
			}
		}
	}
}

// TestTraceClose: a close that fails has closed.
func TestTraceClose(t *testing.T) {
	trial := shell(t, "exec 7>/dev/null; exec 7>&-; [ -e /proc/$$/fd/7 ] || echo closed")
	good := traced(t, trial)
	n := good.Counts[faults.Point{Role: faults.RoleCommand, Call: "close"}]
	if good.Output != "closed\n" || n == 0 {
		t.Fatalf("%+v", good)
	}
	trial.Fault = faults.Fault{Point: faults.Point{Role: faults.RoleCommand, Call: "close", N: n}}
	if r := traced(t, trial); !r.Hit || r.Output != "closed\n" {
		t.Errorf("%+v", r)
	}
}

// TestTraceUnknown: a call of which nobody has said whether it changes state is told: times(2) is in neither list, since sysctr does not make it.
func TestTraceUnknown(t *testing.T) {
	if r := traced(t, shell(t, "echo a; exit 3")); len(r.Unknown) > 0 {
		t.Errorf("%+v", r)
	}
	if r := traced(t, shell(t, "times; exit 3")); len(r.Unknown) != 1 || r.Unknown[unix.SYS_TIMES] == 0 {
		t.Errorf("%+v", r)
	}
}

// TestTraceLetsGo: what is not sysctr is let go and not waited for.
func TestTraceLetsGo(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := traced(t, shell(t, "/bin/sleep 60 >/dev/null 2>&1 & echo $! >"+pidFile))
	text, err := os.ReadFile(pidFile)
	pid := strings.TrimSpace(string(text))
	if err != nil || r.Exit != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	defer exec.Command("kill", "-9", pid).Run() //nolint:errcheck // it is the test's own
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil || !strings.Contains(string(status), "TracerPid:\t0\n") || strings.Contains(string(status), "State:\tT") {
		t.Errorf("what was let go: %s, %v", status, err)
	}
}

// TestTracePatience: what does not end is asked what it waits for, ended, and named.
func TestTracePatience(t *testing.T) {
	trial := shell(t, "(while :; do :; done) & wait")
	trial.Patience = 200 * time.Millisecond
	if r := traced(t, trial); len(r.Stuck) != 2 || r.Exit != -1 {
		t.Errorf("%+v", r)
	}
	trial = shell(t, "trap 'echo for nothing; exit 4' QUIT; while :; do :; done")
	trial.Patience = 200 * time.Millisecond
	if r := traced(t, trial); len(r.Stuck) != 1 || r.Exit != 4 || r.Output != "for nothing\n" {
		t.Errorf("%+v", r)
	}
}
