package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// fleetHost is a host whose containers follow its patches by themselves.
type fleetHost struct {
	patchHost
	dir string // holds what is built
	key string // of the repository, a GnuPG home
}

func newFleetHost(t *testing.T, policy string) fleetHost {
	t.Helper()
	h := fleetHost{patchHost: patchHost{newUnitHost(t, e2e.Options{})}, dir: t.TempDir(), key: t.TempDir()}
	h.Write(t, "/etc/sysctr/config.yaml", "patch: {settle: 1s, soak: 0s"+policy+"}\n", 0o644)
	h.Write(t, "/etc/sysctr/profiles/idle.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\n", 0o644)
	h.repository(t)
	return h
}

// repository makes a signed one of the host's own, for unattended-upgrades.
func (h fleetHost) repository(t *testing.T) {
	t.Helper()
	need.Command(t, "gpg", "install the package gpg")
	h.gpg(t, "--quick-gen-key", "--passphrase", "", "story@example.org", "ed25519", "sign", "never")
	h.Sh(t, "mkdir -p /srv/repo /etc/apt/keyrings; rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*")
	h.Write(t, "/etc/apt/keyrings/story.gpg", h.gpg(t, "--export"), 0o644)
	h.Write(t, "/etc/apt/sources.list", "deb [signed-by=/etc/apt/keyrings/story.gpg] file:/srv/repo ./\n", 0o644)
	h.Write(t, "/etc/apt/apt.conf.d/52story", `Unattended-Upgrade::Origins-Pattern { "origin=Story"; };
APT::Periodic::Update-Package-Lists "always";
APT::Periodic::Unattended-Upgrade "always";
Dpkg::Options { "--force-confnew"; };
`, 0o644)
}

func (h fleetHost) gpg(t *testing.T, args ...string) string {
	t.Helper()
	gpg := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", h.key, "--batch", "--yes", "--pinentry-mode", "loopback"}, args...)...)
	var problem strings.Builder
	gpg.Stderr = &problem
	out, err := gpg.Output()
	if err != nil {
		t.Fatalf("gpg: %v: %s", err, problem.String())
	}
	return string(out)
}

// publish puts a package into the repository.
func (h fleetHost) publish(t *testing.T, debs ...string) {
	t.Helper()
	for _, deb := range debs {
		h.Copy(t, deb, "/srv/repo/"+filepath.Base(deb))
	}
	h.Sh(t, "cd /srv/repo; rm -f Release InRelease; apt-ftparchive packages . >Packages; apt-ftparchive -o APT::FTPArchive::Release::Origin=Story release . >/root/Release; mv /root/Release .")
	release := filepath.Join(h.Root(), "srv/repo/Release")
	h.gpg(t, "--clearsign", "--output", release+".asc", release)
	if err := os.Rename(release+".asc", filepath.Join(filepath.Dir(release), "InRelease")); err != nil {
		t.Fatal(err)
	}
}

// small builds a package of one file.
func (h fleetHost) small(t testing.TB, name, version string) string {
	t.Helper()
	root := filepath.Join(h.dir, name+"-"+version)
	for path, text := range map[string]string{
		"DEBIAN/control":    "Package: " + name + "\nVersion: " + version + "\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: a story\n",
		"usr/share/" + name: version + "\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, path), text, 0o644)
	}
	if out, err := exec.CommandContext(t.Context(), "dpkg-deb", "--root-owner-group", "-b", root, root+".deb").CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb: %v: %s", err, out)
	}
	return root + ".deb"
}

// rolled is a roll as history shows it.
type rolled struct {
	ID, State          string
	Done, Failed, Held int
}

func (h fleetHost) rolls(t *testing.T) []rolled {
	t.Helper()
	var list struct{ Items []rolled }
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "patch", "history", "-o", "json")), &list); err != nil {
		t.Fatalf("patch history: %v", err)
	}
	return list.Items
}

// quiet waits until no mark is left and no refresh runs.
func (h fleetHost) quiet(t testing.TB) {
	t.Helper()
	h.Until(t, 2*time.Minute, func(r e2e.Result) bool { return r.Code == 0 }, "bash", "-c",
		"[ ! -e "+hookMark+" ] && state=$(systemctl show -P ActiveState "+refreshUnit+") && { [ $state = inactive ] || [ $state = failed ]; }")
}

// restarts is how often rolls say in the journal that they restarted a container.
func (h fleetHost) restarts(t *testing.T, name string) int {
	t.Helper()
	return strings.Count(h.Must(t, "journalctl", "-q", "--no-pager", "-o", "cat", "-t", "sysctr"), name+": restarted by a roll")
}

