package profiles_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

// refusals are profiles that are refused, with all that is said of them.
func refusals() []refusal {
	return []refusal{
		{"unknown key with a suggestion", "descripton: x\n", `web.yaml:1:1: unknown key "descripton" (did you mean "description"?)`},
		{"unknown key below", "limits:\n  memry: 1\n", `web.yaml:2:3: limits: unknown key "memry" (did you mean "memory"?)`},
		{"key of a mapping at the top", "memry: 1\n", `web.yaml:1:1: unknown key "memry" (did you mean "limits.memory"?)`},
		{"unfinished key", "env: {}\n", `web.yaml:1:1: unknown key "env" (did you mean "environment"?)`},
		{"unknown key in a list", "mounts: [{source: /a, target: /b, ro: true}]\n", `web.yaml:1:35: mounts[0]: unknown key "ro" (known here are create, readonly, source, target)`},
		{"duplicate key", "priority: 1\npriority: 2\n", `web.yaml:2:1: duplicate key "priority" (first written in line 1)`},
		{"duplicate key below", "environment: {A: x, A: y}\n", `web.yaml:1:21: duplicate key "A" (first written in line 1)`},
		{"anchor", "tags: &a [x]\n", `web.yaml:1:7: anchor &a (write the value out: a profile is read as it stands)`},
		{"alias", "tags: &a [x]\nhide: *a\n", "web.yaml:1:7: anchor &a (write the value out: a profile is read as it stands)\n" +
			`web.yaml:2:7: alias *a (write the value out: a profile is read as it stands)`},
		{"merge key", "limits:\n  <<: {memory: 1G}\n", `web.yaml:2:3: merge key << (use extends: to build on another profile)`},
		{"custom tag", "description: !x y\n", `web.yaml:1:14: tag !x (leave it out: every key has one type)`},
		{"standard tag", "description: !!str y\n", `web.yaml:1:14: tag !!str (leave it out: every key has one type)`},
		{"second document", "tags: [a]\n---\ntags: [b]\n", `web.yaml:2:1: second document (write one profile per file, without a further ---)`},
		{"key that is no word", "? [a]\n: b\n", `web.yaml:1:3: a key must be a plain word`},
		{"empty", "", `web.yaml: empty (a profile has at least a description)`},
		{"only a comment", "# nothing\n", `web.yaml: empty (a profile has at least a description)`},
		{"no mapping", "- a\n", `web.yaml:1:1: must be a mapping of keys to values, not a list`},
		{"a word", "hello\n", `web.yaml:1:1: must be a mapping of keys to values, not "hello"`},
		{"not YAML", "a: [\n", `web.yaml:1:1: not YAML: did not find expected node content`},
		{"tab", "limits:\n\tmemory: 1G\n", `web.yaml:2:1: not YAML: found character that cannot start any token`},
		{"no value", "hide:\n", `web.yaml:1:6: hide: no value (write a list, or leave the key out)`},
		{"number for a text", "description: 12\n", `web.yaml:1:14: description: must be a text, not the number "12" (put it in quotes if it is meant: "12")`},
		{"text for a list", "hide: /srv\n", `web.yaml:1:7: hide: must be a list, not "/srv"`},
		{"list for a text", "usr: [shared]\n", `web.yaml:1:6: usr: must be a text, not a list`},
		{"text for a mapping", "limits: none\n", `web.yaml:1:9: limits: must be a mapping of keys to values, not "none"`},
		{"word for a truth value", "autostart: yes\n", `web.yaml:1:12: autostart: must be true or false, not "yes"`},
		{"quoted truth value", "autostart: \"true\"\n", `web.yaml:1:12: autostart: must be true or false, not "true"`},
		{"fraction for a number", "priority: 1.5\n", `web.yaml:1:11: priority: must be a whole number, not the number "1.5"`},
		{"octal number", "priority: 0o17\n", `web.yaml:1:11: priority: must be a whole decimal number, not "0o17"`},
		{"null in the environment", "environment: {A: ~}\n", `web.yaml:1:18: environment.A: no value (write a text, or leave the key out)`},
		{"mapping that replaces nothing", "hide: {}\n", `web.yaml:1:7: hide: must be a list (write a list, or {replace: [...]} to drop what is inherited)`},
		{"listed twice", "hide: [/srv/a, /srv/a]\n", `web.yaml:1:16: hide: "/srv/a" is listed twice`},
		{"targets mounted twice", "mounts:\n  - {source: /a, target: /t}\n  - {source: /b, target: /t}\n", `web.yaml:3:5: mounts: "/t" is listed twice`},
		{"escaped control character", "description: \"a\\u0007\"\n", `web.yaml:1:14: control character U+0007 in a text (texts have one line and no escapes for control characters)`},
		{"two lines", "description: |\n  a\n  b\n", `web.yaml:1:14: control character U+000A in a text (texts have one line and no escapes for control characters)`},
		{"escaped control character in a key", "environment: {\"A\\e\": x}\n", `web.yaml:1:15: control character U+001B in a text (texts have one line and no escapes for control characters)`},
		{"C0 in a comment", "# \x1b[2J\ntags: [a]\n", `web.yaml:1:3: control character U+001B (a profile is plain UTF-8 text)`},
		{"C1", "tags: [a]\n# \u0085\n", `web.yaml:2:3: control character U+0085 (a profile is plain UTF-8 text)`},
		{"DEL", "a\x7f: b\n", `web.yaml:1:2: control character U+007F (a profile is plain UTF-8 text)`},
		{"line separator", "é: \u2028\n", `web.yaml:1:4: line separator U+2028 (a profile is plain UTF-8 text)`},
		{"mark of direction", "hide: [/a\u202e]\n", `web.yaml:1:10: mark of direction U+202E (a profile is plain UTF-8 text)`},
		{"byte order mark", "\ufefftags: [a]\n", `web.yaml:1:1: byte order mark U+FEFF (a profile is plain UTF-8 text)`},
		{"NUL", "tags: [a]\x00\n", `web.yaml:1:10: control character U+0000 (a profile is plain UTF-8 text)`},
		{"bare carriage return", "tags: [a]\rhide: []\n", `web.yaml:1:10: control character U+000D (a profile is plain UTF-8 text)`},
		{"bad UTF-8", "tags: [a]\ndescription: \xff\n", `web.yaml:2:14: not valid UTF-8 (a profile is plain UTF-8 text)`},
		{"UTF-16", "\xff\xfet\x00", `web.yaml:1:1: not valid UTF-8 (a profile is plain UTF-8 text)`},
		{"too large", strings.Repeat("#", profiles.MaxSize+1), `web.yaml: larger than 256 KiB (a profile has a few lines: is this the right file?)`},
		{"nested too deep", "hide: [[[[[[[[a]]]]]]]]\n", "web.yaml:1:8: hide[0]: must be a text, not a list\nweb.yaml:1:14: nested deeper than 8 levels"},
		{"init and command", "init: [/sbin/init]\ncommand: [/bin/true]\n", `web.yaml:2:10: command: a container has init or command, not both (leave one of them out)`},
		{"command line in one text", "command: /bin/sleep 5\n", `web.yaml:1:10: command: a command line with spaces is not taken apart (write a list: ["/bin/sleep", "5"])`},
		{"bad name in extends", "extends: ../x\n", `web.yaml:1:10: extends: bad name "../x": it must begin with a lower case letter`},
		{"nothing in extends", "extends: \"\"\n", `web.yaml:1:10: extends: bad name "": it is empty`},
		{"several, in the order of the text", "usr: no\nhide: [x]\nautostart: 1\n", "web.yaml:1:6: usr: \"no\" is not known (known are overlay, shared)\n" +
			"web.yaml:2:8: hide[0]: \"x\" is not an absolute path (begin it with /)\nweb.yaml:3:12: autostart: must be true or false, not the number \"1\""},
	}
}

