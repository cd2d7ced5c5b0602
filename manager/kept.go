package manager

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/evidence"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// disown returns what was found in a container without what it answers of its own at paths where the host has the very file that it had: such
// paths are only looked at because a directory above them was moved. What a process uses stays: it had the file before the path was the container's.
func (m *Manager) disown(container string, found []evidence.Finding, diff generation.Diff) ([]evidence.Finding, error) {
	kept := map[string]bool{}
	for _, f := range diff.Files {
		kept[f.Path] = f.Kept
	}
	answer := func(f evidence.Finding) bool { return kept[f.Path] && f.Kind.Looked() }
	if !slices.ContainsFunc(found, answer) {
		return found, nil
	}
	d, err := delta.Open(m.Dirs.Delta(container))
	if err != nil {
		return found, err
	}
	defer d.Close() //nolint:errcheck // read only
	var left []evidence.Finding
	for _, f := range found {
		own := false
		if answer(f) {
			if own, err = ownPath(d, f.Path); err != nil {
				return found, err
			}
		}
		if !own {
			left = append(left, f)
		}
	}
	return left, nil
}

// ownPath reports whether a delta decides what is at a path, not the host.
func ownPath(d *delta.Delta, path string) (bool, error) {
	points, err := d.Points()
	if err != nil {
		return false, err
	}
	point := "/"
	for _, p := range points {
		if strings.HasPrefix(path, p+"/") && len(p) > len(point) {
			point = p
		}
	}
	upper, err := d.Upper(point)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer upper.Close() //nolint:errcheck // read only
	rel := strings.TrimPrefix(strings.TrimPrefix(path, point), "/")
	for at := range len(rel) + 1 {
		if at < len(rel) && rel[at] != '/' {
			continue
		}
		kind, err := delta.KindOf(upper, rel[:at])
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, beneath.ErrLink) {
			return false, nil
		}
		if err != nil || kind != delta.Directory {
			return err == nil, err
		}
	}
	return false, nil
}
