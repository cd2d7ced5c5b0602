package cmd_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// mainVariable makes the test binary the program itself.
const mainVariable = "SYSCTR_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		os.Exit(cmd.Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// run runs one command line and returns what it printed and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), mainVariable+"=1")
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := c.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("sysctr %q: %v", args, err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// TestBadUsage are command lines that are wrong whatever the host is like. None of them looks at it.
func TestBadUsage(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(bad, []byte("isolation: none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(dir, "fifo.yaml")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		code int
		want string // of standard error
	}{
		{[]string{"fly"}, 2, "unknown command"},
		{[]string{"--fly"}, 2, "unknown flag"},
		{[]string{"list", "--output", "xml"}, 2, "xml"},
		{[]string{"create"}, 2, "target|name|argument"},
		{[]string{"start"}, 2, "target|argument"},
		{[]string{"create", "Web1"}, 2, "Web1"},
		{[]string{"create", "-x"}, 2, "shorthand"},
		{[]string{"create", "all"}, 2, "all"},
		{[]string{"create", "web*"}, 2, `web\*`},
		{[]string{"create", "@tag"}, 2, "tag"},
		{[]string{"create", "web<1..1000000000>"}, 2, "10000"},
		{[]string{"create", "../etc"}, 2, "etc"},
		{[]string{"create", "web1\nweb2"}, 2, "web1"},
		{[]string{"create", "web1", "--profile", "nosuch"}, 2, "nosuch"},
		{[]string{"create", "web1", "--profile", "../etc/passwd"}, 2, "profile"},
		{[]string{"create", "web1", "--set", "isolation=none"}, 2, "isolation"},
		{[]string{"create", "web1", "--set", "nosuch=1"}, 2, "nosuch"},
		{[]string{"create", "web1", "--set", "limits.memory"}, 2, "limits.memory"},
		{[]string{"create", "web1", "--timeout", "soon"}, 2, "soon"},
		{[]string{"create", "web1", "--timeout", "-1s"}, 2, `"--timeout" flag: it is below zero`},
		{[]string{"ensure", "web1", "--state", "started", "--parallel", "-1"}, 2, `"-1" for "--parallel" flag: it is below zero`},
		{[]string{"exec", "web1", "--parallel", "-1", "--", "true"}, 125, "below zero"},
		{[]string{"wait", "web1", "--for", "godot"}, 2, "godot"},
		{[]string{"exec", "web1"}, 125, "TARGET"},
		{[]string{"exec", "--", "true"}, 125, "TARGET"},
		{[]string{"exec", "web1", "--"}, 125, "TARGET"},
		{[]string{"exec", "--fly", "web1", "--", "true"}, 125, "unknown flag"},
		{[]string{"shell"}, 125, "arg"},
		{[]string{"shell", "a", "b"}, 125, "arg"},
		{[]string{"list", "--exclude"}, 2, "argument"},
		{[]string{"version", "please"}, 2, "please|arg"},
		{[]string{"profile", "fly"}, 2, "fly"},
		{[]string{"host", "fly"}, 2, "fly"},
		{[]string{"profile", "show"}, 2, "arg"},
		{[]string{"profile", "show", "nosuch"}, 2, "nosuch"},
		{[]string{"profile", "validate", bad}, 2, `bad\.yaml:1:12.*none`},
		{[]string{"profile", "validate", fifo}, 2, "fifo"},
		{[]string{"profile", "validate", dir}, 2, "director"},
		{[]string{"profile", "validate", filepath.Join(dir, "gone.yaml")}, 2, "gone"},
		{[]string{"_unit"}, 2, "container"},
		{[]string{"_again"}, 2, "container"},
		{[]string{"_alone", "x"}, 2, "container"},
		{[]string{"_evidence"}, 1, "changed"},
		{[]string{"_attach"}, 125, "request"},
		{[]string{"_attach", "{"}, 125, "request"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			stdout, stderr, code := run(t, test.args...)
			if code != test.code || stdout != "" || !regexp.MustCompile(test.want).MatchString(stderr) {
				t.Errorf("exit code %d, want %d; standard error %q, want %q; standard output %q", code, test.code, stderr, test.want, stdout)
			}
			if strings.ContainsAny(strings.ReplaceAll(stderr, "\n", ""), "\x00\x1b\r") || strings.Contains(stderr, "goroutine") {
				t.Errorf("standard error %q", stderr)
			}
		})
	}
}

// TestFailureAsJSON: a program reads the same failure that a person does.
func TestFailureAsJSON(t *testing.T) {
	stdout, _, code := run(t, "create", "Web1", "-o", "json")
	if code != 2 || !json.Valid([]byte(stdout)) || !strings.Contains(stdout, `"code": "bad_input"`) {
		t.Errorf("exit code %d, standard output %q", code, stdout)
	}
}

// TestGoodProfile: a program is told which profiles are good, and a person no more than that they are.
func TestGoodProfile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "shop.yaml")
	if err := os.WriteFile(file, []byte("extends: system\ndescription: of a shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, "profile", "validate", file)
	if stdout != "" || stderr != file+": good\n" || code != 0 {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	stdout, _, code = run(t, "profile", "validate", file, "-o", "json")
	var list struct {
		Kind  string
		Items []struct{ Name, Description, File string }
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || code != 0 || list.Kind != "ProfileList" || len(list.Items) != 1 ||
		list.Items[0].Name != "shop" || list.Items[0].Description != "of a shop" || list.Items[0].File != file {
		t.Errorf("%v: exit code %d, %s", err, code, stdout)
	}
}

func TestVersion(t *testing.T) {
	stdout, stderr, code := run(t, "version")
	if code != 0 || stderr != "" || !regexp.MustCompile(`(?i)liblxc:?\s+\d+\.\d+`).MatchString(stdout) {
		t.Errorf("exit code %d, %q, %q", code, stdout, stderr)
	}
	stdout, _, code = run(t, "version", "-o", "json")
	var v struct {
		APIVersion, Kind string
		Items            []struct{ Version, Go, LXC string }
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil || code != 0 || v.APIVersion != "sysctr/v1" || len(v.Items) != 1 || v.Items[0].LXC == "" || v.Items[0].Go == "" {
		t.Errorf("exit code %d, %v: %s", code, err, stdout)
	}
}

// walk calls visit for every command that does something itself.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range c.Commands() {
		if sub.HasSubCommands() {
			walk(sub, visit)
			continue
		}
		visit(sub)
	}
}

// TestHelp: each verb's help says what it does and which exit codes it has.
func TestHelp(t *testing.T) {
	seen := 0
	walk(cmd.Root(), func(c *cobra.Command) {
		if c.Name() == "help" || c.Parent().Name() == "completion" {
			return
		}
		seen++
		words := strings.Fields(c.CommandPath())
		stdout, stderr, code := run(t, append(words[1:], "--help")...)
		if code != 0 || stderr != "" {
			t.Errorf("%s --help: exit code %d, %q", c.CommandPath(), code, stderr)
		}
		if !strings.Contains(stdout, "\nExit status:\n    0  done\n") && !strings.Contains(stdout, "\nExit status:\n  the command's own") {
			t.Errorf("the help of %s has no exit status:\n%s", c.CommandPath(), stdout)
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s is described as %q", c.CommandPath(), c.Short)
		}
		for _, line := range strings.Split(c.Long, "\n") {
			if len([]rune(line)) > 110 {
				t.Errorf("the help of %s has a line of %d columns: %s", c.CommandPath(), len([]rune(line)), line)
			}
		}
	})
	if seen < 18 {
		t.Errorf("only %d commands were looked at", seen)
	}
}

// TestDryRun: each verb that changes containers can say what it would do.
func TestDryRun(t *testing.T) {
	for _, verb := range []string{"create", "start", "stop", "restart", "kill", "freeze", "thaw", "destroy"} {
		c, _, err := cmd.Root().Find([]string{verb})
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range []string{"dry-run", "timeout", "parallel"} {
			if c.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s", verb, flag)
			}
		}
		if verb != "create" && c.Flags().ShorthandLookup("x") == nil {
			t.Errorf("%s has no -x", verb)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		stdout, stderr, code := run(t, "completion", shell)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "sysctr") {
			t.Errorf("completion %s: exit code %d, %d bytes, %q", shell, code, len(stdout), stderr)
		}
		if shell != "bash" {
			continue
		}
		check := exec.Command(need.Command(t, "bash", "install bash"), "-n")
		check.Stdin = strings.NewReader(stdout)
		if out, err := check.CombinedOutput(); err != nil {
			t.Errorf("bash does not take it: %v: %s", err, out)
		}
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"st"}, "start"},
		{[]string{"create", "web1", "--profile", "sys"}, "system"},
		{[]string{"profile", "show", "com"}, "command"},
		{[]string{"wait", "--fo"}, "--for"},
	} {
		stdout, _, code := run(t, append([]string{"__complete"}, test.args...)...)
		if code != 0 || !strings.Contains("\n"+stdout, "\n"+test.want) {
			t.Errorf("completing %q: exit code %d, %q; want %q", test.args, code, stdout, test.want)
		}
	}
}
