package record_test

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/manager/record"
)

// TestKillAnywhere kills a process that creates, replaces and destroys without end, at ever later moments, and each time holds what this
// package promises of a crash: a name that is there has a whole record and its delta, all other leftovers are swept, and then everything
// that is on disk belongs to a container.
func TestKillAnywhere(t *testing.T) {
	root := t.TempDir()
	s := record.Open(root)
	if err := os.Mkdir(s.Dir(""), 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 25 {
		killWhileItWorks(t, root, time.Duration(i)*1700*time.Microsecond)
		entries, err := s.List()
		if err != nil {
			t.Fatal(err)
		}
		used, err := s.Used()
		if err != nil || len(used) < len(entries) {
			t.Fatalf("kill %d: %d ranges of %d containers, %v", i, len(used), len(entries), err)
		}
		if err := s.Sweep(func(string) bool { return true }); err != nil {
			t.Fatalf("kill %d: %v", i, err)
		}
		var want []string
		for _, e := range entries {
			if e.Err != nil || e.Record.Check() != nil {
				t.Fatalf("kill %d: %s: %v", i, e.Name, e.Err)
			}
			if err := s.Replace(e.Record); err != nil { // also takes away a temporary file
				t.Fatalf("kill %d: %v", i, err)
			}
			want = append(want, e.Name+"/", e.Name+"/delta/", e.Name+"/delta/upper/", e.Name+"/record.json")
		}
		got := tree(t, s.Dir(""))
		if len(want) == 0 {
			want = []string{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("kill %d: on disk (-want +got):\n%s", i, diff)
		}
		for _, e := range entries {
			trash, err := s.Discard(e.Name)
			if err := errors.Join(err, s.Purge(trash)); err != nil {
				t.Fatalf("kill %d: %v", i, err)
			}
		}
	}
}

// killWhileItWorks runs the churn helper for a while and returns when it is dead.
func killWhileItWorks(t *testing.T, root string, after time.Duration) {
	t.Helper()
	cmd := helper(t, "churn", root)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	reader := bufio.NewReader(stdout)
	if line, err := reader.ReadString('\n'); line != "begun\n" {
		t.Fatalf("the helper says %q, %v", line, err)
	}
	<-time.After(after)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, _ := reader.ReadString(0); strings.TrimSpace(rest) != "" {
		t.Fatalf("the helper ended by itself: %s", rest)
	}
}
