package cmd_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd"
	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// example is a command with everything that a page can show, and with what would be a request or an escape of roff.
func example() *cobra.Command {
	root := &cobra.Command{
		Use: "tool", Short: "Do things", Long: "Does things.\n\nMany of them:\n  one  'two'\n  three\nand so on.\n.not a request\\fB",
		Run: func(*cobra.Command, []string) {},
	}
	root.AddGroup(&cobra.Group{ID: "a", Title: "Group one:"}, &cobra.Group{ID: "b", Title: "Group two:"})
	root.PersistentFlags().BoolP("quiet", "q", false, "say nothing")
	below := &cobra.Command{
		Use: "do THING…", Short: "Do a thing – quickly", GroupID: "a", Aliases: []string{"act"}, Example: "  tool do x --set 'a=b'\n  tool do \"y\"",
		Long: "Does a thing.\n\n" + output.ExitStatus(output.ExitUsage, output.ExitHost), Run: func(*cobra.Command, []string) {},
	}
	below.Flags().StringArray("set", nil, "set a key")
	below.Flags().Int("times", 3, "how often")
	below.Flags().String("secret", "", "not shown")
	_ = below.Flags().MarkHidden("secret")
	run := &cobra.Command{Use: "run", Short: "Run", GroupID: "b", Long: "Runs.\n\n" + output.CommandStatus(), Run: func(*cobra.Command, []string) {}}
	root.AddCommand(below, run, &cobra.Command{Use: "old", Hidden: true, Run: func(*cobra.Command, []string) {}})
	return root
}

func TestCommandPage(t *testing.T) {
	root := example()
	for _, c := range append([]*cobra.Command{root}, root.Commands()...) {
		if c.Hidden {
			continue
		}
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".8"
		t.Run(name, func(t *testing.T) {
			got := cmd.CommandPage(c, "2026-11-21")
			golden := filepath.Join("testdata", name)
			if *update {
				if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(golden, []byte(got), 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(string(want), got))
			}
			lint(t, golden)
		})
	}
}

// lint has a formatter read a page, and wants it silent.
func lint(t *testing.T, path string) {
	t.Helper()
	groff := need.Command(t, "groff", "install the package groff-base")
	var said bytes.Buffer
	format := exec.CommandContext(t.Context(), groff, "-man", "-ww", "-Tutf8", "-z", path)
	format.Stderr = &said
	if err := format.Run(); err != nil || said.Len() > 0 {
		t.Errorf("groff of %s: %v\n%s", path, err, &said)
	}
	if mandoc, err := exec.LookPath("mandoc"); err == nil { // it is on few machines, and says more
		if out, err := exec.CommandContext(t.Context(), mandoc, "-T", "lint", "-W", "warning", path).CombinedOutput(); err != nil {
			t.Errorf("mandoc of %s: %v\n%s", path, err, out)
		}
	}
}

