package manager

import (
	"context"
	"errors"
	"fmt"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/shadow"
)

// Archive is the Vendors of a host: its packages now, and those of all generations that are kept.
type Archive struct {
	*generation.Store
	Now *generation.Snapshot
}

// Owner returns the package that has the path now.
func (a Archive) Owner(path string) (shadow.Owner, bool) {
	p, ok := a.Now.Owner(path)
	return shadow.Owner{Package: p.Name, Arch: p.Arch, Version: p.Version}, ok
}

// ChangesSince returns what changed on the host since the generation born, by way of all the generations in between that are kept: what came and
// went since has changed too, and a delta may still have it. Without a generation, or where it is gone, everything has changed. load is that of
// generation.Store.
func ChangesSince(ctx context.Context, load func(context.Context, int) (*generation.Snapshot, error), born int, now *generation.Snapshot) (shadow.Changes, error) {
	if born <= 0 {
		return shadow.Ever(), nil
	}
	old, err := load(ctx, born)
	if errors.Is(err, generation.ErrGone) {
		return shadow.Ever(), nil
	}
	if err != nil {
		return shadow.Changes{}, err
	}
	var diffs []generation.Diff
	step := func(to *generation.Snapshot) {
		diffs = append(diffs, generation.Compare(old, to))
		old = to
	}
	for n := born + 1; n < now.Number; n++ {
		between, err := load(ctx, n)
		if err != nil && !errors.Is(err, generation.ErrGone) {
			return shadow.Changes{}, err
		}
		if err == nil {
			step(between)
		}
	}
	step(now)
	return shadow.Between(diffs...), nil
}

// DeltaShadows looks at the deltas of containers, whatever they do, and reports for each what lies over files of the host; with own also what does
// not. It changes nothing but the archive of generations.
func (m *Manager) DeltaShadows(ctx context.Context, containers []string, own bool, report func(container string, found []shadow.Shadow)) error {
	store, source, err := openGenerations(m.Dirs)
	if err != nil {
		return err
	}
	now, err := store.Take(ctx, source)
	if err != nil {
		return fmt.Errorf("look at the host: %w", err)
	}
	since := map[int]shadow.Changes{}
	for _, container := range containers {
		rec, err := m.store.Load(container)
		if err != nil {
			return err
		}
		changes, known := since[rec.Born]
		if !known {
			if changes, err = ChangesSince(ctx, store.Load, rec.Born, now); err != nil {
				return err
			}
			since[rec.Born] = changes
		}
		found, err := m.Shadows(ctx, container, Look{Since: changes, Vendors: Archive{Store: store, Now: now}, All: true, Own: own})
		if err != nil {
			return fmt.Errorf("%s: %w", container, err)
		}
		report(container, found)
	}
	return nil
}
