package e2e_test

import (
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestPatchShare holds that what a profile shows besides is looked at as well, also what the host removes there.
func TestPatchShare(t *testing.T) {
	t.Parallel()
	h := patchHost{newUnitHost(t, e2e.Options{})}
	h.Sh(t, "mkdir -p /srv/app; echo 1 >/srv/app/kept; echo 1 >/srv/app/gone")
	h.Write(t, "/etc/sysctr/profiles/app.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\nshare: [/srv/app]\n", 0o644)
	h.Must(t, "sysctr", "create", "other", "--start")
	h.Must(t, "sysctr", "create", "seen", "blind", "--profile", "app", "--start")
	h.inside(t, "seen", "cat /srv/app/gone")
	h.expect(t, map[string]string{"seen": "patched", "blind": "patched"})
	h.Sh(t, "rm /srv/app/gone")
	h.expect(t, map[string]string{"seen": "stale lingers:/srv/app/gone", "blind": "unaffected"})
	h.Must(t, "sysctr", "restart", "all")
	t.Run("without generations", func(t *testing.T) {
		h.Sh(t, "rm -r /var/lib/sysctr/generations")
		h.expect(t, map[string]string{"seen": "unknown", "other": "unknown"})
		h.Must(t, "sysctr", "restart", "all")
		h.expect(t, map[string]string{"seen": "patched", "other": "patched"})
	})
}
