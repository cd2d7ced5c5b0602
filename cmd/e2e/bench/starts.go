package bench

import (
	"context"
	"errors"

	"github.com/sysctr/sysctr/cmd/e2e/bench/floor"
)

// starts compares the start of command containers with the floors.
func (s *stage) starts(ctx context.Context) error {
	const kind = "start"
	s.report.head("start of %d created command containers, command to exit", s.N)
	if _, err := s.sysctr(ctx, append([]string{"create", s.target(kind, s.N), "--profile", "command"}, alone()...)...); err != nil {
		return err
	}
	own := func(ctx context.Context) (float64, error) {
		took, err := s.sysctr(ctx, "start", s.target(kind, s.N))
		_, killErr := s.sysctr(ctx, "kill", s.target(kind, s.N))
		return took, errors.Join(err, killErr)
	}
	if _, err := own(ctx); err != nil { // makes the mask, the deltas and the system call policy, and warms the disk's cache
		return err
	}
	plain, err := s.prepareFloor("plain", false)
	if err != nil {
		return err
	}
	all := []func(context.Context) (float64, error){own, s.floor(plain)}
	mounting, err := s.prepareFloor("same", true)
	if err == nil {
		_, err = s.floor(mounting)(ctx)
	}
	if err == nil {
		all = append(all, s.floor(mounting))
	} else {
		s.report.say("not compared with the same mounts: %v", err)
	}
	samples, err := s.rounds(ctx, all...)
	if err != nil {
		return err
	}
	s.printStarts(samples)
	_, err = s.sysctr(ctx, "destroy", s.target(kind, s.N), "--yes")
	return err
}

func (s *stage) printStarts(samples []Sample) {
	each := 1000 / float64(s.N)
	s.report.line("sysctr", samples[0].Times(each), "ms each")
	if len(samples) > 2 {
		s.report.line("(a) bare go-lxc, same mounts, user namespace", samples[2].Times(each), "ms each")
	}
	s.report.line("(b) plainest go-lxc, overlay:/:UPPER", samples[1].Times(each), "ms each")
	if len(samples) > 2 {
		s.report.goal("sysctr / (a)", samples[0].Over(samples[2]), "times", 1.2)
	}
	s.report.goal("sysctr / (b)", samples[0].Over(samples[1]), "times", 1.5)
	if len(samples) > 2 { // what of the line above no program of ours can save
		s.report.line("(a) / (b): the layers, namespace and policy alone", samples[2].Over(samples[1]), "times")
	}
}

// floor returns what measures a floor: its start alone. What it started is swept afterwards, its control groups included; one that were left
// would make every later start of that name fail.
func (s *stage) floor(job floor.Job) func(context.Context) (float64, error) {
	return func(ctx context.Context) (float64, error) {
		cmd, err := s.floorCommand(ctx, job)
		if err != nil {
			return 0, err
		}
		took, err := timed(cmd)
		return took, errors.Join(err, sweepContainers(ctx, s.prefix))
	}
}
