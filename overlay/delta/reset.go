package delta

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// Reset takes paths of the container out of its delta, with all that is below them, so that it shows there what an empty delta would; "/" is
// all. What it takes goes into the trash, as one item. The container must be stopped, and its lock held.
//
// A path may stand for anything in a delta: also for a whiteout, which brings back what was removed, and for an opaque directory. What is
// above a path stays as it is; so below an opaque directory nothing of the lower layers comes back. Paths of which the delta has nothing are
// left out: with none left the Item is zero and nothing has changed, so that Reset is idempotent. For a path that leads through a symbolic
// link the error wraps beneath.ErrLink.
//
// It first recovers what an interrupted Reset left. On an error, or at the end of ctx, what was moved is moved back; interrupted, Recover
// finishes it. It takes a few kilobytes on disk: on a full one call Release first.
func (d *Delta) Reset(ctx context.Context, paths []string, now time.Time) (Item, error) {
	if err := d.Recover(ctx); err != nil {
		return Item{}, err
	}
	points, err := d.Points()
	if err != nil {
		return Item{}, err
	}
	wanted, err := choose(points, paths)
	if err != nil {
		return Item{}, err
	}
	moves, err := d.present(wanted)
	if err != nil || len(moves) == 0 {
		return Item{}, err
	}
	journal := Journal{Format: journalFormat, Made: now.UTC().Truncate(time.Second), Moves: moves}
	id, err := newID(journal.Made)
	if err != nil {
		return Item{}, err
	}
	if err := d.take(ctx, id, journal); err != nil {
		return Item{}, err
	}
	return Item{ID: id, Journal: journal}, nil
}

// choose turns paths of a container into parts of the layers that a delta has, sorted, none below another. It is pure.
func choose(points, paths []string) ([]Move, error) {
	var all []Move
	for _, p := range paths {
		if err := checkPath(p); err != nil {
			return nil, err
		}
		owner := ""
		for _, point := range points {
			if within(point, p) {
				all = append(all, Move{Point: point, Path: []byte(".")})
			} else if within(p, point) && len(point) > len(owner) {
				owner = point
			}
		}
		if owner != "" {
			all = append(all, Move{Point: owner, Path: []byte(strings.TrimPrefix(p[len(owner):], "/"))})
		}
	}
	slices.SortFunc(all, func(a, b Move) int {
		return cmp.Or(strings.Compare(a.Point, b.Point), comparePaths(string(a.Path), string(b.Path)))
	})
	return outermost(all), nil
}

// outermost keeps of sorted moves those that no other contains.
func outermost(sorted []Move) []Move {
	var kept []Move
	for _, m := range sorted {
		if n := len(kept); n > 0 && kept[n-1].Point == m.Point {
			if last := string(kept[n-1].Path); last == "." || within(string(m.Path), last) {
				continue
			}
		}
		kept = append(kept, m)
	}
	return kept
}

// within reports whether path p is dir or below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// comparePaths orders a directory right before all that is in it, and "." before everything.
func comparePaths(a, b string) int {
	if a == "." || b == "." {
		return strings.Compare(strings.TrimPrefix(a, "."), strings.TrimPrefix(b, "."))
	}
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}

// present keeps the moves of which the delta has the part, and notes what the part is.
func (d *Delta) present(wanted []Move) ([]Move, error) {
	var moves []Move
	for _, m := range wanted {
		info, err := d.dir.Lstat(m.source())
		if missing(err) {
			continue
		}
		if errors.Is(err, beneath.ErrLink) {
			return nil, fmt.Errorf("reset %.200q: %w of the delta; reset the link, or what it leads to", m, err)
		}
		if err != nil {
			return nil, err
		}
		m.Inode = info.Ino
		moves = append(moves, m)
	}
	return moves, nil
}

func newID(made time.Time) (string, error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("choose a name in the trash: %w", err)
	}
	return made.Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:]), nil
}

// take makes the trash's entry id of what the journal says.
func (d *Delta) take(ctx context.Context, id string, j Journal) error {
	draft := path.Join(trashDir, draftPrefix+id)
	err := d.prepare(draft, j)
	if err == nil {
		err = d.moveAll(ctx, draft, j)
	}
	if err == nil {
		err = d.commit(id)
	}
	if err == nil {
		return nil
	}
	if back := d.moveBack(draft, j); back != nil {
		return errors.Join(err, fmt.Errorf("move it back: %w; the next reset or start finishes it", back))
	}
	return errors.Join(err, d.dir.RemoveTree(context.WithoutCancel(ctx), draft))
}

// prepare makes the draft with its journal, durably.
func (d *Delta) prepare(draft string, j Journal) error {
	text, err := j.Encode()
	if err != nil {
		return err
	}
	for _, dir := range []string{trashDir, draft} {
		if err := d.dir.Mkdir(dir, beneath.Access{Mode: 0o700}); err != nil && (dir == draft || !exists(err)) {
			return err
		}
	}
	if err := d.dir.WriteFile(path.Join(draft, journalName), text, beneath.Access{Mode: 0o600}); err != nil {
		return err
	}
	return d.syncDirs(trashDir, ".")
}

// moveAll moves what is not moved yet. A part that is not what the journal saw is left: a container has made it since.
func (d *Delta) moveAll(ctx context.Context, draft string, j Journal) error {
	for n, m := range j.Moves {
		if err := ctx.Err(); err != nil {
			return err
		}
		info, err := d.dir.Lstat(m.source())
		if missing(err) || err == nil && info.Ino != m.Inode {
			continue
		}
		if err == nil {
			err = d.dir.Rename(m.source(), d.dir, path.Join(draft, strconv.Itoa(n)))
		}
		if err != nil {
			return err
		}
	}
	return d.syncDirs(draft)
}

// moveBack undoes what moveAll has done of it.
func (d *Delta) moveBack(draft string, j Journal) error {
	for n, m := range slices.Backward(j.Moves) {
		err := d.dir.Rename(path.Join(draft, strconv.Itoa(n)), d.dir, m.source())
		if skipMissing(err) != nil {
			return err
		}
	}
	return nil
}

// commit says that all is moved: the draft becomes an item.
func (d *Delta) commit(id string) error {
	if err := d.dir.Rename(path.Join(trashDir, draftPrefix+id), d.dir, path.Join(trashDir, id)); err != nil {
		return err
	}
	return d.syncDirs(trashDir)
}

// syncDirs makes the names in directories durable.
func (d *Delta) syncDirs(rels ...string) error {
	for _, rel := range rels {
		dir, err := d.dir.Sub(rel)
		if err != nil {
			return err
		}
		if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
			return err
		}
	}
	return nil
}
