package profiles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/profiles"
)

// numbered repeats a format with the numbers 1 to n.
func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i+1)
	}
	return b.String()
}

// library is one whose directory holds these files, given as name and text.
func library(t *testing.T, files map[string]string) (profiles.Library, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return profiles.Open(dir), dir
}

func resolve(t *testing.T, files map[string]string, name string, set ...string) profiles.Spec {
	t.Helper()
	l, _ := library(t, files)
	s, err := l.Resolve(name, set)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkErr(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error is\n%v\nwant it to contain\n%s", err, want)
	}
}