type refusal struct {
	summary, input, want string
}

func TestParseRefuses(t *testing.T) {
	for _, test := range refusals() {
		t.Run(test.summary, func(t *testing.T) {
			p, err := profiles.Parse("web.yaml", []byte(test.input))
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != test.want {
				t.Errorf("got\n%v\nwant\n%s", err, test.want)
			}
			if p != nil {
				t.Error("a profile came with the error")
			}
			var typed *profiles.Error
			if !errors.As(err, &typed) || typed.File != "web.yaml" || typed.Reason == "" {
				t.Errorf("not an *Error of the file: %#v", typed)
			}
		})
	}
}

func TestParseBoundsItsProblems(t *testing.T) {
	var input strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&input, "key%d: x\n", i)
	}
	_, err := profiles.Parse("web.yaml", []byte(input.String()))
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != 21 || !strings.HasPrefix(lines[0], `web.yaml:1:1: unknown key "key0"`) || lines[20] != "web.yaml: more is wrong (cure this first)" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
}

func TestParseNamesTheProfileByItsFile(t *testing.T) {
	p, err := profiles.Parse("/etc/sysctr/profiles/web.yaml", []byte("description: d\nextends: system\n"))
	if err != nil || p.Name != "web" || p.Description != "d" || p.Extends != "system" || p.Text == "" {
		t.Errorf("got %+v, %v", p, err)
	}
	_, err = profiles.Parse("/tmp/We\x1bb.yaml", []byte("description: d\n"))
	if err == nil || strings.Contains(err.Error(), "\x1b") || !strings.Contains(err.Error(), "bad name") {
		t.Errorf("error is %q, want a printable one about the name", err)
	}
}

// The YAML library is old and its scanner has quadratic corners: whatever MaxSize bytes hold, the answer comes.
func TestParseIsBounded(t *testing.T) {
	for _, unit := range []string{"[", "{", "- ", "? ", "a: ", "&a ", "*a ", "!a ", "!<a> ", "\"", "'", "|\n ", "#\n", "# a\n", "\n", " ", "a\n", "--- \n",
		"[a,", "{a: b,", "a: {", "- a\n", "a: b\n", "\"a\": b\n", "? a\n: b\n", "- - a\n", "%YAML 1.1\n", "<<: {a: b}\n", "...\n", ",", ": ", "é", "{}", "[]"} {
		input := strings.Repeat(unit, profiles.MaxSize/len(unit))
		begin := time.Now()
		if _, err := profiles.Parse("web.yaml", []byte(input)); err == nil && strings.Trim(input, "# a\n") != "" {
			t.Errorf("%q repeated is a profile", unit)
		}
		// It takes some milliseconds; a quadratic corner took minutes.
		if took := time.Since(begin); took > 20*time.Second {
			t.Errorf("%q repeated took %v", unit, took)
		}
	}
}
