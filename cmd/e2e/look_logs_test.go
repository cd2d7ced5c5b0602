package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLookLogs reads what containers say: while they run, hang and are stopped.
func TestLookLogs(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("<1..2>"), "--start")
	l.must(t, "create", l.name("cmd"), "--profile", "command", "--start", "--set",
		`command=[/bin/sh, -c, "echo one; echo two >&2; printf '\\033[31mred\\033[0m\\r\\n'; read line; echo read $line"]`)
	t.Run("journal", func(t *testing.T) { lookJournal(t, l) })
	t.Run("console", func(t *testing.T) { lookConsole(t, l) })
	t.Run("follow", func(t *testing.T) { lookFollow(t, l) })
	t.Run("flood", func(t *testing.T) { lookFlood(t, l) })
	t.Run("usage", func(t *testing.T) {
		for _, args := range [][]string{
			{"logs", l.name("1"), "--since", "soon"}, {"logs", l.name("1"), "--lines", "-1"}, {"logs", l.name("1"), "--console", "--since", "1h"}, {"logs"},
		} {
			if r := l.run(t, args...); r.Code != 2 {
				t.Errorf("%q: %+v", args, r)
			}
		}
		if r := l.run(t, "logs", l.name("9")); r.Code != 4 {
			t.Errorf("logs of nobody: %+v", r)
		}
	})
}

func lookJournal(t *testing.T, l *local) {
	l.sh(t, "1", "logger 'first word'; journalctl --flush --sync")
	if got := l.must(t, "logs", l.name("1"), "--lines", "1"); !strings.HasSuffix(got, ": first word") || strings.Contains(got, "\n") {
		t.Errorf("the last line of a running container: %q", got)
	}
	l.must(t, "freeze", l.name("1"))
	begun := time.Now()
	if got := l.must(t, "logs", l.name("1"), "--lines", "1", "--since", "1h"); !strings.HasSuffix(got, ": first word") {
		t.Errorf("of a frozen one: %q", got)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	l.must(t, "thaw", l.name("1"))
	l.must(t, "restart", l.name("1"))
	if got := l.must(t, "logs", l.name("1"), "--lines", "0"); !strings.Contains(got, ": first word\n") || strings.Contains(got, "cursor") {
		t.Errorf("over a restart: %q", got)
	}
	l.must(t, "stop", l.name("1"))
	if got := l.must(t, "logs", l.name("1"), "--lines", "0"); !strings.Contains(got, ": first word\n") {
		t.Errorf("of a stopped one: %q", got)
	}
	got := l.must(t, "logs", l.name("<1..2>"), "--lines", "1")
	if !strings.Contains("\n"+got, "\n"+l.name("1")+": ") || !strings.Contains("\n"+got, "\n"+l.name("2")+": ") {
		t.Errorf("of two: %q", got)
	}
	r := l.run(t, "logs", l.name("<1..2>"), l.name("cmd"), "--since", "1h")
	if r.Code != 3 || !strings.Contains(r.Stderr, l.name("cmd")+": ") || !strings.Contains(r.Stdout, l.name("2")+": ") {
		t.Errorf("--since with one that knows no times: %+v", r)
	}
	l.must(t, "start", l.name("1"))
}

func lookConsole(t *testing.T, l *local) {
	want := "one\ntwo\nred"
	until(t, "the command has spoken", func() bool { return l.must(t, "logs", l.name("cmd")) == want })
	if got := l.must(t, "logs", l.name("1"), "--console"); !strings.Contains(got, "Reached target multi-user.target") {
		t.Errorf("the console of a system: %q", got)
	}
	l.must(t, "stop", l.name("cmd"))
	if got := l.must(t, "logs", l.name("cmd")); !strings.HasPrefix(got, want) { // init.lxc has a last word of its own
		t.Errorf("of a stopped command: %q", got)
	}
	info, err := os.Stat(filepath.Join(stateDir, "containers", l.name("cmd"), "console.log"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file of the console: %v, %v", info, err)
	}
	l.must(t, "create", l.name("new"))
	if got := l.must(t, "logs", l.name("new")); got != "" {
		t.Errorf("of one that never started: %q", got)
	}
}

func lookFollow(t *testing.T, l *local) {
	file := filepath.Join(t.TempDir(), "out")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	f := l.command(t, "logs", l.name("1"), l.name("cmd"), "--follow", "--lines", "1")
	f.Stdout, f.Stderr = out, out
	if err := errors.Join(f.Start(), out.Close()); err != nil {
		t.Fatal(err)
	}
	sees := func(want string) {
		t.Helper()
		until(t, "it says "+want, func() bool { text, _ := os.ReadFile(file); return strings.Contains(string(text), want) })
	}
	sees(l.name("1") + ": ")
	l.sh(t, "1", "logger 'before the restart'")
	sees("before the restart\n")
	l.must(t, "restart", l.name("1"))
	l.sh(t, "1", "logger 'after the restart'")
	sees("after the restart\n")
	l.must(t, "start", l.name("cmd")) // goes on in the file of the last run
	sees(l.name("cmd") + ": two\n")
	if err := f.Process.Signal(unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := f.Wait(); err != nil {
		t.Errorf("interrupted it ends with %v", err)
	}
	text, err := os.ReadFile(file)
	for _, once := range []string{"before the restart", "after the restart", l.name("cmd") + ": one\n"} {
		if n := strings.Count(string(text), once); n != 1 || err != nil {
			t.Errorf("%q is told %d times (%v):\n%s", once, n, err, text)
		}
	}
}

// lookFlood writes more than is kept.
func lookFlood(t *testing.T, l *local) {
	l.sh(t, "2", `head -c 3000000 /dev/zero | tr '\0' x | fold -w 100 >/dev/console`)
	var sum int64
	until(t, "the console has arrived", func() bool {
		files, _ := filepath.Glob(filepath.Join(stateDir, "containers", l.name("2"), "console.log*"))
		sum = 0
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				sum += info.Size()
			}
		}
		return len(files) == 2
	})
	if sum > 1<<20 {
		t.Errorf("%d bytes of the console are kept", sum)
	}
	if got := l.must(t, "logs", l.name("2"), "--console", "--lines", "2"); !strings.Contains(got, strings.Repeat("x", 100)+"\n") {
		t.Errorf("the end of a flood: %q", got)
	}
	l.sh(t, "2", `base64 -w 900 /dev/urandom | head -n 40000 | systemd-cat; journalctl --sync`)
	used := l.sh(t, "2", "du -sk /var/log/journal | cut -f1")
	if len(used) > 5 || len(used) == 5 && used > "17500" {
		t.Errorf("the journal takes %s KB", used)
	}
	if got := l.must(t, "logs", l.name("2"), "--lines", "5"); strings.Count(got, "\n") < 4 {
		t.Errorf("after a flood: %q", got)
	}
}
