package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestRecipe makes the cached root if it is not there and looks at it; make test-hosts runs it.
func TestRecipe(t *testing.T) {
	t.Parallel()
	root := e2e.Cached(t, "host")
	for _, path := range []string{"/usr/lib/systemd/systemd", "/usr/sbin/init.lxc", "/usr/bin/lxc-start", "/usr/bin/newuidmap", "/usr/bin/sudo", "/usr/bin/python3"} {
		if _, err := os.Stat(root + path); err != nil {
			t.Errorf("cached root: %v", err)
		}
	}
	release, err := os.ReadFile(root + "/etc/os-release")
	if err != nil || !strings.Contains(string(release), "VERSION_CODENAME=bookworm\n") {
		t.Errorf("cached root is no Debian 12: %v: %s", err, release)
	}
	for _, path := range []string{"/usr/bin/make", "/usr/bin/gcc", "/usr/include/lxc/lxccontainer.h"} {
		if _, err := os.Stat(e2e.Cached(t, "builder") + path); err != nil {
			t.Errorf("cached root of a builder: %v", err)
		}
	}
	if again := e2e.Cached(t, "host"); again != root {
		t.Errorf("the same recipe gives %s and then %s", root, again)
	}
}

func TestFindGo(t *testing.T) {
	t.Parallel()
	const (
		good    = "echo go1.26.1"
		old     = "echo go1.19.8"
		fetches = `if [ "$GOTOOLCHAIN" = local ]; then exit 1; fi; echo go1.24.0`
	)
	for _, test := range []struct {
		summary string
		tree    map[string]string // programs by path, below PATH's folder /path or the root
		want    string            // which is found
	}{
		{summary: "none"},
		{summary: "in PATH", tree: map[string]string{"/path/go": good, "/usr/local/go/bin/go": good}, want: "/path/go"},
		{summary: "too old in PATH", tree: map[string]string{"/path/go": old, "/usr/local/go/bin/go": good}, want: "/usr/local/go/bin/go"},
		{summary: "broken in PATH", tree: map[string]string{"/path/go": "exit 2", "/usr/lib/go-1.24/bin/go": good}, want: "/usr/lib/go-1.24/bin/go"},
		{summary: "the newest only", tree: map[string]string{"/usr/lib/go-1.19/bin/go": old, "/usr/lib/go-1.24/bin/go": good}, want: "/usr/lib/go-1.24/bin/go"},
		{summary: "below home", tree: map[string]string{"HOME/sdk/go1.26.1/bin/go": good}, want: "HOME/sdk/go1.26.1/bin/go"},
		{summary: "snap", tree: map[string]string{"/snap/bin/go": good}, want: "/snap/bin/go"},
		{summary: "one that fetches a newer", tree: map[string]string{"/path/go": fetches}, want: "/path/go"},
		{summary: "a newer rather than one that fetches", tree: map[string]string{"/path/go": fetches, "/snap/bin/go": good}, want: "/snap/bin/go"},
		{summary: "too old alone", tree: map[string]string{"/path/go": old}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			root := t.TempDir()
			home := root + home(t)
			for name, script := range test.tree {
				path := filepath.Join(root, name)
				if rest, ok := strings.CutPrefix(name, "HOME"); ok {
					path = home + rest
				}
				writeProgram(t, path, script)
			}
			cmd := exec.Command("bash", "find-go.sh", root)
			cmd.Env = []string{"PATH=" + root + "/path:/usr/bin:/bin", "SUDO_USER=root"}
			out, err := cmd.Output()
			want := ""
			if test.want != "" {
				want = strings.Replace(root+test.want, root+"HOME", home, 1) + "\n"
			}
			if string(out) != want || (err == nil) != (want != "") {
				t.Fatalf("find-go.sh prints %q (%v), want %q", out, err, want)
			}
			var exit *exec.ExitError
			if errors.As(err, &exit) && (strings.Count(string(exit.Stderr), "\n") != 1 || !strings.Contains(string(exit.Stderr), "go.dev/dl")) {
				t.Errorf("without a Go it says %q, want one sentence with the remedy", exit.Stderr)
			}
		})
	}
}

// home returns root's home as the user database has it.
func home(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("getent", "passwd", "root").Output()
	fields := strings.Split(string(out), ":")
	if err != nil || len(fields) < 7 {
		t.Fatalf("look up root: %v: %s", err, out)
	}
	return fields[5]
}

func writeProgram(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()
	need.Command(t, "dpkg-query", "it is part of Debian and Ubuntu")
	for _, test := range []struct {
		summary  string
		packages []string
		said     string // what apt-get was called for, at last
	}{
		{summary: "all there", packages: []string{"dpkg", "bash"}},
		{summary: "one of two there", packages: []string{"no-such|bash", "bash|no-such"}},
		{summary: "the first that is offered", packages: []string{"none-a|none-b|none-c", "bash"}, said: "none-b"},
		{summary: "none is offered", packages: []string{"none-a|none-c"}, said: "none-c"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			need.Root(t) // packages.sh asks others to use sudo
			dir := t.TempDir()
			writeProgram(t, dir+"/apt-get", `echo "$@" >>`+dir+`/called; cat`)
			writeProgram(t, dir+"/apt-cache", `[ "$3" = none-b ]`)
			cmd := exec.Command("bash", append([]string{"packages.sh"}, test.packages...)...)
			cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("packages.sh: %v: %s", err, out)
			}
			called, err := os.ReadFile(dir + "/called")
			if test.said == "" {
				if !os.IsNotExist(err) {
					t.Errorf("apt-get was called: %s (%v)", called, err)
				}
				return
			}
			if fields := strings.Fields(string(called)); len(fields) == 0 || fields[len(fields)-1] != test.said {
				t.Errorf("apt-get was called with %q, want %s at the end", called, test.said)
			}
		})
	}
}
