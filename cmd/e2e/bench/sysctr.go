package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sysctr runs one command of the measured program and returns how long it took, from execution to exit, in seconds. Its progress is not
// shown: nothing of the time is a terminal's.
func (s *stage) sysctr(ctx context.Context, args ...string) (float64, error) {
	return timed(exec.CommandContext(ctx, s.Sysctr, append([]string{"--quiet"}, args...)...))
}

// timed runs a command and returns its seconds. The error has what the command said.
func timed(cmd *exec.Cmd) (float64, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	begun := time.Now()
	err := cmd.Run()
	seconds := time.Since(begun).Seconds()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bounded(said.String()))
	}
	return seconds, nil
}

// bounded is the end of a text, a few lines of it.
func bounded(text string) string {
	const most = 2000
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}

// rounds calls each function once per round, one after the other, and returns a sample for each. A round in which one fails counts for none
// of them: a failed start is no fast one. It is an error if that leaves no round.
func (s *stage) rounds(ctx context.Context, each ...func(context.Context) (float64, error)) ([]Sample, error) {
	samples := make([]Sample, len(each))
	var last error
	for range s.Rounds {
		figures := make([]float64, 0, len(each))
		for _, measure := range each {
			figure, err := measure(ctx)
			if err != nil {
				last = err
				break
			}
			figures = append(figures, figure)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if len(figures) < len(each) {
			s.report.say("a round does not count: %v", last)
			continue
		}
		for i, f := range figures {
			samples[i] = append(samples[i], f)
		}
	}
	if len(samples[0]) == 0 {
		return nil, fmt.Errorf("no round could be measured: %w", last)
	}
	return samples, nil
}
