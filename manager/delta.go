package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/overlay/mount"
)

// TrashAge is how long what a reset took is kept.
const TrashAge = 30 * 24 * time.Hour

// Reset is the action of taking parts out of a delta, Purge that of emptying its trash.
const (
	Reset Action = "reset"
	Purge Action = "purge"
)

// DeltaUsage measures what a container's delta takes on disk. The container may run.
func (m *Manager) DeltaUsage(ctx context.Context, container string) (delta.Parts, error) {
	d, err := delta.Open(m.Dirs.Delta(container))
	if err != nil {
		return delta.Parts{}, err
	}
	defer d.Close()
	return d.Usage(ctx)
}

// DeltaDiff reports in what a container differs from one with an empty delta, without what is merely copied up. The container may run.
func (m *Manager) DeltaDiff(ctx context.Context, container string, report func(delta.Change) error) (err error) {
	rec, err := m.store.Load(container)
	if err != nil {
		return err
	}
	d, err := delta.Open(m.Dirs.Delta(container))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	v, err := m.openView(rec)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.close()) }()
	var failed error
	err = d.Diff(ctx, func(point string) (delta.View, bool) {
		view, ok, viewErr := v.at(point)
		failed = errors.Join(failed, viewErr)
		return view, ok
	}, func(c delta.Change) error {
		if c.Class == delta.Same {
			return nil
		}
		return report(c)
	})
	return errors.Join(err, failed)
}

// PlanReset takes parts out of the deltas of stopped containers.
func PlanReset(w World, names []string) Plan {
	return plan(Reset, w, names, func(c Container) Step {
		if c.Status.State != record.Stopped {
			return Step{Err: fmt.Errorf("%w: it is %s; stop it first", ErrState, c.Status.State)}
		}
		return Step{Action: Reset}
	})
}

// PlanPurge empties the trash of deltas, whatever the containers do.
func PlanPurge(w World, names []string) Plan {
	return plan(Purge, w, names, func(Container) Step { return Step{Action: Purge} })
}

// Reset carries out a plan of resets: the paths, as the container names them, go into the delta's trash, where they are kept until a purge or
// for TrashAge. Without paths all of the delta does.
func (m *Manager) Reset(ctx context.Context, p Plan, paths []string, how Apply) []Outcome {
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		return m.inDelta(ctx, step.Name, func(d *delta.Delta) (bool, error) {
			if m.observeOne(step.Name).Status.State != record.Stopped {
				return false, fmt.Errorf("%w: it was started meanwhile", ErrState)
			}
			item, err := d.Reset(ctx, paths, time.Now())
			if err != nil {
				return item.ID != "", err
			}
			old := time.Now().Add(-TrashAge)
			_, err = d.Purge(ctx, func(i delta.Item) bool { return i.Err == nil && i.Made.Before(old) })
			return item.ID != "", err
		})
	})
}

// Purge carries out a plan of purges.
func (m *Manager) Purge(ctx context.Context, p Plan, how Apply) []Outcome {
	return m.carryOut(ctx, p, how, func(ctx context.Context, step Step) (bool, error) {
		return m.inDelta(ctx, step.Name, func(d *delta.Delta) (bool, error) {
			gone, err := d.Purge(ctx, func(delta.Item) bool { return true })
			return len(gone) > 0, err
		})
	})
}

// inDelta runs f on the open delta with the container's World lock: no start may come between.
func (m *Manager) inDelta(ctx context.Context, container string, f func(*delta.Delta) (bool, error)) (changed bool, err error) {
	err = m.inWorld(ctx, container, func() (err error) {
		d, err := delta.Open(m.Dirs.Delta(container))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		changed, err = f(d)
		return err
	})
	return changed, err
}

// view is what lies below one container's delta, opened for looking: the same layers that a start would mount.
type view struct {
	rec    record.Record
	set    mask.Set
	layers []string // directories of seed, common and mask, topmost first
	seed   string   // made for this look, and removed with it
	points map[string]bool
	open   []*beneath.Dir
}

func (m *Manager) openView(rec record.Record) (*view, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	filesystems, err := overlay.Filesystems(table, m.Dirs.State)
	if err != nil {
		return nil, err
	}
	v := &view{rec: rec, points: map[string]bool{"/": true}}
	var further []string
	for _, fs := range filesystems[1:] {
		further = append(further, fs.Point)
	}
	set, err := mask.Cache{Dir: m.Dirs.Masks(), Root: "/"}.Get(lxc.Rules(rec.Spec), mask.Shift{}, further)
	if err != nil {
		return nil, err
	}
	v.set = set
	for _, point := range set.Shown {
		v.points[point] = true
	}
	if v.seed, err = os.MkdirTemp(m.Dirs.Run, "view-"); err != nil {
		return nil, err
	}
	seed := filepath.Join(v.seed, "seed")
	v.layers = []string{seed, set.Common, set.Mask}
	if err := mask.Write(seed, mask.Seed(mask.Identity{Name: rec.Name, MachineID: rec.MachineID}), mask.Shift{}); err != nil {
		return nil, errors.Join(err, v.close())
	}
	return v, nil
}

// at opens the layers of one host filesystem; false if the host does not have it any more, or hides it.
func (v *view) at(point string) (delta.View, bool, error) {
	if !v.points[point] {
		return delta.View{}, false, nil
	}
	found := delta.View{Start: v.rec.Range.Start, Size: v.rec.Range.Size}
	for _, layer := range v.layers {
		dir, err := beneath.Open(filepath.Join(layer, point))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return found, false, err
		}
		v.open = append(v.open, dir)
		found.Layers = append(found.Layers, delta.Layer{Dir: dir})
	}
	base, err := mount.Detached(point)
	if err != nil {
		return found, false, err
	}
	dir, err := beneath.From(base)
	if err != nil {
		return found, false, errors.Join(err, base.Close())
	}
	v.open = append(v.open, dir)
	found.Layers = append(found.Layers, delta.Layer{Dir: dir})
	return found, true, nil
}

func (v *view) close() error {
	var errs []error
	for _, dir := range v.open {
		errs = append(errs, dir.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(v.seed))...) // three small files of ours on the run directory's tmpfs
}
