package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// block is a fenced block of a page.
type block struct {
	language, text string
	line           int // of its first line in the page
}

// blocks returns the fenced blocks of a page of Markdown.
func blocks(page string) []block {
	var found []block
	open := false
	for i, line := range strings.Split(page, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !open:
			found = append(found, block{language: language, line: i + 2})
		case !fence && open:
			found[len(found)-1].text += line + "\n"
		}
		open = open != fence
	}
	return found
}

// transcript is one command of a console block, and what it prints.
type transcript struct{ command, output string }

// transcripts divides a console block: what follows "# " is a command, the lines below it are its output.
func transcripts(text string) []transcript {
	var all []transcript
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, transcript{command: strings.TrimSuffix(command, "\n")})
		} else if len(all) > 0 {
			all[len(all)-1].output += line
		}
	}
	return all
}

// TestLocalReadme runs the README from top to bottom: every transcript of it is what sysctr prints, every profile of it is one. What differs by
// nature is made alike before: the names, since other tests of this machine may have a web1, the widths of columns, how long ago something was,
// and large numbers, which are limits of the host. Packages are not upgraded.
func TestLocalReadme(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	need.Files(t)
	page, err := os.ReadFile(filepath.Join(e2e.Source(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	l := newLocal(t)
	bin := t.TempDir()
	writeProgram(t, bin+"/apt-get", `echo "$@" >>`+bin+"/upgraded")
	if err := os.Symlink(l.binary, bin+"/sysctr"); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range blocks(string(page)) {
		switch b.language {
		case "console":
			for _, step := range transcripts(b.text) {
				l.follow(t, bin, b.line, step)
				ran++
			}
		case "yaml":
			l.keep(t, b)
		case "text", "sh", "console patched": // what changes the host's packages is TestUnitsNet's and TestPatchReadme's
		default:
			t.Errorf("README.md:%d: a block of %q, which nothing tests", b.line, b.language)
		}
	}
	if ran < 10 {
		t.Errorf("the README has only %d transcripts", ran)
	}
	if upgraded, err := os.ReadFile(bin + "/upgraded"); err != nil || !strings.HasPrefix(string(upgraded), "upgrade") {
		t.Errorf("nothing was upgraded: %q, %v", upgraded, err)
	}
}

// follow runs one command of the page as its reader would, and compares what it prints.
func (l *local) follow(t *testing.T, bin string, line int, step transcript) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := regexp.MustCompile(`\b(web|db|shop)([0-9<*\[])`).ReplaceAllString(step.command, l.prefix+"$1$2")
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("README.md:%d: %s: %v", line, step.command, err)
	}
	got := strings.ReplaceAll(out.String(), l.prefix, "")
	if diff := cmp.Diff(alike(step.output), alike(got)); diff != "" {
		t.Errorf("README.md:%d: %s (-README +printed):\n%s", line, step.command, diff)
	}
}

// alike takes out of an output what is another at every run.
func alike(output string) string {
	output = regexp.MustCompile(`(?m)(^| )[0-9]+[smhd]( |$)`).ReplaceAllString(output, "${1}AGO$2")
	output = regexp.MustCompile(`\b[0-9]{4,}\b`).ReplaceAllString(output, "LIMIT")
	output = regexp.MustCompile(` +`).ReplaceAllString(output, " ")
	return regexp.MustCompile(`(?m) $`).ReplaceAllString(output, "")
}

// keep writes a profile where its first line says.
func (l *local) keep(t *testing.T, b block) {
	t.Helper()
	path, _, _ := strings.Cut(strings.TrimPrefix(b.text, "# "), "\n")
	if !strings.HasPrefix(path, "/etc/sysctr/profiles/") {
		t.Fatalf("README.md:%d: the block does not say which file it is: %q", b.line, path)
	}
	write(t, path, b.text, 0o644)
	l.must(t, "profile", "validate", path)
}

func TestTranscripts(t *testing.T) {
	page := "text\n```console\n# a 'b'\nout\n\nmore\n# c\n```\n```yaml\nx: 1\n```\n"
	found := blocks(page)
	if len(found) != 2 || found[0].line != 3 || found[1].language != "yaml" || found[1].text != "x: 1\n" {
		t.Fatalf("blocks: %+v", found)
	}
	steps := transcripts(found[0].text)
	if len(steps) != 2 || steps[0] != (transcript{"a 'b'", "out\n\nmore\n"}) || steps[1] != (transcript{"c", ""}) {
		t.Errorf("transcripts: %+v", steps)
	}
	for _, test := range [][2]string{{"a  3s    12d  x\n", "a AGO AGO x\n"}, {"x  5s  \ny", "x AGO\ny"}, {"512M 3 x1s", "512M 3 x1s"}, {"is 32768,", "is LIMIT,"}, {"md5:d39d8df97412345e x", "md5:d39d8df97412345e x"}} {
		if got := alike(test[0]); got != test[1] {
			t.Errorf("%q becomes %q, want %q", test[0], got, test[1])
		}
	}
}
