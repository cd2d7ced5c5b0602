package mask_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

func TestGolden(t *testing.T) {
	for _, test := range []struct {
		summary, host string
		rules         mask.Rules
		mounts        []string
	}{
		{summary: "debian-system", host: "debian", rules: mask.Rules{System: true, Units: []string{"ssh"}}},
		{summary: "debian-command", host: "debian"},
		{summary: "debian-mounts", host: "debian", mounts: []string{"/", "/usr", "var", "var/log", "home", "opt/app", "data", "var/lib/postgresql"}},
		{summary: "split-system", host: "split", rules: mask.Rules{System: true, Units: []string{"cron.service"}}},
		{summary: "rhel-system", host: "rhel", rules: mask.Rules{System: true, Units: []string{"crond"}}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			l, err := mask.BuildFor(madeHost(t, hostText(t, test.host)), test.rules, test.mounts)
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("layout %d\n== mask\n%s== common\n%s== copies %v\n== shown %v\n", mask.Layout, l.Mask, l.Common, l.Copies, l.Shown)
			golden(t, test.summary+".golden", got)
			worldReadable(t, l.Mask)
		})
	}
}

// worldReadable checks what everything in a mask must be: readable with credentials that own nothing.
func worldReadable(t *testing.T, tree mask.Tree) {
	t.Helper()
	for _, e := range tree {
		switch e.Kind {
		case mask.Dir, mask.Opaque:
			if e.Mode&0o005 != 0o005 {
				t.Errorf("mask has a directory that others cannot list and enter: %s", lineOf(tree, e.Path))
			}
		case mask.File:
			if e.Mode&0o004 == 0 {
				t.Errorf("mask has a file that others cannot read: %s", lineOf(tree, e.Path))
			}
		default:
		}
	}
}

func TestUnitFilesOfTheHostAreNeverEnabled(t *testing.T) {
	l := mustBuild(t, madeHost(t, hostText(t, "debian")), mask.Rules{System: true})
	if !strings.HasPrefix(lineOf(l.Mask, "etc/systemd/system"), "O ") {
		t.Errorf("etc/systemd/system = %q, want it opaque", lineOf(l.Mask, "etc/systemd/system"))
	}
	for _, e := range l.Mask {
		enables := e.Kind == mask.Link && strings.Contains(e.Path, ".wants/") && e.Target != "/dev/null"
		if strings.Contains(e.Path, "postgresql.service") || enables && !strings.HasPrefix(e.Target, "/etc/systemd/system/sysctr-") {
			t.Errorf("mask enables %s", e.Path)
		}
	}
}

func TestEmptyHost(t *testing.T) {
	l := mustBuild(t, madeHost(t, ""), mask.Rules{})
	for _, p := range []string{"proc", "sys", "dev", "run", "tmp", "root"} {
		if lineOf(l.Mask, p) == "" {
			t.Errorf("mask of an empty host has no %s", p)
		}
	}
	if lineOf(l.Common, "etc/passwd") != "" {
		t.Error("common invents accounts for a host that has none")
	}
}

func TestUnreadableRoot(t *testing.T) {
	if _, err := mask.Build(madeHost(t, "d 750 0:0 ."), mask.Rules{}); err == nil || !strings.Contains(err.Error(), "chmod 755 /") {
		t.Errorf("Build = %v, want an error with the remedy", err)
	}
}

// A directory that others cannot enter shows nothing by itself; the mask, which must be world-readable, has nothing there.
func TestUnreadableParent(t *testing.T) {
	root := madeHost(t, "d 700 0:0 etc/ssh\nf 600 0:0 etc/ssh/ssh_host_rsa_key \"k\"\nd 750 0:0 var/spool\nd 755 0:0 var/spool/postfix")
	l := mustBuild(t, root, mask.Rules{})
	for _, p := range []string{"etc/ssh", "etc/ssh/ssh_host_rsa_key", "var/spool", "var/spool/postfix"} {
		if line := lineOf(l.Mask, p); line != "" {
			t.Errorf("mask has %q", line)
		}
	}
	worldReadable(t, l.Mask)
}
