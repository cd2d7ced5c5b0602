package beneath

import "golang.org/x/sys/unix"

// namesHeld bounds how many names are held at a time, of all directories on the way together.
const namesHeld = 1 << 16

// level is one directory on the way from the root of a walk to where it is.
type level struct {
	name  string // in the directory above
	info  Info
	path  int      // length of the path of an entry of it, without the entry's name
	left  []string // names that were read and not used yet, in order
	after string   // the last name that was used
	more  bool     // there may be names after those in left
}

// climb goes through a tree of any depth. Only the directory it is in is open, and every name is taken relative to that: no path is
// resolved, so that its length does not count.
type climb struct {
	root   *Dir
	budget int  // of names
	held   int  // at most so many names are held
	at     *Dir // root, or owned
	levels []level
}

func startClimb(root *Dir, budget int) (*climb, error) {
	info, err := root.Lstat(".")
	if err != nil {
		return nil, err
	}
	return &climb{root: root, budget: budget, at: root, levels: []level{{name: ".", info: info, more: true}}}, nil
}

func (c *climb) top() *level { return &c.levels[len(c.levels)-1] }

// move makes dir the current directory.
func (c *climb) move(dir *Dir) {
	if c.at != c.root {
		_ = c.at.Close() // read only
	}
	c.at = dir
}

func (c *climb) close() { c.move(c.root) }

// down makes the directory name the current one.
func (c *climb) down(name string) error {
	dir, err := c.at.Sub(name)
	if err != nil {
		return err
	}
	info, err := dir.Lstat(".")
	if err != nil {
		_ = dir.Close() // read only
		return err
	}
	c.move(dir)
	c.levels = append(c.levels, level{name: name, info: info, path: c.top().path + len(name) + 1, more: true})
	return nil
}

// hold remembers names that were read of the current directory. If all on the way together become too many, those of the highest directories
// are dropped, to be read again.
func (c *climb) hold(names []string) {
	c.top().left = names
	if c.held += len(names); c.held <= c.budget {
		return
	}
	c.held = 0
	for i := len(c.levels) - 1; i >= 0; i-- {
		l := &c.levels[i]
		if i < len(c.levels)-1 && c.held+len(l.left) > c.budget/2 {
			l.left, l.more = nil, true
		}
		c.held += len(l.left)
	}
}

// up goes back to the directory above. If that is not any more where the walk came from, because somebody moved things, it goes on from the
// deepest directory on the way that is still in its place.
func (c *climb) up() {
	c.levels = c.levels[:len(c.levels)-1]
	if len(c.levels) == 1 {
		c.move(c.root)
		return
	}
	fd, err := retry(func() (int, error) { // without RESOLVE_BENEATH, which allows no ".."; what is opened must be what is known
		return unix.Openat2(c.at.fd(), "..", &unix.OpenHow{
			Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
		})
	})
	if err == nil {
		dir := c.root.sub(fd, c.top().name)
		if info, err := dir.Lstat("."); err == nil && info.Same(c.top().info) {
			c.move(dir)
			return
		}
		_ = dir.Close() // read only
	}
	c.again()
}

// again goes from the root down the known names as far as they lead to the known directories.
func (c *climb) again() {
	levels := c.levels
	c.move(c.root)
	for i := 1; i < len(levels); i++ {
		dir, err := c.at.Sub(levels[i].name)
		if err != nil {
			c.levels = levels[:i]
			return
		}
		info, err := dir.Lstat(".")
		if err != nil || !info.Same(levels[i].info) {
			_ = dir.Close() // read only
			c.levels = levels[:i]
			return
		}
		c.move(dir)
	}
}

// next returns the next name of the current directory, in the order of bytes; ok is false at its end.
func (c *climb) next() (name string, ok bool, err error) {
	l := c.top()
	if len(l.left) == 0 {
		if !l.more {
			return "", false, nil
		}
		var names []string
		if names, l.more, err = c.at.first(l.after, max(1, c.budget/2)); err != nil || len(names) == 0 {
			return "", false, err
		}
		c.hold(names)
	}
	l.after, l.left = l.left[0], l.left[1:]
	return l.after, true, nil
}
