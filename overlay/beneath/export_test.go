package beneath

import "context"

// WalkWithin is Walk with another bound for the names that are held.
func (d *Dir) WalkWithin(ctx context.Context, budget int, visit func(Entry) error) error {
	return d.walk(ctx, budget, visit)
}

// LstatName is the Lstat of a Walk.
func (d *Dir) LstatName(name string) (Info, error) { return d.lstatName(name) }
