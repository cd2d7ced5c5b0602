package need

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// inNamespace names the test that a re-executed test binary runs in its own mount namespace.
const inNamespace = "SYSCTR_TEST_NAMESPACE"

// outerNetwork tells it which network namespace it was re-executed from.
const outerNetwork = "SYSCTR_TEST_NETWORK"

// MountNamespace runs the rest of a top-level test in a process and mount namespace of its own, so that no mount of a test can reach the
// host or another test. Call it first:
//
//	if need.MountNamespace(t) {
//		return // the test has run in the child
//	}
//
// It needs root. In the child all mounts are private.
func MountNamespace(t *testing.T) bool {
	t.Helper()
	return namespaces(t, syscall.CLONE_NEWNS)
}

// NetworkNamespace is MountNamespace with a network of its own besides: no interface but the loopback, and no rules.
func NetworkNamespace(t *testing.T) bool {
	t.Helper()
	return namespaces(t, syscall.CLONE_NEWNS|syscall.CLONE_NEWNET)
}

func namespaces(t *testing.T, flags uintptr) bool {
	t.Helper()
	Root(t)
	if os.Getenv(inNamespace) == t.Name() {
		if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
			t.Fatalf("make the mounts private: %v", err)
		}
		return false
	}
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v=true", "-test.count=1"}
	cmd := exec.Command(os.Args[0], args...)
	outer, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), inNamespace+"="+t.Name(), outerNetwork+"="+outer)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
		if strings.Contains(string(out), "--- SKIP: "+t.Name()+" ") {
			t.Skipf("in a mount namespace of its own:\n%s", out)
		}
		t.Fatalf("in a mount namespace of its own: %v\n%s", err, out)
	}
	t.Logf("in a mount namespace of its own:\n%s", subtests(string(out)))
	return true
}

// Namespaced ends a test that is about to mount and has not called MountNamespace.
func Namespaced(t *testing.T) {
	t.Helper()
	if name, _, _ := strings.Cut(t.Name(), "/"); os.Getenv(inNamespace) != name {
		t.Fatal("in the machine's own mount namespace: the test must begin with need.MountNamespace")
	}
}

// Networked ends a test that is about to change the network and has not called NetworkNamespace.
func Networked(t *testing.T) {
	t.Helper()
	Namespaced(t)
	if own, err := os.Readlink("/proc/self/ns/net"); err != nil || own == os.Getenv(outerNetwork) {
		t.Fatalf("in the machine's own network namespace: the test must begin with need.NetworkNamespace: %v", err)
	}
}

// subtests returns a child's output without the lines that the parent's own repeat, so that whoever counts tests counts each once.
func subtests(out string) string {
	lines := slices.DeleteFunc(strings.SplitAfter(out, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "--- PASS: ") || strings.HasPrefix(line, "=== RUN") || line == "PASS\n"
	})
	return strings.Join(lines, "")
}
