package beneath

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// maxXattr is the kernel's limit for a value, and for the list of names (xattr(7)).
const maxXattr = 64 << 10

// Xattr returns the extended attribute name of rel, and whether there is one. Of a link, it is the link's own. A filesystem without extended
// attributes has none.
func (d *Dir) Xattr(rel, name string) (value []byte, found bool, err error) {
	h, err := d.handle(rel)
	if err != nil {
		return nil, false, d.fail("look at", rel, err)
	}
	defer h.close()
	value, found, err = h.xattr(name)
	return value, found, d.fail("read an attribute of", rel, err)
}

// Xattrs returns all extended attributes of rel whose names keep accepts; of no other the value is read. A nil keep accepts all.
func (d *Dir) Xattrs(rel string, keep func(name string) bool) (map[string][]byte, error) {
	h, err := d.handle(rel)
	if err != nil {
		return nil, d.fail("look at", rel, err)
	}
	defer h.close()
	found, err := h.xattrs(keep)
	return found, d.fail("read the attributes of", rel, err)
}

// SetXattr sets an extended attribute of rel, of a link the link's own.
func (d *Dir) SetXattr(rel, name string, value []byte) error {
	h, err := d.handle(rel)
	if err != nil {
		return d.fail("look at", rel, err)
	}
	defer h.close()
	return d.fail("set an attribute of", rel, unix.Setxattr(h.proc(), name, value, 0))
}

// RemoveXattr removes an extended attribute of rel. It is no error if there is none.
func (d *Dir) RemoveXattr(rel, name string) error {
	h, err := d.handle(rel)
	if err != nil {
		return d.fail("look at", rel, err)
	}
	defer h.close()
	err = unix.Removexattr(h.proc(), name)
	if errors.Is(err, unix.ENODATA) {
		return nil
	}
	return d.fail("remove an attribute of", rel, err)
}

func (h handle) xattr(name string) ([]byte, bool, error) {
	path := h.proc()
	value := make([]byte, 256) // most are short
	n, err := unix.Getxattr(path, name, value)
	if errors.Is(err, unix.ERANGE) {
		value = make([]byte, maxXattr)
		n, err = unix.Getxattr(path, name, value)
	}
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("%s: %w", name, err)
	}
	return value[:n:n], true, nil
}

func (h handle) xattrs(keep func(string) bool) (map[string][]byte, error) {
	path := h.proc()
	n, err := unix.Listxattr(path, nil)
	if errors.Is(err, unix.EOPNOTSUPP) || err == nil && n == 0 {
		return nil, nil
	}
	list := make([]byte, max(n, 0)+256) // most files of an upper have one, and it is short
	if err == nil {
		n, err = unix.Listxattr(path, list)
	}
	if errors.Is(err, unix.ERANGE) { // it has got more
		list = make([]byte, maxXattr)
		n, err = unix.Listxattr(path, list)
	}
	if err != nil {
		return nil, err
	}
	found := make(map[string][]byte)
	for name := range bytes.SplitSeq(list[:n], []byte{0}) {
		if len(name) == 0 || keep != nil && !keep(string(name)) {
			continue
		}
		value, ok, err := h.xattr(string(name))
		if err != nil {
			return nil, err
		}
		if ok {
			found[string(name)] = value
		}
	}
	return found, nil
}
