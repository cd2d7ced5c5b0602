// Package need says what a test needs of the machine. A missing ability skips the test with a reason; where CI=true the same reason is a
// failure, so that a skip can never hide a bug.
package need

import (
	"os"
	"os/exec"
	"testing"
)

// Root needs an effective user id of 0.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "needs root: run it with sudo")
	}
}

// Command needs the program name in PATH and returns its path; remedy says which package brings it.
func Command(t testing.TB, name, remedy string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "needs the program "+name+": "+remedy)
	}
	return path
}

// Missing ends the test: skipped with the reason, failed where CI=true.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (a skip is an error where CI=true)", reason)
	}
	t.Skip(reason)
}
