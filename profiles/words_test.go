package profiles_test

import (
	"encoding/json"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/profiles"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0s": 0, "500ms": 500 * time.Millisecond, "30s": 30 * time.Second, "5m": 5 * time.Minute, "2h": 2 * time.Hour, "7d": 168 * time.Hour,
	} {
		d, err := profiles.ParseDuration(text)
		if err != nil || time.Duration(d) != want || d.String() != text {
			t.Errorf("%s: %v, %v, prints as %s", text, time.Duration(d), err, d)
		}
	}
	for _, text := range []string{"", "30", "s", "-1s", "+1s", "1.5h", "1m30s", "1 s", "1S", "1us", "1sm", "300000d", "9223372036854775808ms"} {
		if d, err := profiles.ParseDuration(text); err == nil {
			t.Errorf("%q reads as %s", text, d)
		}
	}
	var d profiles.Duration
	if err := json.Unmarshal([]byte(`"1m30s"`), &d); err == nil || d != 0 {
		t.Errorf("out of JSON: %s, %v", d, err)
	}
	if d, err := profiles.ParseDuration("120s"); err != nil || d.String() != "2m" {
		t.Errorf("120s prints as %s, %v", d, err)
	}
}

func TestParsePort(t *testing.T) {
	local, six := netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	for text, want := range map[string]profiles.Port{
		"8080:80":              {Host: 8080, Container: 80, Protocol: "tcp"},
		"8080:80/tcp":          {Host: 8080, Container: 80, Protocol: "tcp"},
		"53:53/udp":            {Host: 53, Container: 53, Protocol: "udp"},
		"127.0.0.1:2222:22":    {Address: local, Host: 2222, Container: 22, Protocol: "tcp"},
		"[::1]:2222:22":        {Address: six, Host: 2222, Container: 22, Protocol: "tcp"},
		"{8000+n}:80":          {Host: 8000, Spread: true, Container: 80, Protocol: "tcp"},
		"[::1]:{8000+n}:1/udp": {Address: six, Host: 8000, Spread: true, Container: 1, Protocol: "udp"},
	} {
		if got, err := profiles.ParsePort(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
}

// The numbers are those of the kernel's headers, and every name is one that liblxc and systemd know.
func TestSignals(t *testing.T) {
	for _, s := range profiles.Signals() {
		got, err := profiles.SignalNumber(s)
		want := unix.SignalNum(s)
		if s == "SIGRTMIN" {
			want = 34
		}
		if err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", s, got, err, want)
		}
	}
	for s, want := range map[string]syscall.Signal{"SIGRTMIN+1": 35, "SIGRTMIN+3": 37, "SIGRTMIN+30": 64} {
		if got, err := profiles.SignalNumber(s); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "TERM", "sigterm", "15", "SIGKILL", "SIGSTOP", "SIGRTMIN+0", "SIGRTMIN+31", "SIGRTMIN+ 3", "SIGRTMIN+", "SIGRTMAX"} {
		if got, err := profiles.SignalNumber(s); err == nil {
			t.Errorf("%q is %d", s, got)
		}
	}
}

func TestCapabilitiesAreNumbered(t *testing.T) {
	caps := profiles.Capabilities()
	for name, want := range map[string]int{
		"chown": unix.CAP_CHOWN, "net_admin": unix.CAP_NET_ADMIN, "sys_admin": unix.CAP_SYS_ADMIN, "mknod": unix.CAP_MKNOD,
		"setfcap": unix.CAP_SETFCAP, "syslog": unix.CAP_SYSLOG, "audit_read": unix.CAP_AUDIT_READ, "checkpoint_restore": unix.CAP_CHECKPOINT_RESTORE,
	} {
		if caps[want] != name {
			t.Errorf("capability %d is %s, want %s", want, caps[want], name)
		}
	}
	if len(caps) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d capabilities, the kernel's headers have %d", len(caps), unix.CAP_LAST_CAP+1)
	}
}
