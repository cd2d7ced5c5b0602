package cmd_test

import (
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks"
	"github.com/sysctr/sysctr/overlay/mask"
)

// TestHookDropInsAreMasked: no container has the host's drop-ins, and no profile can give them to it.
func TestHookDropInsAreMasked(t *testing.T) {
	all, err := hooks.DropIns("/usr/local/lib/sysctr/pkg-hook")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if _, masked := mask.Mandatory(d.Path); !masked && strings.HasPrefix(d.Path, "/etc/") {
			t.Errorf("%s would be seen in containers", d.Path)
		}
	}
}

func TestHookBadUsage(t *testing.T) {
	for _, args := range [][]string{
		{"hook", "poke"}, {"hook", "poke", "--source", ""}, {"hook", "poke", "--source", "a b"}, {"hook", "poke", "--source", "a\nb"},
		{"hook", "poke", "--source", "../x"}, {"hook", "poke", "--source", strings.Repeat("a", 33)}, {"hook", "install", "apt"}, {"hook", "fly"},
		{"patch", "refresh", "--settle", "-1s"}, {"patch", "refresh", "--settle", "soon"}, {"patch", "refresh", "web1"},
	} {
		if stdout, stderr, code := run(t, args...); code != 2 || stdout != "" || stderr == "" {
			t.Errorf("%q: exit code %d, %q, %q", args, code, stdout, stderr)
		}
	}
}

// TestHookWithoutItsScript: no drop-in is written that would name what is not there.
func TestHookWithoutItsScript(t *testing.T) {
	stdout, _, code := run(t, "hook", "install", "--dry-run", "-o", "json")
	if code != 7 || !strings.Contains(stdout, "make install") || !strings.Contains(stdout, `"host_unable"`) {
		t.Errorf("exit code %d: %s", code, stdout)
	}
	stdout, _, code = run(t, "hook", "status", "-o", "json")
	if code != 7 || !strings.Contains(stdout, `"HookList"`) || !strings.Contains(stdout, `"absent"`) {
		t.Errorf("exit code %d: %s", code, stdout)
	}
}
