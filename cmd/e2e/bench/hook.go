package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// hook measures the script that package managers run, where it has no refresh to start: as on every host with systemd.
func (s *stage) hook(ctx context.Context) error {
	s.report.head("the script that package managers run")
	text, err := os.ReadFile(s.Script)
	if err != nil {
		return err
	}
	script, mark := filepath.Join(s.disk, "pkg-hook"), filepath.Join(runDir, "host", "pending")
	if err := os.WriteFile(script, []byte(strings.ReplaceAll(string(text), "@BINARY@", "/nonexistent")), 0o700); err != nil { //nolint:gosec // a program
		return err
	}
	samples, err := s.rounds(ctx, func(ctx context.Context) (float64, error) {
		took, err := timed(exec.CommandContext(ctx, script, "bench"))
		if err == nil {
			if err = os.Remove(mark); err != nil {
				err = fmt.Errorf("it has left no mark: %w", err)
			}
		}
		return took, err
	})
	if err == nil {
		s.report.goal("from its execution to its exit", samples[0].Times(1000), "ms", 5)
	}
	return err
}