// pages writes the manual and returns where, with the paths of its pages.
func pages(t *testing.T) (string, []string) {
	t.Helper()
	dir := t.TempDir()
	if code := cmd.Main([]string{"_man", dir}); code != 0 {
		t.Fatalf("writing the manual ends with %d", code)
	}
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, strings.TrimPrefix(path, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, found
}

func TestManual(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	dir, found := pages(t)
	for _, want := range []string{
		"man5/sysctr-profile.5", "man7/sysctr.7", "man8/sysctr.8", "man8/sysctr-create.8", "man8/sysctr-host-init.8", "man8/sysctr-profile-show.8",
	} {
		if !slices.Contains(found, want) {
			t.Errorf("there is no %s among %q", want, found)
		}
	}
	if i := slices.IndexFunc(found, func(p string) bool { return strings.Contains(p, "completion") || strings.Contains(p, "help") }); i >= 0 {
		t.Errorf("%s is about nothing of ours", found[i])
	}
	referred := regexp.MustCompile(`(?m)^\.BR ([a-z\\-]+) \(([578])\)`)
	for _, p := range found {
		lint(t, filepath.Join(dir, p))
		text := readFile(t, filepath.Join(dir, p))
		if !strings.Contains(text, " 2023-11-14 ") || strings.Contains(text, "@DAY@") {
			t.Errorf("%s does not bear the day of the build:\n%.200s", p, text)
		}
		for _, m := range referred.FindAllStringSubmatch(text, -1) {
			if to := "man" + m[2] + "/" + strings.ReplaceAll(m[1], `\-`, "-") + "." + m[2]; !slices.Contains(found, to) {
				t.Errorf("%s refers to %s, and there is none", p, to)
			}
		}
	}
	again, _ := pages(t)
	for _, p := range found {
		if readFile(t, filepath.Join(dir, p)) != readFile(t, filepath.Join(again, p)) {
			t.Errorf("%s is another the second time", p)
		}
	}
	if code := cmd.Main([]string{"_man"}); code != output.ExitUsage {
		t.Errorf("a manual for no directory ends with %d", code)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The page about concepts has the exit codes and states that the program has.
func TestConceptsPage(t *testing.T) {
	text := readFile(t, "man/sysctr.7")
	_, status, _ := strings.Cut(text, ".SH EXIT STATUS")
	for line := range strings.Lines(output.ExitStatus()) {
		number, meaning, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if ok && !strings.Contains(status, ".TP\n.B "+number+"\n"+meaning+"\n") {
			t.Errorf("the page does not say what %s means: %q", number, meaning)
		}
	}
	_, states, _ := strings.Cut(text, ".SH STATES")
	states, _, _ = strings.Cut(states, ".SH")
	for _, s := range []record.State{record.Creating, record.Stopped, record.Starting, record.Running, record.Frozen, record.Stopping, record.Broken} {
		if !strings.Contains(states, ".TP\n.B "+string(s)+"\n") {
			t.Errorf("the page does not explain the state %s", s)
		}
	}
}

// The keys in the page about profiles are those of profiles/README.md, word for word, which its own test holds against the language.
func TestProfilePage(t *testing.T) {
	const begin, end = ".\\\" keys: from profiles/README.md, by go test ./cmd -update\n", ".\\\" end of keys\n"
	row := regexp.MustCompile("^\\| `([a-z_.]+)` \\| (.+) \\| (.+) \\|$")
	var keys strings.Builder
	var documented []string
	for line := range strings.Lines(readFile(t, "../profiles/README.md")) {
		line = strings.TrimSuffix(line, "\n")
		if line == "## The policy of the host" { // what follows is of the configuration
			break
		}
		if line == "## After a patch of the host" {
			keys.WriteString(".SS After a patch of the host\nWhat is left out is for the host's policy to say, in /etc/sysctr/config.yaml.\n")
		}
		if strings.HasPrefix(line, "## Keys that are kept for later") {
			keys.WriteString(".SS Kept for later\nThese are checked and stored now; this version does not act upon them, and says so.\n")
		}
		if m := row.FindStringSubmatch(line); m != nil {
			documented = append(documented, m[1])
			keys.WriteString(".TP\n.B " + cmd.Plain(m[1]) + "\n" + sentence(words(m[2])) + "\n" + preset(words(m[3])) + "\n")
		}
	}
	if !slices.Equal(documented, profiles.Keys()) {
		t.Fatalf("the README documents %q, and the keys are %q", documented, profiles.Keys())
	}
	before, rest, ok := strings.Cut(readFile(t, "man/sysctr-profile.5"), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks around the keys are gone")
	}
	if *update {
		if err := os.WriteFile("man/sysctr-profile.5", []byte(before+begin+keys.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		have = keys.String()
	}
	if have != keys.String() {
		t.Errorf("go test ./cmd -update, and read the difference (-want +have):\n%s", cmp.Diff(keys.String(), have))
	}
	for _, m := range regexp.MustCompile(`(?s)\.EX\n(.*?)\.EE`).FindAllStringSubmatch(after, -1) {
		if _, err := profiles.Parse("example.yaml", []byte(strings.ReplaceAll(m[1], `\-`, "-"))); err != nil {
			t.Errorf("an example is no profile: %v\n%s", err, m[1])
		}
	}
}

// words is a cell of the README in the language of the page: what is between backquotes is bold.
func words(cell string) string {
	parts := strings.Split(cell, "`")
	for i := range parts {
		parts[i] = cmd.Plain(parts[i])
		if i%2 == 1 {
			parts[i] = `\fB` + parts[i] + `\fR`
		}
	}
	return strings.Join(parts, "")
}

// preset says in a sentence what holds when a key is left out.
func preset(text string) string {
	if text == "required" {
		return "It is required."
	}
	return sentence("default: " + text)
}

// sentence begins with a capital, unless that would change what is written as code, and ends with one stop.
func sentence(text string) string {
	if r := rune(text[0]); unicode.IsLetter(r) {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return strings.TrimSuffix(text, ".") + "."
}

// Whatever a text holds, a page shows it: no line of it is a request, and no backslash is left that is not ours.
func FuzzPlain(f *testing.F) {
	f.Add(".SH x")
	f.Add("'\\fB…\n")
	f.Add("…and so on")
	f.Fuzz(func(t *testing.T, text string) {
		got := cmd.Plain(text)
		if strings.HasPrefix(got, ".") || strings.HasPrefix(got, "'") || strings.ContainsAny(got, "\n\r\t") {
			t.Errorf("%q becomes %q", text, got)
		}
		known := regexp.MustCompile(`\\(e|-|&|\(aq|\(ga|\(ha|\(ti|\(dq|\[u[0-9A-F]{4,6}\])`)
		if rest := known.ReplaceAllString(got, ""); strings.Contains(rest, `\`) {
			t.Errorf("%q becomes %q, with an escape that is not ours", text, got)
		}
	})
}
