package beneath

import (
	"context"
	"errors"
	"io/fs"
)

// Entry is one entry of a tree during a Walk, valid only until the visit returns.
type Entry struct {
	Name  string // in its directory
	Info  Info
	Depth int  // 1 for the entries of the directory that is walked
	Dir   *Dir // the directory that has it; not to be closed
	c     *climb
}

// Path returns the path of the entry relative to the directory that is walked. It is made anew at each call: a tree can be so deep that
// making all its paths would take for ever. See PathLen.
func (e Entry) Path() string {
	path := make([]byte, 0, e.PathLen())
	for _, l := range e.c.levels[1:] {
		path = append(append(path, l.name...), '/')
	}
	return string(append(path, e.Name...))
}

// PathLen returns the length of Path.
func (e Entry) PathLen() int { return e.c.top().path + len(e.Name) }

// Walk calls visit for every entry below d, a directory before what is in it, and in each directory in the order of the names' bytes. If
// visit returns fs.SkipDir for a directory, what is in it is left out; for another entry, the rest of its directory is. fs.SkipAll ends the
// walk without error, any other error ends it and is returned as it is.
//
// A tree may change meanwhile: what is removed or moved may be left out or come twice. A mount point ends the walk with an error that wraps
// ErrMounted. Memory is bounded by some ten megabytes and a few hundred bytes for each level; a directory with more names than are held at
// a time is read several times.
func (d *Dir) Walk(ctx context.Context, visit func(Entry) error) error {
	return d.walk(ctx, namesHeld, visit)
}

func (d *Dir) walk(ctx context.Context, budget int, visit func(Entry) error) error {
	c, err := startClimb(d, budget)
	if err != nil {
		return err
	}
	defer c.close()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		name, ok, err := c.next()
		switch {
		case err != nil:
			return err
		case ok:
			err = c.visit(name, visit)
		case len(c.levels) == 1:
			return nil
		default:
			c.up()
		}
		if errors.Is(err, fs.SkipAll) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// visit shows one entry and goes down if it is a directory.
func (c *climb) visit(name string, visit func(Entry) error) error {
	info, err := c.at.lstatName(name)
	if err != nil {
		return skipMissing(err)
	}
	err = visit(Entry{Name: name, Info: info, Depth: len(c.levels), Dir: c.at, c: c})
	switch {
	case errors.Is(err, fs.SkipDir):
		if !info.IsDir() {
			c.top().left, c.top().more = nil, false
		}
		return nil
	case err != nil || !info.IsDir():
		return err
	}
	err = c.down(name)
	if err != nil && c.changed(name, info) {
		return nil
	}
	return err
}

// changed reports whether name is not any more what it was: then it is no error that it cannot be entered.
func (c *climb) changed(name string, was Info) bool {
	is, err := c.at.Lstat(name)
	return errors.Is(err, fs.ErrNotExist) || err == nil && (!is.Same(was) || !is.IsDir())
}
