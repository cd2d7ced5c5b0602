package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

const profiles = "/etc/sysctr/profiles/"

// TestLocalBadInput holds that bad input is told in one clear line with the designed exit code, and changes nothing on disk.
func TestLocalBadInput(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	l.must(t, "create", l.name("there"))
	badProfiles(t)
	before := listing(t, stateDir)
	for _, test := range []struct {
		summary string
		args    []string
		code    int
		says    string
	}{
		{"upper case", []string{"create", "Web1"}, 2, "Web1"},
		{"digit first", []string{"create", "1web"}, 2, "1web"},
		{"a path", []string{"create", "../web"}, 2, "../web"},
		{"a dot first", []string{"create", ".new-web"}, 2, ".new-web"},
		{"empty", []string{"create", ""}, 2, ""},
		{"a newline", []string{"create", "web\nlxc.idmap"}, 2, `\n`},
		{"too long", []string{"create", strings.Repeat("w", 64)}, 2, "63"},
		{"reserved", []string{"create", "all"}, 2, "all"},
		{"reserved too", []string{"create", "host"}, 2, "host"},
		{"a glob in create", []string{"create", "web*"}, 2, "web*"},
		{"a range of a billion", []string{"create", "web<1..1000000000>"}, 2, "10000"},
		{"two big ranges", []string{"create", "web<1..9000>", "api<1..9000>"}, 2, "18000 names"},
		{"a range backwards", []string{"create", "web<9..1>"}, 2, "web<9..1>"},
		{"an open range", []string{"create", "web<1.."}, 2, "web<1.."},
		{"a bad name among good ones", []string{"create", l.name("good"), "BAD"}, 2, "BAD"},
		{"no target", []string{"start"}, 2, "no target"},
		{"no match", []string{"start", "nothing"}, 4, "nothing"},
		{"no match of a glob", []string{"stop", "nothing*"}, 4, "nothing*"},
		{"no match of a tag", []string{"stop", "@nothing"}, 4, "@nothing"},
		{"part of a range is missing", []string{"start", l.name("there"), "nothing<1..3>"}, 4, "nothing"},
		{"a range of a billion to start", []string{"start", "web<1..1000000000>"}, 2, "10000"},
		{"exec without match", []string{"exec", "nothing", "--", "true"}, 125, "nothing"},
		{"exec without command", []string{"exec", l.name("there")}, 125, "--"},
		{"unknown profile", []string{"create", "web1", "--profile", "nope"}, 2, "nope"},
		{"profile by path", []string{"create", "web1", "--profile", "../../etc/passwd"}, 2, "passwd"},
		{"garbage as profile", []string{"create", "web1", "--profile", "garbage"}, 2, "garbage.yaml"},
		{"an unknown key", []string{"create", "web1", "--profile", "typo"}, 2, "typo.yaml:2"},
		{"a directory as profile", []string{"create", "web1", "--profile", "directory"}, 2, "directory"},
		{"a FIFO as profile", []string{"create", "web1", "--profile", "fifo"}, 2, "fifo"},
		{"a device as profile", []string{"create", "web1", "--profile", "zero"}, 2, "zero"},
		{"10 MB as profile", []string{"create", "web1", "--profile", "big"}, 2, "big"},
		{"validate 10 MB", []string{"profile", "validate", profiles + "big.yaml"}, 2, "big"},
		{"validate a FIFO", []string{"profile", "validate", profiles + "fifo.yaml"}, 2, "fifo"},
		{"a bad value", []string{"create", "web1", "--set", "limits.memory=lots"}, 2, "memory"},
		{"an unknown field", []string{"create", "web1", "--set", "limits.memry=1G"}, 2, "memory"},
		{"unknown verb", []string{"craete", "web1"}, 2, "craete"},
		{"unknown noun's verb", []string{"profile", "frobnicate"}, 2, "frobnicate"},
		{"unknown flag", []string{"create", "--strat", "web1"}, 2, "strat"},
		{"a flag without its value", []string{"create", "web1", "--profile"}, 2, "profile"},
		{"an unknown format", []string{"list", "-o", "xml"}, 2, "xml"},
		{"a duration that is none", []string{"stop", l.name("there"), "--timeout", "soon"}, 2, "timeout"},
		{"a hidden verb by hand", []string{"_attach", "{"}, 125, "request"},
		{"a starter by hand", []string{"_starter"}, 1, "namespace"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			r := l.run(t, test.args...)
			if r.Code != test.code || !strings.Contains(r.Stderr, test.says) {
				t.Errorf("exit status %d, want %d and a word of %q; stderr:\n%s", r.Code, test.code, test.says, r.Stderr)
			}
			if lines := strings.Count(strings.TrimSpace(r.Stderr), "\n") + 1; lines > 2 || len(r.Stderr) > 1000 || r.Stderr == "" || r.Stdout != "" {
				t.Errorf("%d lines of %d bytes; stdout %q, stderr:\n%s", lines, len(r.Stderr), r.Stdout, r.Stderr)
			}
			if diff := cmp.Diff(before, listing(t, stateDir)); diff != "" {
				t.Errorf("on disk (-before +after):\n%s", diff)
			}
		})
	}
}

