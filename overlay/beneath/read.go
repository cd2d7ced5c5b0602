package beneath

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// batchSize is how many names of a directory are held at once where their order does not matter.
const batchSize = 512

// OpenRegular opens the regular file rel for reading. The caller closes it and bounds what it reads: a file can be as large as a filesystem
// allows without taking space. For anything else the error wraps ErrNotRegular or ErrLink, and nothing was opened.
func (d *Dir) OpenRegular(rel string) (*os.File, error) {
	h, err := d.handle(rel)
	if err != nil {
		return nil, d.fail("open", rel, err)
	}
	defer h.close()
	info, err := h.stat()
	if err == nil {
		err = wantRegular(info)
	}
	if err != nil {
		return nil, d.fail("open", rel, err)
	}
	fd, err := retry(func() (int, error) { // O_NONBLOCK: a lease on the file (fcntl(2), F_SETLEASE) would make the open wait
		return unix.Open(h.proc(), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, d.fail("open", rel, err)
	}
	return os.NewFile(uintptr(fd), d.path+"/"+rel), nil
}

func wantRegular(info Info) error {
	switch info.Type() {
	case unix.S_IFREG:
		return nil
	case unix.S_IFLNK:
		return ErrLink
	}
	return ErrNotRegular
}

// ReadFile returns the content of the regular file rel. If it has more than limit bytes the error wraps ErrTooLarge.
func (d *Dir) ReadFile(rel string, limit int64) ([]byte, error) {
	file, err := d.OpenRegular(rel)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%w of %d bytes", ErrTooLarge, limit)
	}
	if err != nil {
		return nil, d.fail("read", rel, err)
	}
	return content, nil
}

// Readdir calls batch with the names in the directory rel, in no order, some hundred at a time, without "." and "..". The slice is the
// callee's to keep. An error of batch ends it and is returned as it is. A name that is made or removed meanwhile may be among them or not.
func (d *Dir) Readdir(rel string, batch func(names []string) error) error {
	dir, err := d.Sub(rel)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.each(batch)
}

// each is Readdir of d itself, from the position it is at.
func (d *Dir) each(batch func(names []string) error) error {
	for {
		names, err := d.file.Readdirnames(batchSize)
		if len(names) > 0 {
			if err := batch(names); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return d.fail("list", ".", err)
		}
	}
}

// first returns the limit smallest names of d that are greater than after, in the order of their bytes, and whether there are more. It
// reads the whole directory each time, and holds no more than twice the limit.
func (d *Dir) first(after string, limit int) (names []string, more bool, err error) {
	if _, err := d.file.Seek(0, io.SeekStart); err != nil {
		return nil, false, d.fail("list", ".", err)
	}
	cut := func() {
		slices.Sort(names)
		if len(names) > limit {
			names, more = names[:limit], true
		}
	}
	err = d.each(func(batch []string) error {
		for _, name := range batch {
			if name > after {
				names = append(names, name)
			}
		}
		if len(names) > 2*limit {
			cut()
		}
		return nil
	})
	cut()
	return names, more, err
}
