package profiles_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/profiles"
)

// readme is what profiles/README.md says of profiles.
func readme(t *testing.T) string {
	t.Helper()
	profile, _ := readmeParts(t)
	return profile
}

// readmeParts divides it into what is said of profiles and of the configuration.
func readmeParts(t *testing.T) (profile, config string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	profile, config, ok := strings.Cut(string(text), "\n## The policy of the host\n")
	if !ok {
		t.Fatal("nothing is said of the policy of the host")
	}
	return profile, config
}

// documentedKeys are the keys of all tables, in their order, with what they say of the default.
func documentedKeys(text string) (keys []string, defaults map[string]string) {
	defaults = map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.]+)` \\| .+ \\| (.+) \\|$").FindAllStringSubmatch(text, -1) {
		keys = append(keys, m[1])
		defaults[m[1]] = strings.Trim(m[2], "`")
	}
	return keys, defaults
}

// The tables document exactly the keys there are, in the same order.
func TestReadmeDocumentsEveryKey(t *testing.T) {
	documented, _ := documentedKeys(readme(t))
	if !slices.Equal(documented, profiles.Keys()) {
		t.Errorf("documented\n%v\nkeys\n%v", documented, profiles.Keys())
	}
}

// Every example is a profile that resolves, and together they use every key.
func TestReadmeExamples(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme(t), -1)
	if len(blocks) < 4 {
		t.Fatalf("found %d examples only", len(blocks))
	}
	var all strings.Builder
	for i, block := range blocks {
		l, _ := library(t, map[string]string{"example.yaml": block[1]})
		if _, err := l.Resolve("example", nil); err != nil {
			t.Errorf("example %d:\n%s\n%v", i+1, block[1], err)
		}
		all.WriteString(block[1])
	}
	for _, k := range profiles.Keys() {
		key := k[strings.LastIndex(k, ".")+1:]
		if !regexp.MustCompile(`(^|[\s{])`+key+":").MatchString(all.String()) && !slices.Contains(withoutExample(), k) {
			t.Errorf("no example uses %s", k)
		}
	}
}

// withoutExample are the keys whose row says it all.
func withoutExample() []string {
	return []string{"init", "isolation", "priority", "share"}
}

// What the defaults column says is what a profile that says nothing gives.
func TestReadmeDefaults(t *testing.T) {
	s := resolve(t, map[string]string{"web.yaml": "description: d"}, "web")
	text := readme(t)
	for key, want := range map[string]string{
		"init": fmt.Sprint("`", s.Init, "`"), "isolation": fmt.Sprint("`", s.Isolation, "`"), "limits.pids": fmt.Sprint(s.Limits.Pids),
		"autostart": fmt.Sprint("`", s.Autostart, "`"), "priority": fmt.Sprint(s.Priority), "stop.signal": "`" + s.Stop.Signal + "`; with",
		"stop.timeout": fmt.Sprint("`", s.Stop.Timeout, "`; with"), "restart": fmt.Sprint("`", s.Restart, "`"), "usr": fmt.Sprint("`", s.Usr, "`"),
	} {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(key) + "` \\| .* \\| (.*) \\|$").FindStringSubmatch(text)
		if row == nil || !strings.HasPrefix(row[1], want) {
			t.Errorf("the default of %s is %s, documented as %q", key, want, row)
		}
	}
}

// The table of the policy has the configuration's keys in their order, its defaults are those of DefaultPolicy, and its example uses every key.
func TestReadmeDocumentsThePolicy(t *testing.T) {
	_, text := readmeParts(t)
	documented, defaults := documentedKeys(text)
	if !slices.Equal(documented, profiles.ConfigKeys()) {
		t.Errorf("documented\n%v\nkeys\n%v", documented, profiles.ConfigKeys())
	}
	p := profiles.DefaultPolicy()
	for key, want := range map[string]string{
		"mode": string(p.Mode), "scope": string(p.Scope), "max_lag": p.MaxLag.String(), "max_unavailable": string(p.MaxUnavailable),
		"probe_timeout": p.ProbeTimeout.String(), "canary": p.Canary, "soak": p.Soak.String(), "batch": string(p.Batch), "on_failure": string(p.OnFailure),
		"max_failures": fmt.Sprint(p.MaxFailures), "settle": p.Settle.String(),
	} {
		if defaults["patch."+key] != want {
			t.Errorf("the default of %s is %s, documented as %q", key, want, defaults["patch."+key])
		}
	}
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindStringSubmatch(text)
	if example == nil {
		t.Fatal("no example")
	}
	if _, err := profiles.ParseConfig("config.yaml", []byte(example[1])); err != nil {
		t.Error(err)
	}
	for _, k := range profiles.ConfigKeys() {
		if !strings.Contains(example[1], k[strings.LastIndex(k, ".")+1:]+":") {
			t.Errorf("the example does not use %s", k)
		}
	}
}
