package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// changesDir is where on the host's root a run has the file that it changes under containers; the run's prefix and this make its name.
const changesDir = "/usr/local/share/"

// rollPolicy is the policy of the run's own /etc/sysctr: ten at a time, nobody first, and no pause.
const rollPolicy = "patch: {canary: none, soak: 0s, batch: 10, max_unavailable: 10}\n"

// patches measures what follows a change of a file that all containers have seen, which stands for a library: of some and of N, of both kinds.
func (s *stage) patches(ctx context.Context) error {
	for _, profile := range []string{"command", "system"} {
		for _, n := range []int{min(20, s.N), s.N} {
			if err := s.patch(ctx, profile, n); err != nil {
				return err
			}
			if s.N <= 20 {
				break
			}
		}
	}
	return nil
}

func (s *stage) patch(ctx context.Context, profile string, n int) error {
	kind := "patch-" + profile
	target := s.target(kind, n)
	s.report.head("a file of the host changes under %d running %s containers", n, profile)
	file := filepath.Join(changesDir+s.prefix+"host", "file")
	if err := replace(file); err != nil {
		return err
	}
	if _, err := s.sysctr(ctx, "create", target, "--profile", profile, "--start"); err != nil {
		return err
	}
	var rolled, alone float64 // of the round
	samples, err := s.rounds(ctx,
		func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "restart", target) },
		func(ctx context.Context) (float64, error) {
			if _, err := s.sysctr(ctx, "exec", target, "--", "cat", file); err != nil {
				return 0, err
			}
			if err := replace(file); err != nil {
				return 0, err
			}
			return s.sysctr(ctx, "patch", "plan", target)
		},
		func(ctx context.Context) (took float64, err error) {
			if rolled, err = s.sysctr(ctx, "patch", "roll", target); err == nil {
				alone, err = s.lastRoll(ctx)
			}
			return rolled, err
		},
		func(ctx context.Context) (float64, error) {
			took, err := s.sysctr(ctx, "patch", "verify", target)
			return rolled + took, err
		},
		func(context.Context) (float64, error) { return alone, nil },
	)
	if err == nil {
		s.patched(samples)
	}
	_, destroyErr := s.sysctr(ctx, "destroy", target, "--yes", "--force")
	return errors.Join(err, destroyErr)
}

// patched prints what patch has measured, in its order.
func (s *stage) patched(samples []Sample) {
	restart, plan, rolled, proved, alone := samples[0], samples[1], samples[2], samples[3], samples[4]
	s.report.goal("patch plan", plan, "s", 2)
	s.report.line("from the change to the last proof: roll, verify", proved, "s")
	s.report.line("patch roll, batch 10, no soak", rolled, "s")
	s.report.line("of it the roll alone, without the look before", alone, "s")
	s.report.line("restart", restart, "s")
	s.report.goal("the roll alone / restart", alone.Over(restart), "times", 1.3)
	s.report.goal("patch roll / restart", rolled.Over(restart), "times", 1.3)
}

// lastRoll returns how many seconds the newest roll took, as its record says.
func (s *stage) lastRoll(ctx context.Context) (float64, error) {
	text, err := exec.CommandContext(ctx, s.Sysctr, "patch", "history", "--output", "json").Output()
	if err != nil {
		return 0, fmt.Errorf("read the history of rolls: %w", err)
	}
	var history struct {
		Items []struct{ Started, Ended time.Time }
	}
	if err := json.Unmarshal(text, &history); err != nil {
		return 0, fmt.Errorf("read the history of rolls: %w", err)
	}
	if len(history.Items) == 0 || history.Items[0].Ended.IsZero() {
		return 0, errors.New("no roll has ended")
	}
	return history.Items[0].Ended.Sub(history.Items[0].Started).Seconds(), nil
}

// replace gives a file other bytes the way package managers do: a new file is renamed over it.
func replace(file string) error {
	fresh := file + ".new"
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.WriteFile(fresh, append(old, 'x'), 0o644); err != nil { //nolint:gosec // containers are to see it
		return err
	}
	return os.Rename(fresh, file)
}

// deltas measures the walk of a delta of many files, and the look at the host that goes before it.
func (s *stage) deltas(ctx context.Context) error {
	const kind, dirs, files = "delta", 100, 100_000
	s.report.head("delta shadows of a delta of %d files", files)
	name := s.names(kind, 1)[0]
	for _, args := range [][]string{{"create", name, "--profile", "command"}, {"start", name}, {"stop", name}} {
		if _, err := s.sysctr(ctx, args...); err != nil {
			return err
		}
	}
	shadows := func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "delta", "shadows", name) }
	empty, err := s.rounds(ctx, shadows)
	if err == nil {
		err = fill(filepath.Join(stateDir, "containers", name, "delta", "upper", "opt"), dirs, files)
	}
	var full []Sample
	if err == nil {
		full, err = s.rounds(ctx, shadows)
	}
	if err == nil {
		s.report.line("of an empty delta: the look at the host alone", empty[0], "s")
		s.report.goal("of the full one", full[0], "s", 2)
	}
	_, destroyErr := s.sysctr(ctx, "destroy", name, "--yes", "--force")
	return errors.Join(err, destroyErr)
}

// fill makes empty files in directories below one.
func fill(below string, dirs, files int) error {
	for i := range files {
		dir := filepath.Join(below, fmt.Sprintf("d%d", i%dirs))
		if i < dirs {
			if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // as containers have them
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d", i)), nil, 0o644); err != nil { //nolint:gosec // as containers have them
			return err
		}
	}
	return nil
}
