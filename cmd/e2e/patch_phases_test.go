package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestPatchPhases lets one host go through what package managers and operators do to it, one after the other.
func TestPatchPhases(t *testing.T) {
	t.Parallel()
	h := patchHost{newUnitHost(t, e2e.Options{})}
	dir := t.TempDir()
	h.install(t, demo{version: "1", bytes: "1", dir: dir})
	h.Write(t, "/etc/sysctr/profiles/idle.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\n", 0o644)
	h.Must(t, "sysctr", "create", "--start", "--profile", "idle", "seen", "blind")
	h.Must(t, "sysctr", "create", "--start", "system")
	// each leaves all containers patched, and "seen" has looked at the data
	for _, phase := range []struct {
		name string
		run  func(*testing.T, patchHost, string)
	}{
		{"started while dpkg works", startedDuring},
		{"the same version with other bytes", func(t *testing.T, h patchHost, dir string) {
			h.patched(t, dir, demo{version: "2", bytes: "2b"}, "2 -> 2")
		}},
		{"a downgrade", func(t *testing.T, h patchHost, dir string) {
			h.patched(t, dir, demo{version: "1", bytes: "1"}, "2 -> 1")
		}},
		{"two upgrades in a row", func(t *testing.T, h patchHost, dir string) {
			h.install(t, demo{version: "2", bytes: "2", dir: dir})
			h.patched(t, dir, demo{version: "3", bytes: "3"}, "1 -> 3")
		}},
		{"the operator's own edit", operatorEdit},
		{"an old liblxc in the monitors", oldMonitor},
		{"a stale copy in the seed", staleSeed},
		{"a filesystem of its own", ownFilesystem},
		{"a removed package", func(t *testing.T, h patchHost, _ string) {
			h.Must(t, "dpkg", "--purge", "demo")
			h.expect(t, map[string]string{"seen": "stale lingers:" + demoData, "blind": "unaffected", "system": "unaffected"})
		}},
	} {
		h.inside(t, "seen", "test ! -e "+demoData+" || cat "+demoData)
		t.Run(phase.name, func(t *testing.T) { phase.run(t, h, dir) })
		h.Must(t, "sysctr", "restart", "all")
		for name, s := range h.judged(t) {
			if s.Verdict != "patched" {
				t.Fatalf("%s: after a restart %s is %s: %+v", phase.name, name, s.Verdict, s.Reasons)
			}
		}
	}
}

// expect holds the verdicts, each with the kind of a reason where it is a bad one, against what is said; and what is good against the bytes inside,
// which makes the container one that has looked at them.
func (h patchHost) expect(t *testing.T, want map[string]string) map[string]status {
	t.Helper()
	found := h.judged(t)
	for name, w := range want {
		verdict, kind, _ := strings.Cut(w, " ")
		s := found[name]
		if s.Verdict != verdict || kind != "" && !s.has(kind) {
			t.Errorf("%s is %s, want %s: %+v", name, s.Verdict, w, s.Reasons)
		}
		h.truth(t, s, demo{}.paths())
	}
	return found
}

// patched installs another demo and wants "seen" to be stale by it, with both versions named, and nobody else.
func (h patchHost) patched(t *testing.T, dir string, d demo, versions string) {
	t.Helper()
	d.dir = dir
	h.install(t, d)
	found := h.expect(t, map[string]string{"seen": "stale answers:" + demoData, "blind": "unaffected", "system": "unaffected"})
	old, now, _ := strings.Cut(versions, " -> ")
	for _, r := range found["seen"].Reasons {
		if r.Package != "demo" || r.Old != old || r.New != now {
			t.Errorf("the reason %+v, want demo %s", r, versions)
		}
	}
}

// startedDuring starts a container while a maintainer script runs, which is when files and database are of two versions.
func startedDuring(t *testing.T, h patchHost, dir string) {
	h.Must(t, "mkfifo", "/run/reached", "/run/goon")
	h.Copy(t, demo{version: "2", bytes: "2", dir: dir, script: "#!/bin/sh\necho here >/run/reached\nread x </run/goon\n"}.build(t), "/root/demo.deb")
	h.Must(t, "systemd-run", "--unit=story-dpkg", "dpkg", "--force-confnew", "-i", "/root/demo.deb")
	h.Must(t, "cat", "/run/reached")
	h.Must(t, "sysctr", "create", "--start", "--profile", "idle", "during")
	during := h.judged(t)["during"]
	h.Sh(t, "echo >/run/goon; while systemctl -q is-active story-dpkg; do sleep 0.1; done")
	if during.Verdict != "stale" || !during.has("mixed") {
		t.Errorf("while dpkg works it is %+v", during)
	}
	h.expect(t, map[string]string{"during": "stale mixed:", "seen": "stale answers:" + demoData, "blind": "unaffected"})
	h.Must(t, "sysctr", "restart", "during")
	h.expect(t, map[string]string{"during": "patched"})
	h.Must(t, "sysctr", "destroy", "during", "--yes", "--force")
}

