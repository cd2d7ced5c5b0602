package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// ansible is the distribution's Ansible with a copy of the collection, in a folder of the test's own: a link would not do for the sanity tests.
type ansible struct {
	dir        string // of the playbooks, and the home
	collection string
	env        []string
}

func newAnsible(t *testing.T) *ansible {
	t.Helper()
	if _, err := os.Stat("/usr/bin/ansible-playbook"); err != nil {
		need.Missing(t, "needs /usr/bin/ansible-playbook: run make test-hosts")
	}
	a := &ansible{dir: t.TempDir()}
	root := filepath.Join(a.dir, ".ansible", "collections") // where some of its programs look and nowhere else
	a.collection = filepath.Join(root, "ansible_collections", "sysctr", "sysctr")
	if err := os.CopyFS(a.collection, os.DirFS(filepath.Join(e2e.Source(t), "ansible"))); err != nil {
		t.Fatalf("copy the collection: %v", err)
	}
	a.env = []string{
		"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + a.dir, "LANG=C.UTF-8", "ANSIBLE_COLLECTIONS_PATH=" + root, "ANSIBLE_NOCOLOR=1",
		"ANSIBLE_LOCALHOST_WARNING=0", "ANSIBLE_INVENTORY_UNPARSED_WARNING=0",
		"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1", "ANSIBLE_RETRY_FILES_ENABLED=0", "PYTHONDONTWRITEBYTECODE=1",
		"ANSIBLE_CALLBACK_PLUGINS=" + a.dir, "ANSIBLE_CALLBACKS_ENABLED=answer",
	}
	a.write(t, "answer.py", keeps)
	return a
}

// keeps is a callback plugin that keeps what each module of a play returned, a line each: a task that did it would take as long as the module.
const keeps = `
import json
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'notification'
    CALLBACK_NAME = 'answer'
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result, failed=False):
        with open('answers', 'a') as f:
            f.write(json.dumps(dict(result._result, failed=failed), default=str) + '\n')

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.v2_runner_on_ok(result, True)
`

// run runs one of Ansible's programs. One that fails is a Result.
func (a *ansible) run(t *testing.T, name string, args ...string) e2e.Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = a.dir, a.env, &stdout, &stderr, time.Second
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s %q: %v\n%s%s", name, args, err, &stdout, &stderr)
	}
	return e2e.Result{Stdout: stdout.String(), Stderr: stderr.String(), Code: cmd.ProcessState.ExitCode()}
}

// write makes a file beside the playbooks and returns its path.
func (a *ansible) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil { //nolint:gosec // an inventory may be a program
		t.Fatal(err)
	}
	return path
}

// play is one run of ansible-playbook.
type play struct {
	e2e.Result
	counts map[string]map[string]int // of the recap: by host, then ok, changed, failed, …
}

var recap = regexp.MustCompile(`(?m)^(\S+)\s+: (ok=\d+ .*)$`)

// play runs a playbook.
func (a *ansible) play(t *testing.T, text string, args ...string) play {
	t.Helper()
	return a.playFile(t, a.write(t, "play.yml", text), args...)
}

func (a *ansible) playFile(t *testing.T, path string, args ...string) play {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(a.dir, "answers")); err != nil {
		t.Fatal(err)
	}
	p := play{Result: a.run(t, "/usr/bin/ansible-playbook", append([]string{path}, args...)...), counts: map[string]map[string]int{}}
	for _, line := range recap.FindAllStringSubmatch(p.Stdout, -1) {
		host := map[string]int{}
		for _, pair := range strings.Fields(line[2]) {
			var n int
			key, value, _ := strings.Cut(pair, "=")
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatalf("recap %q: %v", line[0], err)
			}
			host[key] = n
		}
		p.counts[line[1]] = host
	}
	return p
}

// is ends the test unless the play has succeeded with so many changes at the host.
func (p play) is(t *testing.T, host string, changed int) play {
	t.Helper()
	if p.Code != 0 || len(p.counts[host]) == 0 || p.counts[host]["changed"] != changed {
		t.Fatalf("status %d, want 0 with %d changed at %s\n%s%s", p.Code, changed, host, p.Stdout, p.Stderr)
	}
	return p
}

// answer is what a module of the collection returned.
type answer struct {
	Changed bool
	Failed  bool
	Msg     string
	RC      int
	Path    string
	Stdout  string
	Items   []struct {
		Name, Action, State, Verdict string
		Changed, Ready               bool
		Error                        *struct{ Code, Message, Hint string }
	}
	Containers []map[string]any
	Verdicts   map[string]int
	Summary    map[string]int
	Diff       json.RawMessage
}

// module runs one module on this machine with JSON as options, and returns the play and its answer.
func (a *ansible) module(t *testing.T, l *local, name string, options map[string]any, args ...string) (play, answer) {
	t.Helper()
	p, answers := a.modules(t, l, []task{{name, options}}, args...)
	return p, answers[0]
}

// task is a module of the collection and its options.
type task struct {
	module  string
	options map[string]any
}

// modules runs one task after the other, whatever fails, and returns the play and the answer of each.
func (a *ansible) modules(t *testing.T, l *local, tasks []task, args ...string) (play, []answer) {
	t.Helper()
	list := make([]any, len(tasks))
	for i, each := range tasks {
		each.options["executable"] = l.binary
		list[i] = map[string]any{"sysctr.sysctr." + each.module: each.options, "ignore_errors": true}
	}
	text, err := json.Marshal([]any{map[string]any{
		"hosts": "localhost", "gather_facts": false, "connection": "local",
		"vars": map[string]any{"ansible_python_interpreter": "/usr/bin/python3"}, "tasks": list,
	}})
	if err != nil {
		t.Fatal(err)
	}
	p := a.play(t, string(text), append([]string{"-i", "localhost,"}, args...)...)
	answers := a.answers(t)
	if p.Code != 0 || len(answers) != len(tasks) {
		t.Fatalf("status %d, %d answers of %d\n%s%s", p.Code, len(answers), len(tasks), p.Stdout, p.Stderr)
	}
	return p, answers
}

// answers are what the modules of the last play returned.
func (a *ansible) answers(t *testing.T) []answer {
	t.Helper()
	var all []answer
	for line := range strings.Lines(readText(t, filepath.Join(a.dir, "answers"))) {
		var each answer
		if err := json.Unmarshal([]byte(line), &each); err != nil {
			t.Fatal(err)
		}
		all = append(all, each)
	}
	return all
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
