package manager

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mask"
)

// MeasureOne is what a worker of Measure does with one container.
func (s *Sizes) MeasureOne(ctx context.Context, c Container) { s.measure(ctx, c) }

// RaiseLimits is the part of Prepare that a tree of files can stand in for: it returns what host init says.
func RaiseLimits(root, etc string) (string, error) {
	raised, refused, err := raiseLimits(root, etc)
	return told(raised, refused), err
}

// JudgeTrial reads an answer of the trial.
func JudgeTrial(answer string, err error) []Finding { return judgeTrial(answer, err) }

// LastLine passes the pieces on and returns the cursor that the last line has.
func LastLine(to io.Writer, pieces ...string) (string, error) {
	l := &lastLine{to: to}
	for _, p := range pieces {
		if _, err := l.Write([]byte(p)); err != nil {
			return "", err
		}
	}
	return l.cursor()
}

// Disown leaves of what was found in a container what is not its own affair.
func (m *Manager) Disown(container string, found []evidence.Finding, diff generation.Diff) ([]evidence.Finding, error) {
	return m.disown(container, found, diff)
}

// Hunt is Shadows of an open delta over given views, by their points, the root's first.
func Hunt(ctx context.Context, d *delta.Delta, points []string, views map[string]delta.View, copies []string, look Look) (found []shadow.Shadow, err error) {
	h := hunt{Look: look, copies: map[string]bool{}}
	defer func() { err = errors.Join(err, h.close()) }()
	for _, p := range copies {
		h.copies[p] = true
	}
	for _, point := range points {
		if err := h.add(d, point, views[point]); err != nil {
			return nil, err
		}
	}
	return h.run(ctx)
}

// BackOff is the pause before a container that ends early is started again.
func BackOff(tries int) time.Duration { return backOff(tries) }

// SeedShadows compares what a running container is mounted with, as Shadows does.
func SeedShadows(ctx context.Context, d *delta.Delta, points []string, views map[string]delta.View, mounted, fresh mask.Set) (found []shadow.Shadow, err error) {
	var h hunt
	defer func() { err = errors.Join(err, h.close()) }()
	for _, point := range points {
		if err := h.add(d, point, views[point]); err != nil {
			return nil, err
		}
	}
	return h.seed(ctx, mounted, fresh)
}
