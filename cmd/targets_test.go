package cmd_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// emptyHost gives this namespace a /var/lib and a /run without anything.
func emptyHost(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"/var/lib", "/run"} {
		if err := unix.Mount("test", dir, "tmpfs", 0, "mode=0755"); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnpreparedHost: every verb that needs the host prepared says so.
func TestUnpreparedHost(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	emptyHost(t)
	for _, args := range [][]string{{"list"}, {"create", "web1"}, {"start", "web1"}, {"destroy", "web1", "--yes"}, {"show", "web1"}, {"wait", "web1"}} {
		if stdout, stderr, code := run(t, args...); code != 7 || stdout != "" || !strings.Contains(stderr, "sysctr host init") {
			t.Errorf("%v: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
	if _, stderr, code := run(t, "exec", "web1", "--", "true"); code != 125 || !strings.Contains(stderr, "sysctr host init") {
		t.Errorf("exec: exit code %d, %q", code, stderr)
	}
	if _, err := os.Stat("/var/lib/sysctr"); err == nil {
		t.Error("a verb that failed has made the state directory")
	}
}

// TestNoMatch: on a prepared host without containers nothing matches, and what is no target is bad usage; neither changes anything.
func TestNoMatch(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	emptyHost(t)
	if err := os.MkdirAll("/var/lib/sysctr/containers", 0o700); err != nil {
		t.Fatal(err)
	}
	if stdout, stderr, code := run(t, "list"); code != 0 || !strings.Contains(stdout+stderr, "no containers") {
		t.Errorf("list: exit code %d, %q, %q", code, stdout, stderr)
	}
	if stdout, _, code := run(t, "list", "-o", "json"); code != 0 || !strings.Contains(stdout, `"items": []`) {
		t.Errorf("list: exit code %d, %q", code, stdout)
	}
	verbs := [][]string{{"start"}, {"stop"}, {"restart"}, {"kill"}, {"freeze"}, {"thaw"}, {"wait"}, {"show"}, {"list"}, {"destroy", "--yes"}, {"destroy"}, {"targets"}}
	for _, verb := range verbs {
		for _, test := range []struct {
			target string
			code   int
		}{
			{"web1", 4}, {"web<1..3>", 4}, {"web*", 4}, {"@tag", 4}, {"profile:web", 4}, {"state:running", 4}, {"all", 4},
			{"Web1", 2}, {"web<3..1>", 2}, {"@", 2}, {"state:flying", 2}, {"", 2}, {"web<1..1000000000>", 2}, {"../etc", 2}, {"a b", 2},
		} {
			_, stderr, code := run(t, append(append([]string{}, verb...), test.target)...)
			if code != test.code || !strings.HasPrefix(stderr, "sysctr: ") {
				t.Errorf("%v %q: exit code %d, want %d: %q", verb, test.target, code, test.code, stderr)
			}
		}
	}
	if left, err := os.ReadDir("/var/lib/sysctr/containers"); err != nil || len(left) > 0 {
		t.Errorf("made were %v, %v", left, err)
	}
}

// TestDestroyFinishes: the command that destroys several containers is run again after it was interrupted. It takes the rest away, leftovers with it,
// and what is gone already is no reason not to.
func TestDestroyFinishes(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	emptyHost(t)
	const containers = "/var/lib/sysctr/containers"
	if err := os.MkdirAll(containers, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, stderr, code := run(t, "create", "web2", "web4", "--set", "network=none"); code != 0 {
		t.Fatalf("create: exit code %d: %s", code, stderr)
	}
	if err := os.MkdirAll(containers+"/.trash-web1-0123456789abcdef/delta/upper", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		summary string
		args    []string
		code    int
		left    []string
	}{
		{"a dry run takes nothing away", []string{"web1", "--dry-run"}, 4, []string{".trash-web1-0123456789abcdef", "web2", "web4"}},
		{"of a range one is there", []string{"web<1..3>", "--yes"}, 3, []string{"web4"}},
		{"none is there", []string{"web<1..3>", "--yes"}, 4, []string{"web4"}},
		{"what else is meant must be there", []string{"web4", "@tag", "--yes"}, 4, []string{"web4"}},
		{"gone and there", []string{"web4", "web1", "--yes"}, 3, nil},
	} {
		_, stderr, code := run(t, append([]string{"destroy"}, test.args...)...)
		if code != test.code || !strings.Contains(stderr, "no container") && !strings.Contains(stderr, "there is no") {
			t.Errorf("%s: exit code %d, want %d: %s", test.summary, code, test.code, stderr)
		}
		var left []string
		entries, err := os.ReadDir(containers)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		if err != nil || !slices.Equal(left, test.left) {
			t.Errorf("%s: left are %q, %v, want %q", test.summary, left, err, test.left)
		}
	}
}
