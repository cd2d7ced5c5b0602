package delta

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/beneath"
)

// Delta is an open delta directory. It holds one descriptor; Close ends its use.
type Delta struct{ dir *beneath.Dir }

// Open opens the delta directory at path, which is trusted: containers/NAME/delta below the state directory.
func Open(path string) (*Delta, error) {
	dir, err := beneath.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the delta: %w", err)
	}
	return &Delta{dir: dir}, nil
}

// Close ends the use of d.
func (d *Delta) Close() error { return d.dir.Close() }

// Points returns the mount points of the host filesystems that the delta has a layer for: "/" first, which every delta has, then the others
// sorted.
func (d *Delta) Points() ([]string, error) {
	var points []string
	err := d.dir.Readdir("fs", func(names []string) error {
		for _, name := range names {
			point, err := pointOf(name)
			if err != nil {
				return err
			}
			points = append(points, point)
		}
		return nil
	})
	if skipMissing(err) != nil {
		return nil, fmt.Errorf("see which filesystems the delta covers: %w", err)
	}
	slices.Sort(points)
	return append([]string{"/"}, points...), nil
}

// pointOf undoes overlay.DeltaDir.
func pointOf(name string) (string, error) {
	rel, err := url.PathUnescape(name)
	if point := "/" + rel; err == nil && path.Clean(point) == point && overlay.DeltaDir("", point) == "fs/"+name {
		return point, nil
	}
	return "", fmt.Errorf("%q is no directory of sysctr's; move it out of the delta", name)
}

// upper and work are the paths of one filesystem's layer, relative to the delta.
func upper(point string) string { return path.Join(overlay.DeltaDir("", point), "upper") }
func work(point string) string  { return path.Join(overlay.DeltaDir("", point), "work") }

// Upper opens the upper over the host filesystem mounted at point. The caller closes it. The error wraps fs.ErrNotExist if there is none:
// before the first start, after a Reset of all, and for a filesystem that the container has never been started with.
func (d *Delta) Upper(point string) (*beneath.Dir, error) { return d.dir.Sub(upper(point)) }

// Diff is the Diff of every upper, in the order of Points. The view of each filesystem is asked for by its mount point; false leaves it out, as
// is right for one that the host does not have any more. Paths are absolute, as in the container.
func (d *Delta) Diff(ctx context.Context, view func(point string) (View, bool), report func(Change) error) error {
	points, err := d.Points()
	if err != nil {
		return err
	}
	for _, point := range points {
		if v, ok := view(point); ok {
			if err := d.diffOne(ctx, point, v, report); err != nil {
				return fmt.Errorf("%s: %w", point, err)
			}
		}
	}
	return nil
}

func (d *Delta) diffOne(ctx context.Context, point string, v View, report func(Change) error) (err error) {
	dir, err := d.Upper(point)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	return Diff(ctx, dir, v, func(c Change) error {
		c.Path = absolute(point, c.Path)
		return report(c)
	})
}

// absolute is the path of rel in dir. Both are clean already, and path.Join would take its time over a long one.
func absolute(dir, rel string) string {
	if rel == "." {
		return dir
	}
	return strings.TrimSuffix(dir, "/") + "/" + rel
}
