package manager

import (
	"context"
	"io"
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
