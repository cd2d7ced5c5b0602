package delta

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/overlay/beneath"
)

const (
	trashDir    = "trash"
	draftPrefix = ".new-"   // of what a Reset has not finished
	goingPrefix = ".purge-" // of what Purge has not finished
)

// Item is what one Reset took.
type Item struct {
	ID string // sorts by the time it was made
	Journal
	Err error // why the journal cannot be read; then the rest is zero
}

// Paths returns what it holds, as the container named it: sorted, any bytes but NUL.
func (i Item) Paths() []string {
	paths := make([]string, 0, len(i.Moves))
	for _, m := range i.Moves {
		paths = append(paths, m.String())
	}
	slices.Sort(paths)
	return paths
}

// Trash returns what is in the trash, oldest first. Unfinished ones are not among them.
func (d *Delta) Trash() ([]Item, error) {
	names, err := d.trashNames()
	var items []Item
	for _, name := range names {
		if !strings.HasPrefix(name, ".") {
			j, err := d.journal(name)
			items = append(items, Item{ID: name, Journal: j, Err: err})
		}
	}
	return items, err
}

// Purge removes for ever the items that expired accepts, and returns them. It is idempotent; what was interrupted is finished by the next
// Purge or Recover. On an error the item it is about may be in part removed, and the following ones are whole.
func (d *Delta) Purge(ctx context.Context, expired func(Item) bool) ([]Item, error) {
	items, err := d.Trash()
	if err != nil {
		return nil, err
	}
	var gone []Item
	for _, item := range items {
		if !expired(item) {
			continue
		}
		if err := d.dir.Rename(path.Join(trashDir, item.ID), d.dir, path.Join(trashDir, goingPrefix+item.ID)); err != nil {
			return gone, err
		}
		gone = append(gone, item)
	}
	return gone, d.sweep(ctx)
}

// sweep removes what Purge has taken.
func (d *Delta) sweep(ctx context.Context) error {
	names, err := d.trashNames()
	for _, name := range names {
		if err == nil && strings.HasPrefix(name, goingPrefix) {
			err = d.dir.RemoveTree(ctx, path.Join(trashDir, name))
		}
	}
	return err
}

// Recover finishes what an interrupted Reset or Purge left; with nothing left it does nothing. Call it under the container's lock before a
// start, a Reset and whatever else reads a stopped delta. What it cannot understand it leaves as it is, with an error that wraps ErrDamaged
// or ErrFormat.
func (d *Delta) Recover(ctx context.Context) error {
	names, err := d.trashNames()
	if err != nil {
		return err
	}
	for _, name := range names {
		if id, isDraft := strings.CutPrefix(name, draftPrefix); isDraft {
			err = errors.Join(err, d.finish(ctx, id))
		}
	}
	return errors.Join(err, d.sweep(ctx))
}

// finish completes the Reset of id, or removes its draft if it never came to move anything.
func (d *Delta) finish(ctx context.Context, id string) error {
	draft := draftPrefix + id
	j, err := d.journal(draft)
	if errors.Is(err, fs.ErrNotExist) {
		return d.dropEmpty(path.Join(trashDir, draft))
	}
	if err != nil {
		return err
	}
	if err := d.moveAll(ctx, path.Join(trashDir, draft), j); err != nil {
		return fmt.Errorf("finish an interrupted reset: %w", err)
	}
	return d.commit(id)
}

// dropEmpty removes a draft without a journal, which holds nothing but a temporary file.
func (d *Delta) dropEmpty(draft string) error {
	err := d.dir.Readdir(draft, func(names []string) error {
		for _, name := range names {
			if !strings.HasPrefix(name, beneath.TempPrefix) {
				return fmt.Errorf("%w: %s has %.100q and no journal", ErrDamaged, draft, name)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.dir.RemoveTree(context.Background(), draft)
}

// journal reads the journal of one entry of the trash.
func (d *Delta) journal(name string) (Journal, error) {
	file := path.Join(trashDir, name, journalName)
	text, err := d.dir.ReadFile(file, maxJournal)
	if err != nil {
		return Journal{}, err
	}
	j, err := ParseJournal(text)
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return j, err
}

// trashNames is what is in the trash, sorted.
func (d *Delta) trashNames() (names []string, err error) {
	err = d.dir.Readdir(trashDir, func(batch []string) error {
		names = append(names, batch...)
		return nil
	})
	if skipMissing(err) != nil {
		return nil, fmt.Errorf("see what is in the delta's trash: %w", err)
	}
	slices.Sort(names)
	return names, nil
}

func exists(err error) bool { return errors.Is(err, fs.ErrExist) }
