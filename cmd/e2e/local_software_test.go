package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalSoftware uses a default container as the machine that it says it is.
func TestLocalSoftware(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Command(t, "dpkg-deb", "it is part of Debian and Ubuntu")
	need.Command(t, "sudo", "install the package sudo")
	l := newLocal(t)
	l.must(t, "create", l.name("pet"), "--start")
	t.Run("dpkg", func(t *testing.T) {
		l.push(t, "pet", deb(t, "sysctr-story-one"), "/root/one.deb")
		l.sh(t, "pet", "dpkg -i /root/one.deb")
		localHas(t, l, "sysctr-story-one")
		l.sh(t, "pet", "dpkg --purge sysctr-story-one; ! command -v sysctr-story-one; dpkg --audit")
	})
	t.Run("apt-get of a local file", func(t *testing.T) {
		l.push(t, "pet", deb(t, "sysctr-story-two"), "/tmp/two.deb")
		l.sh(t, "pet", "DEBIAN_FRONTEND=noninteractive apt-get install -y /tmp/two.deb")
		localHas(t, l, "sysctr-story-two")
	})
	t.Run("useradd and su", func(t *testing.T) {
		l.sh(t, "pet", "useradd -m -s /bin/bash joe; echo joe:secret | chpasswd")
		if got := l.sh(t, "pet", "su - joe -c 'id -un; pwd; touch mine; stat -c %U mine'"); got != "joe\n/home/joe\njoe" {
			t.Errorf("su - joe says %q", got)
		}
		if got := l.sh(t, "pet", "su -s /bin/sh nobody -c 'cat /etc/shadow' 2>&1 || true"); !strings.Contains(got, "Permission denied") {
			t.Errorf("nobody reads /etc/shadow: %q", got)
		}
	})
	t.Run("sudo", func(t *testing.T) {
		l.sh(t, "pet", "id joe || useradd -m joe; usermod -aG sudo joe; echo joe:secret | chpasswd; echo 'joe ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/joe; chmod 440 /etc/sudoers.d/joe; visudo -c")
		if got := l.sh(t, "pet", "su - joe -c 'sudo -n id -u'"); got != "0" {
			t.Errorf("sudo id -u says %q", got)
		}
		if r := l.try(t, "pet", "rm /etc/sudoers.d/joe; su - joe -c 'sudo -n id -u'"); r.Code == 0 {
			t.Errorf("sudo without a password: %+v", r)
		}
		if got := l.sh(t, "pet", "su - joe -c 'echo secret | sudo -S id -u 2>/dev/null'"); got != "0" {
			t.Errorf("sudo with a password says %q", got)
		}
	})
	t.Run("logind", func(t *testing.T) { localLogin(t, l) })
	t.Run("systemctl enable", func(t *testing.T) { localEnable(t, l) })
	t.Run("reboot", func(t *testing.T) { localReboot(t, l) })
	t.Run("poweroff", func(t *testing.T) { localPoweroff(t, l) })
}

// localLogin finds logind when somebody logs in, and not before; and the services of a user that asked for them after a start, without a login.
func localLogin(t *testing.T, l *local) {
	l.must(t, "restart", l.name("pet"))
	if got := l.sh(t, "pet", "systemctl is-active systemd-logind || true; systemctl is-system-running"); got != "inactive\nrunning" {
		t.Errorf("before any login logind and the system are %q", got)
	}
	l.sh(t, "pet", "id ann || useradd -m ann")
	if got := l.sh(t, "pet", "su - ann -c 'loginctl --no-legend list-sessions'"); !strings.Contains(got, " ann") {
		t.Errorf("a login is in none of the sessions: %q", got)
	}
	l.sh(t, "pet", "loginctl enable-linger ann")
	l.must(t, "restart", l.name("pet"))
	until(t, "the services of a lingering user run", func() bool {
		return l.try(t, "pet", "systemctl is-active user@$(id -u ann)").Code == 0
	})
	l.sh(t, "pet", "loginctl disable-linger ann")
}

