package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestPatchOpenSSL upgrades Debian's own libssl3 under containers that use it, each in its way, and under some that do not: on a host of one
// filesystem, and on one whose /usr has its own.
func TestPatchOpenSSL(t *testing.T) {
	t.Parallel()
	for _, layout := range []struct {
		name string
		own  bool
	}{{"one filesystem", false}, {"a usr of its own", true}} {
		t.Run(layout.name, func(t *testing.T) {
			t.Parallel()
			h := patchHost{newUnitHost(t, e2e.Options{})}
			if layout.own {
				device := h.disk(t, "1G")
				h.Sh(t, "mount "+device+" /mnt; cp -ax /usr/. /mnt; umount /mnt; mount "+device+" /usr; systemctl daemon-reexec")
			}
			h.openssl(t)
		})
	}
}

// opensslDebs are the packages of a version of OpenSSL in a test host.
func opensslDebs(version string) string {
	return "/srv/debs/libssl3_" + version + "_*.deb /srv/debs/openssl_" + version + "_*.deb"
}

// opensslVersions returns those in the test host, at least two, oldest first.
func (h patchHost) opensslVersions(t testing.TB) []string {
	t.Helper()
	versions := strings.Fields(h.Sh(t, "cd /srv/debs; ls libssl3_*.deb | sed 's/libssl3_//; s/_.*//' | sort -V"))
	if len(versions) < 2 {
		need.Missing(t, "two versions of libssl3 in Debian's archive; it has "+strings.Join(versions, " "))
	}
	return versions
}

func (h patchHost) openssl(t *testing.T) {
	versions := h.opensslVersions(t)
	old, now := versions[0], versions[len(versions)-1]
	h.Sh(t, "dpkg --force-downgrade -i "+opensslDebs(old))
	h.Write(t, "/etc/sysctr/profiles/idle.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\n", 0o644)
	h.Must(t, "sysctr", "create", "web<1..2>", "--start")
	h.Must(t, "sysctr", "create", "idle<1..2>", "--start", "--profile", "idle") // systemd itself has libcrypto
	const client = "setsid -f openssl s_server -accept 4433 -nocert >/dev/null 2>&1 </dev/null; until grep -q libssl /proc/[0-9]*/maps; do sleep 0.1; done"
	h.inside(t, "web1", client)
	h.inside(t, "web2", "openssl version")
	h.Sh(t, "dpkg -i "+opensslDebs(now))

	found := h.judged(t)
	lib := h.Sh(t, "readlink -f /usr/lib/*/libssl.so.3")
	if s := found["web1"]; s.Verdict != "stale" || !s.has("mapped:"+lib) || !slices.ContainsFunc(s.Reasons, func(r reasoned) bool {
		return r.Path == lib && r.PID > 1 && r.Package == "libssl3" && r.Old == old && r.New == now
	}) {
		t.Errorf("web1, a server: %+v", s)
	}
	if s := found["web2"]; s.Verdict != "stale" || !s.has("answers:"+lib) {
		t.Errorf("web2, which only asked for a version: %+v", s)
	}
	for _, name := range []string{"idle1", "idle2"} {
		if s := found[name]; s.Verdict != "unaffected" {
			t.Errorf("%s, which never looked: %+v", name, s)
		}
	}
	// What was never looked at is the host's when it is at last.
	host := h.Must(t, "openssl", "version")
	if got := h.Must(t, "sysctr", "exec", "idle1", "--", "openssl", "version"); got != host {
		t.Errorf("idle1 has %q, the host %q", got, host)
	}
	if s := h.judged(t)["idle1"]; s.Verdict != "unaffected" {
		t.Errorf("idle1, after it has looked: %+v", s)
	}
	h.Must(t, "sysctr", "restart", "all")
	for name, s := range h.judged(t) {
		if s.Verdict != "patched" {
			t.Errorf("after a restart %s: %+v", name, s)
		}
		// The program and its library each say their version.
		if got := h.Must(t, "sysctr", "exec", name, "--", "openssl", "version"); got != host || strings.Count(got, strings.SplitN(now, "-", 2)[0]) != 2 {
			t.Errorf("%s has %q, the host %q", name, got, host)
		}
	}
}
