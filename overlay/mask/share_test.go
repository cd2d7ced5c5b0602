package mask_test

import (
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

func TestShareAndHide(t *testing.T) {
	root := madeHost(t, hostText(t, "debian")+`
		f 644 0:0 "data/new\nline" ""
		l 777 0:0 opt/www -> /srv/www
		d 755 0:0 home2
	`)
	for _, test := range []struct {
		summary string
		rules   mask.Rules
		want    map[string]string // path -> line in the mask, "" for none
	}{
		{
			summary: "share a name at /",
			rules:   mask.Rules{Share: []string{"/data"}},
			want:    map[string]string{"data": "", "home2": "W 644 0:0 home2"},
		},
		{
			summary: "share below a hidden directory: the rest of it stays hidden",
			rules:   mask.Rules{Share: []string{"/srv/www/site"}},
			want: map[string]string{
				"srv": "d 755 0:0 srv", "srv/ftp": "W 644 0:0 srv/ftp", "srv/hidden.service": "W 644 0:0 srv/hidden.service",
				"srv/www": "d 755 0:0 srv/www", "srv/www/site": "", "srv/www/other": "W 644 0:0 srv/www/other",
			},
		},
		{
			summary: "names beside it may have any bytes",
			rules:   mask.Rules{Share: []string{"/data/notes"}},
			want:    map[string]string{"data": "d 755 0:0 data", "data/notes": "", "data/new\nline": `W 644 0:0 "data/new\nline"`},
		},
		{
			summary: "two shares below one directory",
			rules:   mask.Rules{Share: []string{"/var/lib/plugins/b", "/var/lib/plugins/a"}},
			want:    map[string]string{"var/lib/plugins/a": "", "var/lib/plugins/b": "", "var/lib/plugins": ""},
		},
		{
			summary: "share through a link",
			rules:   mask.Rules{Share: []string{"/opt/www/site"}},
			want:    map[string]string{"srv/www/site": "", "srv/www/other": "W 644 0:0 srv/www/other"},
		},
		{
			summary: "share above: optional masks are lifted, mandatory ones stay",
			rules:   mask.Rules{Share: []string{"/etc", "/var/lib"}},
			want: map[string]string{
				"etc/cron.d": "", "etc/machine-id": "W 644 0:0 etc/machine-id", "etc/ssl/private": "O 755 0:110 etc/ssl/private",
				"var/lib/postgresql": "", "var/lib/sysctr": "W 644 0:0 var/lib/sysctr",
			},
		},
		{
			summary: "share what is missing",
			rules:   mask.Rules{Share: []string{"/srv/none", "/nothing/at/all"}},
			want:    map[string]string{"srv": "O 755 0:0 srv"},
		},
		{
			summary: "hide by type",
			rules:   mask.Rules{Hide: []string{"/usr/bin/su", "/usr/share/polkit-1", "/opt/app", "/usr/none", "/bin"}},
			want: map[string]string{
				"usr/bin/su": "W 644 0:0 usr/bin/su", "opt/app": "O 755 0:0 opt/app", "usr/none": "", "bin": "W 644 0:0 bin",
			},
		},
		{
			summary: "hide wins over share",
			rules:   mask.Rules{Hide: []string{"/srv/www/site"}, Share: []string{"/srv"}},
			want:    map[string]string{"srv": "d 755 0:0 srv", "srv/ftp": "", "srv/www/site": "O 755 0:0 srv/www/site"},
		},
	} {
		t.Run(test.summary, func(t *testing.T) {
			l := mustBuild(t, root, test.rules)
			for p, want := range test.want {
				if got := lineOf(l.Mask, p); got != want && !(want == "" && got != "" && got[0] == 'd') {
					t.Errorf("%s: got %q, want %q", p, got, want)
				}
			}
			worldReadable(t, l.Mask)
		})
	}
}

func TestHideTakesFromCommon(t *testing.T) {
	const helper = "usr/lib/dbus-1.0/dbus-daemon-launch-helper"
	l := mustBuild(t, madeHost(t, hostText(t, "debian")), mask.Rules{Hide: []string{"/" + helper, "/var/log"}})
	if lineOf(l.Common, helper) != "" || len(l.Copies) != 0 {
		t.Errorf("common still has %q, copies %v", lineOf(l.Common, helper), l.Copies)
	}
	if lineOf(l.Common, "var/log/wtmp") != "" || lineOf(l.Common, "etc/passwd") == "" {
		t.Error("common lost the wrong files")
	}
}

// A home that is a link into /usr must not be found there.
func TestLinkedHome(t *testing.T) {
	l := mustBuild(t, madeHost(t, "l 777 0:0 home -> usr/home\nd 755 0:0 usr/home/ana\nl 777 0:0 srv -> /usr\nl 777 0:0 media -> /var/cache"), mask.Rules{})
	for path, want := range map[string]string{"usr/home": "O 755 0:0 usr/home", "home": "O 755 0:0 home", "usr": "d 755 0:0 usr", "var/cache": ""} {
		if got := lineOf(l.Mask, path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