// badProfiles plants profiles that are none.
func badProfiles(t *testing.T) {
	t.Helper()
	write(t, profiles+"garbage.yaml", "\x00\xff\xfe{{{[[[\n- : :", 0o644)
	write(t, profiles+"typo.yaml", "description: x\nlimts: {memory: 1G}\n", 0o644)
	write(t, profiles+"big.yaml", string(bytes.Repeat([]byte("# filler\n"), 10<<20/9)), 0o644)
	if err := os.MkdirAll(filepath.Join(profiles, "directory.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(profiles+"fifo.yaml", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/zero", profiles+"zero.yaml"); err != nil {
		t.Fatal(err)
	}
}

// TestLocalCreateAgain holds what create does about names that are taken.
func TestLocalCreateAgain(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	web := func(expr string) string { return l.name("web" + expr) }
	l.must(t, "create", web("2"), "--set", "limits.pids=100")
	before := listing(t, stateDir)
	for _, test := range []struct {
		summary string
		args    []string
		code    int
		says    string
	}{
		{"the same spec", []string{"create", web("2"), "--set", "limits.pids=100"}, 0, ""},
		{"another spec", []string{"create", web("2"), "--set", "limits.pids=101"}, 5, "limits.pids"},
		{"another profile", []string{"create", web("2"), "--profile", "command", "--set", "command=/bin/sleep,9"}, 5, ""},
		{"a range with one clash", []string{"create", web("<1..3>")}, 5, web("2")},
		{"a range with one clash, to start", []string{"create", web("<1..3>"), "--start"}, 5, "nothing is made"},
		{"a range with one clash, tried", []string{"create", web("<1..3>"), "--dry-run"}, 5, "nothing is made"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			r := l.run(t, test.args...)
			if r.Code != test.code || !strings.Contains(r.Stdout+r.Stderr, test.says) {
				t.Errorf("exit status %d, want %d and a word of %q\n%s%s", r.Code, test.code, test.says, r.Stdout, r.Stderr)
			}
			if diff := cmp.Diff(before, listing(t, stateDir)); diff != "" {
				t.Errorf("on disk (-before +after):\n%s", diff)
			}
		})
	}
	l.must(t, "create", web("<1..3>"), "--missing")
	if got := len(l.list(t)); got != 3 {
		t.Errorf("--missing leads to %d containers, want 3", got)
	}
	if got := l.must(t, "show", web("2"), "-o", "json"); !strings.Contains(got, `"pids": 100`) && !strings.Contains(got, `"pids":100`) {
		t.Errorf("--missing changed what was there: %s", got)
	}
}
