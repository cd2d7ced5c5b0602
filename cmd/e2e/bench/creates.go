package bench

import (
	"context"
	"errors"
)

// creates measures the creation of containers, and their destruction.
func (s *stage) creates(ctx context.Context) error {
	const kind = "create"
	s.report.head("create of %d containers, and destroy of those that never ran", s.N)
	samples, err := s.rounds(ctx,
		func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "create", s.target(kind, s.N)) },
		func(ctx context.Context) (float64, error) {
			return s.sysctr(ctx, "destroy", s.target(kind, s.N), "--yes")
		},
	)
	if err != nil {
		return err
	}
	s.report.line("create", samples[0].Times(1000), "ms")
	s.report.line("", samples[0].Times(1000/float64(s.N)), "ms each")
	s.report.line("destroy", samples[1].Times(1000/float64(s.N)), "ms each")
	return nil
}

// lists measures `list` of stopped containers.
func (s *stage) lists(ctx context.Context) error {
	const kind = "list"
	s.report.head("list of %d records", s.Listed)
	if _, err := s.sysctr(ctx, append([]string{"create", s.target(kind, s.Listed), "--profile", "command"}, alone()...)...); err != nil {
		return err
	}
	samples, err := s.rounds(ctx,
		func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "list") },
		func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "list", "--output", "json") },
		func(ctx context.Context) (float64, error) { return s.sysctr(ctx, "version") },
	)
	if err == nil {
		s.report.line("as a table", samples[0].Times(1000), "ms")
		s.report.line("as JSON", samples[1].Times(1000), "ms")
		s.report.line("for comparison: version, which reads nothing", samples[2].Times(1000), "ms")
	}
	_, destroyErr := s.sysctr(ctx, "destroy", s.target(kind, s.Listed), "--yes")
	return errors.Join(err, destroyErr)
}