// TestPatchUnattended lets apt's own service upgrade three packages, and looks at the fleet afterwards.
func TestPatchUnattended(t *testing.T) {
	t.Parallel()
	h := newFleetHost(t, "")
	version := func(v string) []string {
		return []string{demo{version: v, bytes: v, dir: h.dir}.build(t), h.small(t, "story-a", v), h.small(t, "story-b", v)}
	}
	h.publish(t, version("1")...)
	h.Sh(t, "apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq -y install demo story-a story-b >/dev/null")
	h.quiet(t)
	h.Must(t, "sysctr", "create", "seen<1..3>", "--start", "--profile", "idle")
	h.Must(t, "sysctr", "create", "system", "--start")
	h.Must(t, "sysctr", "create", "blind<1..3>", "--start", "--profile", "idle")
	h.Must(t, "sysctr", "create", "stopped", "--profile", "idle")
	for _, name := range []string{"seen1", "seen2", "seen3", "system"} {
		h.inside(t, name, "cat "+demoData)
	}
	before := h.inits(t)
	rollsBefore := len(h.rolls(t))

	h.publish(t, version("2")...)
	h.Sh(t, "systemctl unmask apt-daily.timer apt-daily-upgrade.timer; systemctl start apt-daily.service; systemctl start apt-daily-upgrade.service")
	if got := h.Sh(t, "dpkg-query -W -f '${Version} ' demo story-a story-b; systemctl show -P Result apt-daily-upgrade.service"); got != "2 2 2 success" {
		t.Fatalf("unattended-upgrades left %q\n%s", got, h.Sh(t, "tail -n 30 /var/log/unattended-upgrades/*"))
	}
	h.quiet(t)
	if rolls := h.rolls(t); len(rolls)-rollsBefore != 1 || rolls[0].State != "finished" || rolls[0].Done != 4 || rolls[0].Failed != 0 {
		t.Errorf("rolls: %+v", rolls)
	}
	for name, pid := range h.inits(t) {
		affected := strings.HasPrefix(name, "seen") || name == "system"
		if (pid != before[name]) != affected {
			t.Errorf("%s had init %d and has %d; affected: %v", name, before[name], pid, affected)
		}
		if n := h.restarts(t, name); n != map[bool]int{true: 1}[affected] {
			t.Errorf("%s was restarted %d times by a roll", name, n)
		}
	}
	if s := h.see(t, "stopped"); s.State != "stopped" {
		t.Errorf("what was stopped is %+v", s)
	}
	h.Must(t, "sysctr", "patch", "verify")
	if report := h.Must(t, "sysctr", "patch", "report", "--package", "demo"); !strings.Contains(report, "demo") || !strings.Contains(report, "1") || !strings.Contains(report, "2") {
		t.Errorf("report:\n%s", report)
	}
}

// TestPatchBreaksAService has a patch make the canary sick: the others are not touched, and after the cure the roll goes on.
func TestPatchBreaksAService(t *testing.T) {
	t.Parallel()
	h := newFleetHost(t, ", canary: 1, batch: 1")
	h.install(t, demo{version: "1", bytes: "1", dir: h.dir})
	h.quiet(t)
	h.Write(t, "/etc/sysctr/profiles/web.yaml", "extends: idle\npatch: {probe: [/bin/sh, -c, '! grep -q bad "+demoData+"']}\n", 0o644)
	h.Must(t, "sysctr", "create", "web<1..5>", "--start", "--profile", "web")
	for _, name := range []string{"web1", "web2", "web3", "web4", "web5"} {
		h.inside(t, name, "cat "+demoData)
	}
	before := h.inits(t)
	h.install(t, demo{version: "2", bytes: "bad", dir: h.dir})
	h.quiet(t)
	touched := 0
	for name, pid := range h.inits(t) {
		if pid != before[name] {
			touched++
		}
	}
	if rolls := h.rolls(t); touched != 1 || len(rolls) != 1 || rolls[0].State != "halted" || rolls[0].Failed != 1 {
		t.Errorf("%d were restarted; rolls: %+v", touched, rolls)
	}
	if r := h.Run(t, "sysctr", "patch", "roll"); r.Code != 9 {
		t.Errorf("a roll by hand past the gate: %+v", r)
	}
	for _, verb := range []string{"report", "history"} {
		if r := h.Run(t, "sysctr", "patch", verb); r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, "probe") {
			t.Errorf("%s does not say why: %+v", verb, r)
		}
	}
	h.install(t, demo{version: "3", bytes: "3", dir: h.dir})
	h.quiet(t)
	h.Must(t, "sysctr", "patch", "resume")
	h.quiet(t)
	if rolls := h.rolls(t); rolls[0].State != "finished" {
		t.Errorf("after the cure: %+v", rolls)
	}
	h.Must(t, "sysctr", "patch", "verify")
}
