package e2e_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// completeScript is what bash does for the key Tab on the words it is given, without the package bash-completion, whose only part in it is to
// find the word at the cursor.
const completeScript = `
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cword=$COMP_CWORD; words=("${COMP_WORDS[@]}"); }
source <(sysctr completion bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
__start_sysctr sysctr 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
`

// TestLocalCompletion presses Tab as a user who may not read a single record.
func TestLocalCompletion(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Command(t, "bash", "install the package bash")
	l := newLocal(t)
	l.must(t, "create", l.name("web<1..3>"), "--set", "tags="+l.name("front"))
	l.must(t, "create", l.name("db1"), "--profile", "command", "--set", "command=[/bin/true]")
	p := l.prefix
	for _, test := range []struct {
		summary string
		words   []string
		want    string
	}{
		{"all names with a prefix, and their range", []string{"start", p + "we"}, p + "web1 " + p + "web2 " + p + "web3 " + p + "web<1..3>"},
		{"what is given already is not offered again", []string{"stop", p + "web1", p + "web3", p + "w"}, p + "web2 " + p + "web<1..3>"},
		{"a range is quoted", []string{"start", p + `web\<`}, p + `web\<1..3\>`},
		{"a single name", []string{"shell", p + "d"}, p + "db1"},
		{"what is taken away", []string{"stop", "all", "-x", p + "d"}, p + "db1"},
		{"a profile of containers", []string{"list", "profile:c"}, "command"}, // bash itself divides words at a colon
		{"no name for a new one", []string{"create", p}, ""},
		{"a profile for it", []string{"create", p + "x", "--profile", "sy"}, "system"},
		{"a setting", []string{"create", p + "x", "--set", "limits.m"}, "limits.memory="},
		{"a format", []string{"list", "-o", "j"}, "json"},
		{"a verb", []string{"dest"}, "destroy"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			out := asNobody(t, l, append([]string{"bash", "-c", completeScript, "bash", "sysctr"}, test.words...)...)
			if got := strings.Join(strings.Fields(out), " "); got != test.want {
				t.Errorf("Tab after %q offers %q, want %q", test.words, got, test.want)
			}
		})
	}
	t.Run("the list says no more than that", func(t *testing.T) {
		text := asNobody(t, l, "cat", runDir+"/names")
		want := strings.ReplaceAll("Pdb1\nPweb1\nPweb2\nPweb3\n@Pfront\nprofile:command\nprofile:system\n", "P", p)
		if text != want {
			t.Errorf("published is\n%s\nwant\n%s", text, want)
		}
	})
	t.Run("it follows", func(t *testing.T) {
		l.must(t, "apply", p+"web1", "--set", "tags={replace: [other]}")
		l.must(t, "destroy", p+"web2", "--yes")
		if text := asNobody(t, l, "cat", runDir+"/names"); strings.Contains(text, "web2") || !strings.Contains(text, "@other\n") {
			t.Errorf("after a new tag and a destruction:\n%s", text)
		}
	})
	t.Run("no container sees it", func(t *testing.T) {
		l.must(t, "start", p+"web1")
		if r := l.try(t, "web1", "cat /run/sysctr/names"); r.Code == 0 || !strings.Contains(r.Stderr, "No such file") {
			t.Errorf("a container reads the names of its neighbours: %+v", r)
		}
	})
}

// asNobody runs a command as a user without any right, with sysctr in PATH, and returns its standard output.
func asNobody(t *testing.T, l *local, args ...string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sysctr-nobody-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program, err := os.ReadFile(l.binary)
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "sysctr"), program, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=" + dir + ":/usr/bin:/bin", "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return string(out)
}
