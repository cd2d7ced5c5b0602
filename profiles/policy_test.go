package profiles_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/profiles"
)

func TestAmount(t *testing.T) {
	tests := []struct {
		text  string
		of    int
		means int
	}{
		{"1", 10, 1}, {"10000", 3, 10000}, {"10%", 100, 10}, {"10%", 19, 1}, {"10%", 1, 1}, {"10%", 0, 1}, {"100%", 7, 7}, {"50%", 5, 2}, {"", 9, 9},
	}
	for _, test := range tests {
		if test.text != "" {
			if _, err := profiles.ParseAmount(test.text); err != nil {
				t.Error(err)
			}
		}
		if got := profiles.Amount(test.text).Of(test.of); got != test.means {
			t.Errorf("%q of %d are %d, want %d", test.text, test.of, got, test.means)
		}
	}
	for _, s := range []string{"", "0", "0%", "101%", "10001", "-1", "+1", "01", "1.5", "1 %", "%", "1%%", "x"} {
		if _, err := profiles.ParseAmount(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
	for text, want := range map[string]profiles.Amount{"3": "3", "0": "", `"10%"`: "10%", `"3"`: "3"} {
		var a profiles.Amount
		if err := json.Unmarshal([]byte(text), &a); err != nil || a != want {
			t.Errorf("%s reads as %q, %v", text, a, err)
		}
	}
	for _, text := range []string{"-1", "1.5", "[]", "true"} {
		var a profiles.Amount
		if err := json.Unmarshal([]byte(text), &a); err == nil {
			t.Errorf("%s reads as %q", text, a)
		}
	}
}

func TestParseConfig(t *testing.T) {
	c, err := profiles.ParseConfig("config.yaml", []byte("patch: {canary: 10%, soak: 0s, batch: 3, per_tag: {db: 1, web: 20%}, max_unavailable: 2, packages: {bash: lazy}, mode: off}"))
	if err != nil {
		t.Fatal(err)
	}
	want := profiles.DefaultPolicy()
	want.Canary, want.Soak, want.Batch, want.PerTag = "10%", 0, "3", map[string]profiles.Amount{"db": "1", "web": "20%"}
	want.MaxUnavailable, want.Packages, want.Mode = "2", map[string]profiles.Reaction{"bash": "lazy"}, profiles.Off
	if diff := cmp.Diff(want, c.Policy); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{
		"":                                   "config.yaml: empty",
		"roll: {}":                           `unknown key "roll"`,
		"patch: {after: [a]}":                `unknown key "after"`,
		"patch: {canry: 1}":                  `config.yaml:1:9: patch: unknown key "canry" (did you mean "canary"?)`,
		"patch: {canary: 0}":                 `config.yaml:1:17: patch.canary: `,
		"patch: {canary: '@'}":               `patch.canary: `,
		"patch: {canary: 'state:running'}":   "changes while a roll goes on",
		"patch: {batch: 0}":                  `"0" is not an amount`,
		"patch: {per_tag: {DB: 1}}":          `bad name "DB"`,
		"patch: {per_tag: {db: 0}}":          `"0" is not an amount`,
		"patch: {on_failure: stop}":          "known are halt, continue",
		"patch: {max_failures: 0}":           "0 is not between 1 and 10000",
		"patch: {settle: 2h}":                "2h is not between 0s and 1h",
		"patch: {soak: 2d}":                  "2d is not between 0s and 1d",
		"patch: {soak: 30}":                  "must be a duration",
		"patch: {max_lag: 0s}":               "patch.max_lag: is not said",
		"patch: {window: [Mon]}":             "is not a window",
		"patch: {mode: &x auto}":             "anchor &x",
		"patch: {}\n---\npatch: {}":          "second document",
		"patch: {mode: auto, mode: notify}":  "duplicate key",
		"patch: {probe: 'x y'}":              "is not taken apart",
		"patch: {packages: {libc6: always}}": "known are restart, lazy, ignore",
	} {
		_, err := profiles.ParseConfig("config.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got\n%v\nwant\n%s", text, err, want)
		}
	}
}

func TestReadConfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	c, err := profiles.ReadConfig(file)
	if err != nil || !cmp.Equal(c.Policy, profiles.DefaultPolicy()) {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	if err := os.WriteFile(file, []byte("patch: {mode: manual}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := profiles.ReadConfig(file); err != nil || c.Policy.Mode != profiles.Manual {
		t.Errorf("%+v, %v", c, err)
	}
	if _, err := profiles.ReadConfig(dir); err == nil {
		t.Error("a directory is read")
	}
}

func TestPolicyFor(t *testing.T) {
	p := profiles.DefaultPolicy()
	p.Window, p.Probe, p.Cooldown, p.Packages = []string{"01:00-02:00"}, []string{"/bin/p"}, t30, map[string]profiles.Reaction{"a": "lazy", "b": "lazy"}
	want := p.Patch
	want.MaxUnavailable = ""
	if diff := cmp.Diff(want, p.For(profiles.Patch{})); diff != "" {
		t.Errorf("nothing said: %s", diff)
	}
	own := full().Patch
	own.Packages = map[string]profiles.Reaction{"b": "restart"}
	got := p.For(own)
	own.Packages = map[string]profiles.Reaction{"a": "lazy", "b": "restart"}
	if diff := cmp.Diff(own, got); diff != "" {
		t.Errorf("everything said: %s", diff)
	}
	got.Packages["a"], got.Window[0] = "ignore", "changed"
	if p.Packages["a"] != "lazy" {
		t.Error("the policy was changed")
	}
}

// A policy lies in stored rolls too, where anything may stand.
func TestPolicyValidate(t *testing.T) {
	if err := profiles.DefaultPolicy().Validate(); err != nil {
		t.Error(err)
	}
	if err := (profiles.Policy{}).Validate(); err == nil {
		t.Error("the zero policy is valid")
	}
	for want, change := range map[string]func(*profiles.Policy){
		"patch.mode: is not said": func(p *profiles.Policy) { p.Mode = "" },
		"patch.batch: ":           func(p *profiles.Policy) { p.Batch = "x" },
		"patch.after: ":           func(p *profiles.Policy) { p.After = []string{"a"} },
		"patch.window[0]: ":       func(p *profiles.Policy) { p.Window = []string{"x"} },
		"patch.per_tag: bad name": func(p *profiles.Policy) { p.PerTag = map[string]profiles.Amount{"\x1b": "1"} },
	} {
		p := profiles.DefaultPolicy()
		change(&p)
		if err := p.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzConfig: what is taken is valid and the same after JSON.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("patch: {canary: 10%, soak: 0s, batch: 3, per_tag: {db: 1}, window: ['Mon 01:00-02:00 UTC'], probe: /bin/x}"))
	f.Add([]byte("patch:\n  mode: notify\n  canary: '@a'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := profiles.ParseConfig("config.yaml", data)
		if err != nil {
			checkPrintable(t, err)
			return
		}
		if err := c.Policy.Validate(); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c.Policy)
		if err != nil {
			t.Fatal(err)
		}
		var back profiles.Policy
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s becomes %s, %v", text, again, err)
		}
	})
}
