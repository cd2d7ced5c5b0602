package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// What a container made of the host is told apart, and taken back piece by piece.
func TestLocalDelta(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	c := l.name("d")
	const directory = 4096 // bytes that the empty trash takes itself
	l.must(t, "create", c, "--profile", "command", "--start")
	l.sh(t, "d", `echo mine >/etc/mine; chmod 600 /etc/os-release; rm /etc/debian_version; echo x >>/etc/profile; touch "/opt/two
lines"`)
	got := changesOf(t, l.must(t, "delta", "diff", c, "-o", "json"))
	for path, class := range map[string]string{
		"/etc/mine": "added", "/etc/debian_version": "removed", "/etc/profile": "changed", `/opt/two\nlines`: "added",
	} {
		if got[path] != class {
			t.Errorf("%s is %q, want %q", path, got[path], class)
		}
	}
	if r := l.run(t, "delta", "reset", c, "/etc/mine"); r.Code == 0 || !strings.Contains(r.Stderr, "stop it first") {
		t.Errorf("reset of what runs: %+v", r)
	}
	l.must(t, "stop", c)
	l.must(t, "delta", "reset", c, "/etc/mine", "/etc/debian_version")
	if got := changesOf(t, l.must(t, "delta", "diff", c, "-o", "json")); got["/etc/mine"] != "" || got["/etc/debian_version"] != "" || got["/etc/profile"] != "changed" {
		t.Errorf("after the reset: %v", got)
	}
	if kept := trashOf(t, l, c); kept <= directory {
		t.Error("what was reset is not in the trash")
	}
	l.must(t, "delta", "reset", c, "--purge")
	if kept := trashOf(t, l, c); kept > directory {
		t.Errorf("the purged trash has %d bytes", kept)
	}
	l.must(t, "delta", "reset", c)
	if diff := cmp.Diff(map[string]string{}, changesOf(t, l.must(t, "delta", "diff", c, "-o", "json"))); diff != "" {
		t.Errorf("after a reset of all (-want +got):\n%s", diff)
	}
	l.must(t, "start", c)
	if out := l.sh(t, "d", "cat /etc/debian_version && test ! -e /etc/mine && tail -n1 /etc/profile"); strings.HasSuffix(out, "x") {
		t.Errorf("inside after the reset: %q", out)
	}
}

func changesOf(t *testing.T, document string) map[string]string {
	t.Helper()
	var list struct {
		Items []struct{ Path, Class string }
	}
	if err := json.Unmarshal([]byte(document), &list); err != nil {
		t.Fatal(err)
	}
	changes := map[string]string{}
	for _, i := range list.Items {
		changes[i.Path] = i.Class
	}
	return changes
}

func trashOf(t *testing.T, l *local, container string) int64 {
	t.Helper()
	var list struct{ Items []struct{ Trash int64 } }
	if err := json.Unmarshal([]byte(l.must(t, "delta", "usage", container, "-o", "json")), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("delta usage: %v, %v", list, err)
	}
	return list.Items[0].Trash
}

// What lies over files of the host is told apart. Nothing of this machine changes meanwhile, so nothing hides a patch.
func TestLocalShadows(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	c := l.name("s")
	l.must(t, "create", c, "--profile", "command", "--start")
	l.sh(t, "s", `chmod 600 /etc/debian_version; echo x >>/etc/issue; rm /etc/issue.net; rm -r /usr/share/base-files; mkdir /usr/share/base-files
		mkdir -p /usr/local/lib; echo own >/usr/local/lib/libssl.so.3; echo me:x:1000:1000::/:/bin/sh >>/etc/passwd; touch /var/lib/dpkg/status
		echo >>/var/lib/dpkg/status; : >"/opt/two
lines"`)
	want := map[string]string{
		"/etc/debian_version": "metadata", "/etc/issue": "conffile", "/etc/issue.net": "whiteout", "/usr/share/base-files": "opaque", "/etc/passwd": "accounts",
		"/var/lib/dpkg/status": "database",
	}
	if diff := cmp.Diff(want, changesOf(t, l.must(t, "delta", "shadows", c, "-o", "json"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want[`/opt/two\nlines`], want["/usr/local/lib/libssl.so.3"] = "own", "own"
	own := changesOf(t, l.must(t, "delta", "shadows", c, "--own", "-o", "json"))
	for path, class := range want {
		if own[path] != class {
			t.Errorf("%s is %q, want %q", path, own[path], class)
		}
	}
	l.must(t, "stop", c)
	var list struct{ Items []struct{ Hides bool } }
	if err := json.Unmarshal([]byte(l.must(t, "delta", "shadows", "all", "-o", "json")), &list); err != nil || len(list.Items) != 6 {
		t.Fatalf("of the stopped one: %v, %v", list, err)
	}
	for _, i := range list.Items {
		if i.Hides {
			t.Errorf("something hides a patch that there was not: %+v", list)
		}
	}
}
