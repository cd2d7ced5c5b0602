package hooks_test

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const script = "/usr/local/lib/sysctr/pkg-hook"

func dropIns(t *testing.T) []hooks.DropIn {
	t.Helper()
	all, err := hooks.DropIns(script)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: %s", path, diff)
	}
}

func TestHookTexts(t *testing.T) {
	for _, d := range dropIns(t) {
		golden(t, d.Name, d.Text)
		if strings.Contains(d.Text, "@") {
			t.Errorf("%s: a place is left open:\n%s", d.Name, d.Text)
		}
		// After sysctr was removed without its drop-ins, no package manager may complain; dnf5 has spaces within an argument escaped.
		if guard := "[ ! -x " + script + " ] || " + script; d.Name != "needrestart" && !strings.Contains(strings.ReplaceAll(d.Text, `\ `, " "), guard) {
			t.Errorf("%s does not look whether there is a script:\n%s", d.Name, d.Text)
		}
		// Of dpkg.cfg.d dpkg reads names of letters, digits, - and _ only; apt.conf.d may have no foreign extension.
		if base := filepath.Base(d.Path); (d.Name == "apt" || d.Name == "dpkg") && strings.ContainsAny(base, ".~") {
			t.Errorf("%s does not read %s", d.Name, base)
		}
	}
	text, err := hooks.Scriptlets(script)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rpm", text)
}

func TestHookScriptPath(t *testing.T) {
	for _, bad := range []string{"", "pkg-hook", "/a b", "/a/../b", "/a/", "/a\n", `/a"b`, "/a;b", "/$a", "/a//b", "/a/%b"} {
		if _, err := hooks.DropIns(bad); !errors.Is(err, hooks.ErrScript) {
			t.Errorf("%q: %v", bad, err)
		}
		if _, err := hooks.Scriptlets(bad); !errors.Is(err, hooks.ErrScript) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// TestHookNeedrestartReadsItsOverride evaluates the drop-in as needrestart does, after a configuration such as its own, and asks it which
// services it would restart by itself.
func TestHookNeedrestartReadsItsOverride(t *testing.T) {
	perl := need.Command(t, "perl", "install the package perl")
	for _, d := range dropIns(t) {
		if d.Name != "needrestart" {
			continue
		}
		cmd := exec.Command(perl, "-we", `use strict; our %nrconf = (override_rc => {qr(^dbus) => 0});
my $snippet = do { local $/; <STDIN> };
eval $snippet; die $@ if $@;
foreach my $rc (@ARGV) {
	my $restart = 1;
	foreach my $re (keys %{$nrconf{override_rc}}) { $restart = $nrconf{override_rc}->{$re} if $rc =~ /$re/ }
	print "$rc $restart\n";
}`, "dbus.service", "sysctr@web1.service", "sysctr-refresh.service", "ssh.service", "not-sysctr.service")
		cmd.Stdin = strings.NewReader(d.Text)
		out, err := cmd.CombinedOutput()
		want := "dbus.service 0\nsysctr@web1.service 0\nsysctr-refresh.service 0\nssh.service 1\nnot-sysctr.service 1\n"
		if err != nil || string(out) != want {
			t.Errorf("%v: %s\nwant %s", err, out, want)
		}
	}
}
