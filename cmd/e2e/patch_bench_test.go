package e2e_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// BenchmarkPatch measures, in a test host of its own for each kind and number of containers, what follows a patch by dpkg:
//
//	unaffected-s  patch verify after an upgrade of a package that none uses; all must be unaffected
//	plan-s        patch plan after an upgrade of Debian's libssl3, which all have used
//	proof-s       from the end of dpkg to the last proof, by the hook alone: one second of quiet, look, roll of ten at a time, look again
//
// It takes one round: -benchtime 1x.
func BenchmarkPatch(b *testing.B) {
	for _, profile := range []string{"command", "system"} {
		for _, n := range []int{20, 100} {
			b.Run(fmt.Sprintf("%s/%d", profile, n), func(b *testing.B) { benchPatch(b, profile, n) })
		}
	}
}

func benchPatch(b *testing.B, profile string, n int) {
	h := fleetHost{patchHost: patchHost{newUnitHost(b, e2e.Options{Timeout: 5 * time.Minute})}, dir: b.TempDir()}
	versions := h.opensslVersions(b)
	h.Write(b, "/etc/sysctr/config.yaml", "patch: {settle: 1s, soak: 0s, canary: none, batch: 10, max_unavailable: 10}\n", 0o644)
	h.Must(b, "sysctr", "hook", "remove")
	h.Copy(b, h.small(b, "story", "1"), "/root/1.deb")
	h.Copy(b, h.small(b, "story", "2"), "/root/2.deb")
	h.Sh(b, "dpkg --force-downgrade -i /root/1.deb "+opensslDebs(versions[0]))
	fleet := fmt.Sprintf("web<1..%d>", n)
	h.Must(b, "sysctr", "create", fleet, "--start", "--profile", profile)
	h.Must(b, "sysctr", "exec", fleet, "--fold", "--", "openssl", "version")

	h.Must(b, "dpkg", "-i", "/root/2.deb")
	b.ReportMetric(took(func() { h.all(b, n, "unaffected") }), "unaffected-s")
	h.Sh(b, "dpkg -i "+opensslDebs(versions[1]))
	h.all(b, n, "stale")
	b.ReportMetric(took(func() { h.Must(b, "sysctr", "patch", "plan") }), "plan-s")

	h.Must(b, "sysctr", "restart", "all")
	h.Must(b, "sysctr", "exec", fleet, "--fold", "--", "openssl", "version")
	h.Must(b, "sysctr", "hook", "install")
	h.Sh(b, "dpkg --force-downgrade -i "+opensslDebs(versions[0]))
	b.ReportMetric(took(func() { h.quiet(b) }), "proof-s")
	h.all(b, n, "patched")
	b.ReportMetric(0, "ns/op") // of no meaning here
}

func took(do func()) float64 {
	begun := time.Now()
	do()
	return time.Since(begun).Seconds()
}

// all wants the same verdict of n containers.
func (h patchHost) all(t testing.TB, n int, verdict string) {
	t.Helper()
	found := h.judged(t)
	if len(found) != n {
		t.Errorf("%d verdicts of %d containers", len(found), n)
	}
	for name, s := range found {
		if s.Verdict != verdict {
			t.Errorf("%s is %s, want %s: %+v", name, s.Verdict, verdict, s.Reasons)
		}
	}
}
