package idrange

import "fmt"

// Size is the number of ids in the range of one container: what a distribution expects to exist, nobody (65534) included.
const Size = 65536

// Lowest is the first id a range may start at. Below it lie the ids that the host itself uses.
const Lowest = Size

// Range is a stretch of consecutive ids of the host. The zero Range means that ids are not mapped (isolation privileged).
type Range struct {
	Start uint32 `json:"start"`
	Size  uint32 `json:"size"`
}

// IsZero reports whether r is the zero Range.
func (r Range) IsZero() bool { return r == Range{} }

// End returns the first id after the range; it does not fit 32 bits for the highest ranges.
func (r Range) End() uint64 { return uint64(r.Start) + uint64(r.Size) }

// Overlaps reports whether an id belongs to both ranges. An empty range overlaps nothing.
func (r Range) Overlaps(o Range) bool {
	return r.Size != 0 && o.Size != 0 && uint64(r.Start) < o.End() && uint64(o.Start) < r.End()
}

// Contains reports whether id belongs to the range.
func (r Range) Contains(id uint32) bool {
	return id >= r.Start && uint64(id) < r.End()
}

// Check returns an error unless a container can own the range: exactly Size ids, none of them the host's own, and not 2^32-1, which is no
// id but means "do not change" (chown(2)).
func (r Range) Check() error {
	switch {
	case r.Size != Size:
		return fmt.Errorf("id range %v has %d ids, not %d", r, r.Size, Size)
	case r.Start < Lowest:
		return fmt.Errorf("id range %v contains ids of the host: it starts below %d", r, Lowest)
	case r.End() > maxID:
		return fmt.Errorf("id range %v ends beyond the highest id, %d", r, uint64(maxID-1))
	}
	return nil
}

// String writes the range as START-LAST.
func (r Range) String() string {
	if r.Size == 0 {
		return fmt.Sprintf("%d-", r.Start)
	}
	return fmt.Sprintf("%d-%d", r.Start, r.End()-1)
}
