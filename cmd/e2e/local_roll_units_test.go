package e2e_test

import (
	"os"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// A unit that fails after the restart and did not before stops the roll; one that had failed before does not.
func TestLocalRollUnits(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	l := newLocal(t)
	if err := os.WriteFile("/etc/sysctr/config.yaml", []byte("patch: {soak: 0s, batch: 1, max_unavailable: 1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l.must(t, "create", l.name("a"), l.name("b"), "--profile", "system", "--start")
	unit := `[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "test ! -e /opt/seen && touch /opt/seen"
[Install]
WantedBy=multi-user.target`
	l.sh(t, "b", "cat >/etc/systemd/system/second.service <<'E'\n"+unit+"\nE\nsystemctl -q enable --now second")
	l.sh(t, "a", "cat >/etc/systemd/system/never.service <<'E'\n"+strings.Replace(unit, "/bin/sh", "/bin/false", 1)+
		"\nE\nsystemctl -q enable never; systemctl -q start never || true")
	r := l.run(t, "patch", "roll", "--all")
	if r.Code != 9 || !strings.Contains(r.Stderr, l.name("b")+" failed: newly failed after its restart: second.service") {
		t.Fatalf("the roll: %+v", r)
	}
	past := l.rolls(t)
	if past[0].State != "halted" || past[0].Done != 1 {
		t.Errorf("history: %+v", past)
	}
	l.sh(t, "b", "rm /opt/seen; systemctl -q restart second")
	l.must(t, "patch", "resume")
	if past := l.rolls(t); past[0].State != "finished" || past[0].Done != 2 {
		t.Errorf("history: %+v", past)
	}
}
