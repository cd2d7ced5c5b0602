package idrange

import (
	"fmt"
	"slices"
)

// maxID is the first number that is no id: (uid_t)-1 means "unchanged" to the kernel.
const maxID = 1<<32 - 1

// Pool is the stretch of ids that ranges are cut from: Count ranges of Size ids from Start on.
type Pool struct {
	Start uint32
	Count int
}

// Default returns the pool of a host that configures none: 4094 ranges from 0x70000000 on, the part of the id space that systemd
// documents as used by nobody (UIDS-GIDS.md).
func Default() Pool { return Pool{Start: 0x70000000, Count: 4094} }

// Check returns an error wrapping ErrPool unless the pool has a shared range and at least one more, all of them usable by a container.
func (p Pool) Check() error {
	switch {
	case p.Count < 2:
		return fmt.Errorf("%w: %d ranges, of which one is the shared one; it needs at least 2", ErrPool, p.Count)
	case p.Start < Lowest:
		return fmt.Errorf("%w: it starts at %d, below %d lie the host's own ids", ErrPool, p.Start, Lowest)
	case uint64(p.Count) > maxID/Size || uint64(p.Start)+p.size() > maxID:
		return fmt.Errorf("%w: %d ranges from %d on end beyond the highest id, %d", ErrPool, p.Count, p.Start, uint64(maxID-1))
	}
	return nil
}

// Shared returns range 0, which all containers of isolation shared use and Allocate never returns.
func (p Pool) Shared() Range { return Range{Start: p.Start, Size: Size} }

// Whole returns all ids of the pool as one range. The pool must have passed Check.
func (p Pool) Whole() Range { return Range{Start: p.Start, Size: uint32(p.size())} }

func (p Pool) size() uint64 { return uint64(p.Count) * Size }

// Allocate returns the n lowest ranges of the pool that overlap none of used, in rising order. It returns all n or none: ErrExhausted if
// there are not that many, ErrPool if the pool is unusable. Used ranges may be unaligned, overlap each other or lie outside the pool.
func (p Pool) Allocate(used []Range, n int) ([]Range, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if n < 0 || n >= p.Count {
		return nil, p.exhausted(n, p.Count-1)
	}
	sorted := slices.Clone(used)
	slices.SortFunc(sorted, func(a, b Range) int { return int(int64(a.Start) - int64(b.Start)) })
	free := make([]Range, 0, n)
	var taken uint64 // every id below it is used or was looked at
	for i := 1; i < p.Count && len(free) < n; i++ {
		candidate := Range{Start: p.Start + uint32(i)*Size, Size: Size}
		for len(sorted) > 0 && uint64(sorted[0].Start) < candidate.End() {
			taken = max(taken, sorted[0].endIfAny())
			sorted = sorted[1:]
		}
		if taken <= uint64(candidate.Start) {
			free = append(free, candidate)
		}
	}
	if len(free) < n {
		return nil, p.exhausted(n, len(free))
	}
	return free, nil
}

// endIfAny returns the end of the range, and 0 of an empty one, which takes no id.
func (r Range) endIfAny() uint64 {
	if r.Size == 0 {
		return 0
	}
	return r.End()
}

func (p Pool) exhausted(want, free int) error {
	return fmt.Errorf("%w: %d wanted, %d left of the %d in %v; destroy containers, or give the pool more ranges", ErrExhausted, want, free, p.Count-1, p.Whole())
}