func localHas(t *testing.T, l *local, pkg string) {
	t.Helper()
	if got := l.sh(t, "pet", pkg+"; dpkg-query -W -f='${Status}' "+pkg); got != "hello from "+pkg+"\ninstall ok installed" {
		t.Errorf("after the installation: %q", got)
	}
}

// deb builds a package of one script.
func deb(t *testing.T, name string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"DEBIAN/control":     "Package: " + name + "\nVersion: 1.0\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a story\n",
		"DEBIAN/postinst":    "#!/bin/sh\nset -e\nmkdir -p /var/lib/" + name + "\n",
		"usr/bin/" + name:    "#!/bin/sh\necho hello from " + name + "\n",
		"etc/" + name + "rc": "a=1\n",
	} {
		file := filepath.Join(root, path)
		mode := os.FileMode(0o755)
		if strings.HasSuffix(path, "control") {
			mode = 0o644
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), name+".deb")
	if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "-b", root, file).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return file
}

// push copies a file of the host into a container.
func (l *local) push(t *testing.T, n, file, to string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if r := l.runInput(t, string(text), "exec", l.name(n), "--", "sh", "-c", "cat >"+to); r.Code != 0 {
		t.Fatalf("copy %s into %s: %+v", file, n, r)
	}
}

func localEnable(t *testing.T, l *local) {
	const unit = "[Service]\nExecStart=/bin/sleep infinity\nPrivateTmp=yes\nProtectSystem=strict\nDynamicUser=yes\n[Install]\nWantedBy=multi-user.target\n"
	l.sh(t, "pet", "printf '"+strings.ReplaceAll(unit, "\n", `\n`)+"' >/etc/systemd/system/own.service; systemctl daemon-reload; systemctl enable --now own")
	if got := l.sh(t, "pet", "systemctl is-active own; systemctl is-enabled own"); got != "active\nenabled" {
		t.Errorf("the own unit is %q", got)
	}
	l.must(t, "restart", l.name("pet"))
	if got := l.sh(t, "pet", "systemctl is-active own"); got != "active" {
		t.Errorf("after a restart the own unit is %q", got)
	}
}

// localReboot holds that a reboot from inside is a start on fresh mounts: what the container has once looked up is new afterwards.
func localReboot(t *testing.T, l *local) {
	file := "/var/cache/sysctr/" + l.prefix + "patched"
	write(t, file, "old\n", 0o644)
	if got := l.sh(t, "pet", "cat "+file); got != "old" {
		t.Fatalf("the host's file holds %q", got)
	}
	if err := os.WriteFile(file+".new", []byte("new\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	before := l.look(t, "pet")
	l.sh(t, "pet", "touch /run/volatile /root/kept")
	_ = l.try(t, "pet", "reboot") // the command may be ended by what it asked for
	until(t, "the container comes back", func() bool {
		c := l.look(t, "pet")
		return c.PID != before.PID && c.State == "running" && c.Ready
	})
	if r := l.try(t, "pet", "test -e /root/kept; test ! -e /run/volatile"); r.Code != 0 {
		t.Errorf("after the reboot the delta or /run is not what it should be: %+v", r)
	}
	if got := l.sh(t, "pet", "cat "+file); got != "new" {
		t.Errorf("after the reboot the host's file holds %q: the mounts are not fresh", got)
	}
	if got := l.sh(t, "pet", "systemctl is-system-running"); got != "running" {
		t.Errorf("after the reboot it is %s", got)
	}
}

func localPoweroff(t *testing.T, l *local) {
	pid := l.look(t, "pet").PID
	_ = l.try(t, "pet", "poweroff")
	until(t, "the container is stopped", func() bool { return l.look(t, "pet").State == "stopped" })
	l.must(t, "wait", l.name("pet"), "--for=stopped", "--timeout="+time.Minute.String())
	until(t, "its monitor has ended", func() bool { return l.monitor("pet") == 0 })
	l.must(t, "start", l.name("pet"))
	if c := l.look(t, "pet"); c.State != "running" || c.PID == pid {
		t.Errorf("started after a poweroff: %+v", c)
	}
}
