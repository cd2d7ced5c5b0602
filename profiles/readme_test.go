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

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The tables document exactly the keys there are, in the same order.
func TestReadmeDocumentsEveryKey(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| .+ \\| .+ \\|$")
	var documented []string
	for _, m := range row.FindAllStringSubmatch(readme(t), -1) {
		documented = append(documented, m[1])
	}
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
		"stop.timeout": fmt.Sprint("`", s.Stop.Timeout, "`; with"), "restart": fmt.Sprint("`", s.Restart, "`"), "patch.mode": fmt.Sprint("`", s.Patch.Mode, "`"),
		"patch.scope": fmt.Sprint("`", s.Patch.Scope, "`"), "patch.max_lag": fmt.Sprint("`", s.Patch.MaxLag, "`"), "usr": fmt.Sprint("`", s.Usr, "`"),
	} {
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(key) + "` \\| .* \\| (.*) \\|$").FindStringSubmatch(text)
		if row == nil || !strings.HasPrefix(row[1], want) {
			t.Errorf("the default of %s is %s, documented as %q", key, want, row)
		}
	}
}
