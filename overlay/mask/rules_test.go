package mask_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

func TestKey(t *testing.T) {
	base := mask.Rules{Hide: []string{"/a", "/b"}, Units: []string{"x"}, System: true}
	same := mask.Rules{Hide: []string{"/b", "/a", "/b"}, Units: []string{"x"}, System: true}
	if base.Key() != same.Key() {
		t.Error("order and repetition change the key")
	}
	seen := map[string]mask.Rules{base.Key(): base}
	for _, r := range []mask.Rules{
		{}, {System: true}, {Arguments: true}, {Hide: []string{"/a"}}, {Share: []string{"/a"}}, {Units: []string{"/a"}},
		{Hide: []string{"/a\xff"}}, {Hide: []string{"/a\xfe"}}, {Hide: []string{"/a", "/b"}, System: true},
	} {
		if other, ok := seen[r.Key()]; ok {
			t.Errorf("%+v and %+v have one key", r, other)
		}
		seen[r.Key()] = r
	}
	if len(base.Key()) != 16 || strings.Trim(base.Key(), "0123456789abcdef") != "" {
		t.Errorf("Key() = %q, want 16 hexadecimal digits", base.Key())
	}
}

func TestMandatory(t *testing.T) {
	for _, p := range []string{
		"/root", "/home/ana/x", "/etc/shadow", "/etc/ssh/ssh_host_ed25519_key", "/var/lib/sysctr/containers", "/var/lib/private", "/proc/1",
		"/etc/ssl/private/key.pem", "/var/lib/dhcpcd5", "/run/x", "/var/log/syslog", "/etc/machine-id", "/etc/sysctr/profiles",
	} {
		if reason, ok := mask.Mandatory(p); !ok || reason == "" {
			t.Errorf("Mandatory(%s) = %q, %v", p, reason, ok)
		}
	}
	for _, p := range []string{"/srv", "/data/x", "/var/lib/postgresql", "/etc/cron.d", "/etc", "/var/www", "/usr/share", "/etc/ssh", "/rooted"} {
		if reason, ok := mask.Mandatory(p); ok {
			t.Errorf("Mandatory(%s): %s", p, reason)
		}
	}
}

func TestGlobsAreWellFormed(t *testing.T) {
	for _, g := range mask.Globs() {
		if _, err := path.Match(g, "x"); err != nil || path.Clean(g) != g || strings.HasPrefix(g, "/") {
			t.Errorf("glob %q: %v", g, err)
		}
	}
}

// What containers and the programs in them need of /etc and /var is in no table.
func TestKept(t *testing.T) {
	for _, kept := range strings.Fields(`etc/alternatives etc/ssl/certs etc/ssl/openssl.cnf etc/ca-certificates etc/ca-certificates.conf etc/ld.so.conf
		etc/ld.so.cache etc/ld.so.conf.d etc/nsswitch.conf etc/pam.d etc/apt etc/apt/sources.list etc/apt/sources.list.d etc/apt/keyrings etc/dpkg
		etc/debian_version etc/os-release etc/localtime etc/locale.gen etc/default etc/skel etc/profile etc/profile.d etc/bash.bashrc etc/services
		etc/protocols etc/mime.types etc/terminfo etc/inputrc etc/login.defs etc/shells etc/dbus-1 etc/polkit-1 etc/python3 etc/perl etc/logrotate.d
		etc/sysctl.d etc/tmpfiles.d etc/selinux etc/init.d etc/passwd etc/group etc/ssh/ssh_config etc/ssh/sshd_config etc/security/limits.conf
		etc/systemd/system.conf usr usr/bin var/lib/dpkg var/cache/sysctr`) {
		for _, g := range mask.Globs() {
			if ok, err := path.Match(g, kept); ok || err != nil {
				t.Errorf("%s is hidden by %s (%v)", kept, g, err)
			}
		}
	}
}

func TestRulesAreChecked(t *testing.T) {
	root := madeHost(t, hostText(t, "debian")+"l 777 0:0 opt/link -> /var\n")
	for _, test := range []struct {
		summary string
		rules   mask.Rules
		want    error
		text    string
	}{
		{"relative", mask.Rules{Hide: []string{"etc"}}, mask.ErrRule, `"etc"`},
		{"root itself", mask.Rules{Hide: []string{"/"}}, mask.ErrRule, `"/"`},
		{"dots", mask.Rules{Share: []string{"/srv/../root"}}, mask.ErrRule, `/srv/../root`},
		{"NUL", mask.Rules{Hide: []string{"/a\x00b"}}, mask.ErrRule, `\x00`},
		{"trailing slash", mask.Rules{Hide: []string{"/srv/"}}, mask.ErrRule, `"/srv/"`},
		{"double slash", mask.Rules{Hide: []string{"//srv"}}, mask.ErrRule, `"//srv"`},
		{"the canary's directory", mask.Rules{Hide: []string{"/var/cache"}}, mask.ErrRule, mask.CanaryDir},
		{"a link to the canary's directory", mask.Rules{Hide: []string{"/opt/link/cache"}}, mask.ErrRule, mask.CanaryDir},
		{"mandatory", mask.Rules{Share: []string{"/root"}}, mask.ErrMandatory, "share /root"},
		{"below mandatory", mask.Rules{Share: []string{"/home/ana"}}, mask.ErrMandatory, "/home"},
		{"mandatory through a link", mask.Rules{Share: []string{"/opt/link/lib/sysctr/x"}}, mask.ErrMandatory, "/var/lib/sysctr"},
		{"units without systemd", mask.Rules{Units: []string{"ssh"}}, mask.ErrRule, "systemd"},
		{"too many", mask.Rules{Hide: make([]string, 2000)}, mask.ErrRule, "1024"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			_, err := mask.Build(root, test.rules)
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("Build = %v, want %v with %q", err, test.want, test.text)
			}
		})
	}
}
