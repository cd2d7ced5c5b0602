package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalVerdicts: verbs take verdicts as targets, and list shows them when it is asked to look.
func TestLocalVerdicts(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	l := newLocal(t)
	file := hostFile(t, l.prefix)
	write(t, file, "old\n", 0o644)
	l.must(t, "create", l.name("a"), l.name("b"), "--profile", "command", "--start")
	l.sh(t, "a", "cat "+file)
	write(t, file+".new", "new\n", 0o644)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}

	for expression, want := range map[string]string{
		"patch:stale": l.name("a"), "patch:unaffected": l.name("b"), "all -x patch:stale": l.name("b"), "patch:stale patch:unaffected": l.name("a") + "\n" + l.name("b"),
	} {
		if got := l.must(t, append([]string{"targets"}, strings.Fields(expression)...)...); got != want {
			t.Errorf("targets %s: %q, want %q", expression, got, want)
		}
	}
	for arguments, want := range map[string]string{"": "", "--patch": "stale", "patch:stale": "stale"} {
		args := append([]string{"list"}, strings.Fields(arguments)...)
		var list struct {
			Items []struct{ Name, Verdict string }
		}
		if err := json.Unmarshal([]byte(l.must(t, append(args, "-o", "json")...)), &list); err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 0 || list.Items[0].Name != l.name("a") || list.Items[0].Verdict != want {
			t.Errorf("list %s: %+v, want %q of the first", arguments, list.Items, want)
		}
		if table := l.must(t, args...); strings.Contains(table, "VERDICT") != (want != "") || !strings.Contains(table, want) {
			t.Errorf("list %s:\n%s", arguments, table)
		}
	}
	if out := l.must(t, "exec", "patch:stale", "--", "cat", file); out != "old" {
		t.Errorf("what is stale reads %q", out)
	}
	if out := l.must(t, "restart", "patch:stale", "-o", "name"); out != l.name("a") {
		t.Errorf("restarted: %q", out)
	}
	if r := l.run(t, "targets", "patch:stale"); r.Code != 4 {
		t.Errorf("nothing is stale any more: %+v", r)
	}
	if out := l.must(t, "exec", l.name("a"), "--", "cat", file); out != "new" {
		t.Errorf("after the restart it reads %q", out)
	}
}

// hostFile returns where the test can have a file of the host that containers see. It goes with the test.
func hostFile(t *testing.T, prefix string) string {
	t.Helper()
	dir := filepath.Join("/usr/local/share", prefix)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "file")
}