// operatorEdit changes what no package manager knows of.
func operatorEdit(t *testing.T, h patchHost, _ string) {
	h.Sh(t, "echo one >/etc/story.conf; mkdir -p /usr/local/lib/story; echo one >/usr/local/lib/story/file")
	h.Must(t, "sysctr", "restart", "all")
	h.inside(t, "seen", "cat /etc/story.conf")
	h.inside(t, "blind", "cat /usr/local/lib/story/file")
	h.Sh(t, "cd /etc; echo two >n; mv n story.conf; cd /usr/local/lib/story; echo two >n; mv n file; useradd story")
	h.expect(t, map[string]string{"seen": "stale answers:/etc/story.conf", "blind": "stale answers:/usr/local/lib/story/file"})
	// Written again with the same bytes it is the same file to whoever reads it.
	h.Sh(t, "userdel story")
	h.Must(t, "sysctr", "restart", "all")
	h.inside(t, "seen", "cat /etc/story.conf")
	h.Sh(t, "cd /etc; cp -p story.conf n; mv n story.conf; ldconfig; cp -p ld.so.cache n; mv n ld.so.cache")
	h.expect(t, map[string]string{"seen": "unaffected", "blind": "unaffected", "system": "unaffected"})
}

func oldMonitor(t *testing.T, h patchHost, _ string) {
	lib := h.Sh(t, "readlink -f /usr/lib/*/liblxc.so.1")
	h.Sh(t, "cp -p "+lib+" "+lib+".n; echo >>"+lib+".n; mv "+lib+".n "+lib)
	h.expect(t, map[string]string{"blind": "stale monitor:" + lib, "system": "stale monitor:" + lib})
}

// staleSeed replaces a program that only a group may run, of which containers have a copy in a generated layer.
func staleSeed(t *testing.T, h patchHost, _ string) {
	const program = "/usr/lib/dbus-1.0/dbus-daemon-launch-helper"
	h.Sh(t, "cp -p "+program+" /root/n; echo >>/root/n; chown --reference="+program+" /root/n; chmod --reference="+program+" /root/n; mv /root/n "+program)
	for name, s := range h.judged(t) {
		if s.Verdict != "shadowed" || s.Action != "restart" || !s.has(":"+program) {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// ownFilesystem patches a file on a filesystem of its own below /opt.
func ownFilesystem(t *testing.T, h patchHost, _ string) {
	device := h.disk(t, "16M")
	h.Sh(t, "mkdir -p /opt/story; mount "+device+" /opt/story; echo 1 >/opt/story/data; chmod 755 /opt/story")
	h.Must(t, "sysctr", "restart", "all")
	h.inside(t, "seen", "cat /opt/story/data")
	h.inside(t, "system", "chmod 600 /opt/story/data")
	h.Sh(t, "cd /opt/story; echo 2 >n; mv n data")
	h.expect(t, map[string]string{"seen": "stale answers:/opt/story/data", "blind": "unaffected", "system": "shadowed :/opt/story/data"})
	h.Must(t, "sysctr", "stop", "all")
	h.Must(t, "umount", "/opt/story")
	h.Must(t, "rmdir", "/opt/story")
	h.Must(t, "sysctr", "start", "all")
	h.Must(t, "sysctr", "delta", "diff", "system")
}

// disk makes a device with an ext4 of a size and returns its path in the host.
func (h patchHost) disk(t *testing.T, size string) string {
	t.Helper()
	need.Command(t, "losetup", "install the package mount")
	image := filepath.Join(h.Root(), "root/disk.img")
	h.Must(t, "truncate", "-s", size, "/root/disk.img")
	h.Must(t, "mkfs.ext4", "-q", "/root/disk.img")
	out, err := exec.CommandContext(t.Context(), "losetup", "-f", "--show", image).Output()
	device := strings.TrimSpace(string(out))
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	t.Cleanup(func() { _ = exec.Command("losetup", "-d", device).Run() })
	number, err := strconv.Atoi(strings.TrimPrefix(device, "/dev/loop"))
	if err != nil {
		t.Fatalf("losetup says %q", device)
	}
	h.Must(t, "mknod", "/dev/story", "b", "7", strconv.Itoa(number))
	return "/dev/story"
}
