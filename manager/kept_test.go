package manager_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay"
)

// TestDisown: of a path that the host kept and the container has of its own, what it answers is no finding; what a process uses is.
func TestDisown(t *testing.T) {
	m := manager.Manager{Config: manager.Config{Dirs: lxc.Dirs{State: t.TempDir()}}}
	own := filepath.Join(overlay.DeltaDir(m.Dirs.Delta("a"), "/"), "upper/usr/lib/own")
	if err := os.MkdirAll(filepath.Dir(own), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all := []evidence.Kind{
		evidence.Mapped, evidence.Executed, evidence.Open, evidence.Gone, evidence.Answers, evidence.Missing, evidence.Lingers, evidence.Interpreter,
		evidence.Script, evidence.Monitor,
	}
	tests := map[string][]evidence.Kind{
		"/usr/lib/own":     {evidence.Mapped, evidence.Executed, evidence.Open, evidence.Gone, evidence.Interpreter, evidence.Script, evidence.Monitor},
		"/usr/lib/host":    all,
		"/usr/lib/changed": all,
	}
	diff := generation.Diff{Files: []generation.FileChange{
		{Path: "/usr/lib/own", Kept: true}, {Path: "/usr/lib/host", Kept: true}, {Path: "/usr/lib/changed"},
	}}
	for path, want := range tests {
		var found []evidence.Finding
		for _, k := range all {
			found = append(found, evidence.Finding{Kind: k, Path: path})
		}
		left, err := m.Disown("a", found, diff)
		var got []evidence.Kind
		for _, f := range left {
			got = append(got, f.Kind)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: left are %v, %v; want %v", path, got, err, want)
		}
	}
}
