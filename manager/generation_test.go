package manager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
)

func TestHostSource(t *testing.T) {
	root := t.TempDir()
	for path, text := range map[string]string{
		"etc/os-release": "NAME=x\nID=debian\nVERSION_ID=\"12\"\n", "etc/x.conf": "", "etc/shadow": "", "etc/ssh/ssh_host_rsa_key": "", "etc/ssh/ssh_config": "",
		"usr/bin/x": "", "usr/local/lib/y": "", "opt/z/z": "", "root/secret": "", "srv/www/page": "", "srv/ftp/file": "", "home/ana/x": "",
		"var/lib/dpkg/status": "", "var/lib/mysql/table": "", "var/log/syslog": "", "var/cache/man/index": "", "var/lib/sysctr/x": "", "data/big": "",
	} {
		noError(t, os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755))
		noError(t, os.WriteFile(filepath.Join(root, path), []byte(text), 0o644))
	}
	noError(t, os.Chmod(root, 0o755))
	filesystems := []overlay.Filesystem{{Point: "/"}}
	source, err := manager.HostSource(root, filesystems, static(mask.Rules{System: true, Hide: []string{"/opt/z"}}, mask.Rules{Share: []string{"/srv/www"}}))
	noError(t, err)
	if source.Release != "debian 12" || source.DB == nil || source.DB.Name() != "dpkg" {
		t.Errorf("source of release %q, database %v", source.Release, source.DB)
	}
	store, err := generation.Open(t.TempDir())
	noError(t, err)
	snapshot, err := store.Take(t.Context(), source)
	noError(t, err)
	for path, want := range map[string]bool{
		"/etc/x.conf": true, "/etc/ssh/ssh_config": true, "/usr/bin/x": true, "/usr/local/lib/y": true, "/var/lib/dpkg/status": true, "/var/cache/man/index": true,
		"/srv/www/page": true, // one of the containers sees it
		"/opt/z/z":      true, // and this only one of them does not
		"/etc/shadow":   false, "/etc/ssh/ssh_host_rsa_key": false, "/root/secret": false, "/srv/ftp/file": false, "/home/ana/x": false,
		"/var/lib/mysql/table": false, "/var/log/syslog": false, "/var/lib/sysctr/x": false, "/data/big": false,
	} {
		if _, got := snapshot.File(path); got != want {
			t.Errorf("%s is in the index: %v, want %v", path, got, want)
		}
	}
	other, err := manager.HostSource(root, []overlay.Filesystem{{Point: "/"}, {Point: "/opt"}}, static())
	noError(t, err)
	same, err := manager.HostSource(root, filesystems, static(mask.Rules{Share: []string{"/srv"}}))
	noError(t, err)
	if other.Scope == source.Scope || same.Scope != source.Scope {
		t.Errorf("scopes %q, of other filesystems %q, of other containers %q", source.Scope, other.Scope, same.Scope)
	}
	if err := os.Chmod(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Take(t.Context(), source); err == nil || !strings.Contains(err.Error(), "chmod 755") {
		t.Errorf("Take of a host that no container can see: %v", err)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func static(rules ...mask.Rules) func() ([]mask.Rules, error) {
	return func() ([]mask.Rules, error) { return rules, nil }
}
