package shadow_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/shadow"
)

// versions are ordered as deb-version(7) says, each older than the next; those of one line are equal.
func versions() [][]string {
	return [][]string{
		{"0~~"}, {"0~~a"}, {"0~"}, {"0", "0-0", "00", "0:0"}, {"0-1"}, {"0+"}, {"0.~"}, {"0."}, {"0.1"},
		{"1~rc1-1"}, {"1"}, {"1-1"}, {"1-1+b1"}, {"1-1.1"}, {"1a"}, {"1b"}, {"1+dfsg"},
		{"3.0.9-1"}, {"3.0.11-1~deb12u1"}, {"3.0.11-1~deb12u2", "3.0.011-1~deb12u02"}, {"3.0.11-1"}, {"3.0.20"},
		{"99999999999999999999999"}, {"100000000000000000000000"}, {"1:0"}, {"2:0~"}, {"10:0"},
	}
}

func TestCompareVersions(t *testing.T) {
	var flat []string
	var rank []int
	for i, equal := range versions() {
		for _, v := range equal {
			flat, rank = append(flat, v), append(rank, i)
		}
	}
	for i, a := range flat {
		for j, b := range flat {
			if got, want := sign(shadow.CompareVersions(a, b)), sign(rank[i]-rank[j]); got != want {
				t.Errorf("CompareVersions(%q, %q) = %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(1, max(-1, n)) }

// FuzzCompareVersions holds the order against dpkg's own, and against what any order must be.
func FuzzCompareVersions(f *testing.F) {
	dpkg := need.Command(f, "dpkg", "install the package dpkg")
	for i, equal := range versions() {
		f.Add(equal[0], versions()[(i*7+3)%len(versions())][0])
	}
	valid := regexp.MustCompile(`^([0-9]{1,6}:)?[0-9][0-9A-Za-z.+~-]{0,60}$`)
	revision := regexp.MustCompile(`-$`)
	f.Fuzz(func(t *testing.T, a, b string) {
		got := sign(shadow.CompareVersions(a, b))
		if back := sign(shadow.CompareVersions(b, a)); back != -got {
			t.Fatalf("%q is %d to %q, and that is %d to it", a, got, b, back)
		}
		if shadow.CompareVersions(a, a) != 0 {
			t.Fatalf("%q is not equal to itself", a)
		}
		for _, v := range []string{a, b} {
			if !valid.MatchString(v) || revision.MatchString(v) {
				return
			}
		}
		for want, operator := range map[int]string{-1: "lt", 0: "eq", 1: "gt"} {
			holds := exec.Command(dpkg, "--compare-versions", a, operator, b).Run() == nil
			if holds != (got == want) {
				t.Fatalf("dpkg: %s %s %s is %v; CompareVersions says %d", a, operator, b, holds, got)
			}
		}
	})
}

func FuzzVersions(f *testing.F) {
	f.Add("Package: a\nArchitecture: amd64\nStatus: install ok installed\nVersion: 1\n\nPackage: b\nVersion: 2\nStatus: deinstall ok config-files\n")
	f.Add("\n\n\n:\nPackage:\nPackage: x\nVersion: \x00")
	f.Fuzz(func(t *testing.T, status string) {
		for pack, version := range shadow.Versions(status) {
			if pack == ":" || version == "" {
				t.Fatalf("%q has %q", pack, version)
			}
			own := fmt.Sprintf("%s\n\nPackage: one-more\nArchitecture: all\nVersion: 1\n", status)
			if shadow.Versions(own)["one-more:all"] != "1" {
				t.Fatalf("a stanza behind %q is lost", status)
			}
		}
	})
}
