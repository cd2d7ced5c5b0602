package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

func TestHostBoots(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		summary string
		options e2e.Options
		cgroup  string // type of the filesystem at /sys/fs/cgroup; the machine's own if empty
	}{
		{summary: "own layout"},
		{summary: "pure cgroup v2", options: e2e.Options{CgroupV2: true}, cgroup: "cgroup2fs"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			t.Parallel()
			h := e2e.Boot(t, test.options)
			if state := h.Run(t, "systemctl", "is-system-running"); state.Stdout != "running\n" {
				t.Errorf("systemd says %q; failed units: %s", state.Stdout, h.Must(t, "systemctl", "--failed", "--plain", "--no-legend"))
			}
			if got := h.Must(t, "cat", "/proc/1/comm"); got != "systemd" {
				t.Errorf("PID 1 is %q", got)
			}
			if got := h.Must(t, "hostname"); got != h.Name() {
				t.Errorf("hostname is %q, want %q", got, h.Name())
			}
			if got := h.Must(t, "stat", "-f", "-c", "%T", "/sys/fs/cgroup"); test.cgroup != "" && got != test.cgroup {
				t.Errorf("cgroup layout is %q, want %q", got, test.cgroup)
			}
			if got := h.Must(t, "stat", "-f", "-c", "%T", "/"); strings.Contains(got, "overlay") {
				t.Errorf("the root is on %q: sysctr refuses such hosts", got)
			}
			if got := h.Must(t, "ls", "/sys/class/net"); got != "lo" {
				t.Errorf("network devices %q, want lo alone", got)
			}
		})
	}
}

func TestHostRunsCommands(t *testing.T) {
	t.Parallel()
	h := e2e.Boot(t, e2e.Options{})
	for _, test := range []struct {
		summary string
		argv    []string
		input   string
		want    e2e.Result
	}{
		{summary: "outputs apart", argv: []string{"sh", "-c", "echo out; echo err >&2"}, want: e2e.Result{Stdout: "out\n", Stderr: "err\n"}},
		{summary: "exit status", argv: []string{"sh", "-c", "exit 7"}, want: e2e.Result{Code: 7}},
		{summary: "killed by a signal", argv: []string{"sh", "-c", "kill -9 $$"}, want: e2e.Result{Code: 137}},
		{summary: "input", argv: []string{"cat"}, input: "line\n", want: e2e.Result{Stdout: "line\n"}},
		{summary: "no input", argv: []string{"cat"}},
		{summary: "words stay words", argv: []string{"printf", "%s|", "a b", "", "$HOME"}, want: e2e.Result{Stdout: "a b||$HOME|"}},
		{summary: "environment", argv: []string{"sh", "-c", `echo "$PATH $HOME $USER"; pwd`}, want: e2e.Result{
			Stdout: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root \n/\n",
		}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			if diff := cmp.Diff(test.want, h.RunInput(t, test.input, test.argv...)); diff != "" {
				t.Errorf("%q (-want +got):\n%s", test.argv, diff)
			}
		})
	}
}

func TestHostFiles(t *testing.T) {
	t.Parallel()
	h := e2e.Boot(t, e2e.Options{})
	h.Write(t, "/srv/a/secret", "one\n", 0o600)
	h.Write(t, "/srv/a/secret", "two\n", 0o640)
	if got := h.Must(t, "stat", "-c", "%a %u", "/srv/a/secret"); got != "640 0" {
		t.Errorf("written file is %q, want 640 0", got)
	}
	src := filepath.Join(t.TempDir(), "tool")
	if err := os.WriteFile(src, []byte("#!/bin/sh\ncat /srv/a/secret\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	h.Copy(t, src, "/usr/local/bin/")
	if got := h.Sh(t, "tool; tool"); got != "two\ntwo" {
		t.Errorf("copied program says %q", got)
	}
}

func TestHostReboots(t *testing.T) {
	t.Parallel()
	h := e2e.Boot(t, e2e.Options{})
	for _, test := range []struct {
		summary string
		again   func(testing.TB)
	}{
		{summary: "in order", again: h.Reboot},
		{summary: "at once after an orderly one", again: h.Reboot},
		{summary: "crash", again: h.Crash},
	} {
		t.Run(test.summary, func(t *testing.T) {
			h.Sh(t, "touch /run/volatile; echo "+strings.ReplaceAll(test.summary, " ", "-")+" >/var/kept; systemd-run -q sleep 1000")
			before := h.Must(t, "cat", "/proc/sys/kernel/random/boot_id")
			test.again(t)
			if after := h.Must(t, "cat", "/proc/sys/kernel/random/boot_id"); after == before {
				t.Error("the boot id is the same")
			}
			if r := h.Run(t, "ls", "/run/volatile"); r.Code == 0 {
				t.Error("/run outlived it")
			}
			if got := h.Must(t, "cat", "/var/kept"); got != strings.ReplaceAll(test.summary, " ", "-") {
				t.Errorf("/var holds %q", got)
			}
			if r := h.Run(t, "pgrep", "-x", "sleep"); r.Code != 1 {
				t.Errorf("a process outlived it: %+v", r)
			}
		})
	}
}

func TestHostLeavesNothing(t *testing.T) {
	t.Parallel()
	var root, name string
	t.Run("a host with a process that will not stop", func(t *testing.T) {
		h := e2e.Boot(t, e2e.Options{})
		root, name = h.Root(), h.Name()
		h.Sh(t, `systemd-run -q sh -c 'trap "" TERM HUP; while :; do sleep 1000; done'; mount -t tmpfs none /mnt`)
	})
	if _, err := os.Stat(filepath.Dir(root)); !os.IsNotExist(err) {
		t.Errorf("its files are left: %v", err)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/*/" + name + "*")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("/sys/fs/cgroup/" + name + "*")
	if err != nil {
		t.Fatal(err)
	}
	if left = append(left, own...); len(left) > 0 {
		t.Errorf("cgroups are left: %q", left)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), name) {
		t.Errorf("mounts are left: %s", mounts)
	}
}
