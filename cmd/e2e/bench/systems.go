package bench

import (
	"context"
	"errors"
)

// systems measures how long containers with systemd take until all are ready. Each round begins with deltas on which they have never run,
// as a first boot does.
func (s *stage) systems(ctx context.Context) error {
	const kind = "system"
	s.report.head("%d system containers, start to all ready (the goal is for 2 processors)", s.N)
	samples, err := s.rounds(ctx, func(ctx context.Context) (float64, error) {
		if _, err := s.sysctr(ctx, "create", s.target(kind, s.N), "--profile", "system"); err != nil {
			return 0, err
		}
		took, err := s.sysctr(ctx, "start", s.target(kind, s.N))
		_, destroyErr := s.sysctr(ctx, "destroy", s.target(kind, s.N), "--yes", "--force")
		return took, errors.Join(err, destroyErr)
	})
	if err != nil {
		return err
	}
	s.report.goal("sysctr", samples[0].Times(1000/float64(s.N)), "ms each", 80)
	return nil
}
