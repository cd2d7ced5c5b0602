package delta

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/sysctr/sysctr/overlay/beneath"
)

// compare completes a change with what differs between an entry of the delta and what is below it.
func (d *differ) compare(change *Change, o *Overlap, attributes bool) (err error) {
	if change.Was, err = d.view.was(o.low, o.Path); err != nil {
		return err
	}
	if change.Is, err = d.view.is(o.dir, o.name, o.Info, o.Kind); err != nil {
		return err
	}
	change.Fields = differences(change.Was, change.Is)
	if !slices.Contains(change.Fields, "type") {
		if err := d.closer(change, o, attributes); err != nil {
			return err
		}
	}
	change.Class = class(change.Fields)
	return nil
}

// differences compares what is known without reading.
func differences(was, is State) (fields []string) {
	differs := func(field string, it bool) {
		if it {
			fields = append(fields, field)
		}
	}
	if is.Kind == Opaque {
		fields, is.Kind = append(fields, "hidden"), Directory
	}
	if was.Kind != is.Kind {
		return []string{"type"}
	}
	differs("content", was.Size != is.Size)
	differs("target", was.Target != is.Target)
	differs("device", was.Device != is.Device)
	differs("mode", was.Mode != is.Mode && is.Kind != Link)
	differs("owner", was.UID != is.UID || was.GID != is.GID || is.Foreign)
	return fields
}

// closer adds what has to be read: the bytes of files of one size, and extended attributes.
func (d *differ) closer(change *Change, o *Overlap, attributes bool) error {
	if change.Is.Kind == File && change.Was.Size == change.Is.Size && o.Info.Size > 0 {
		same := o.Info.Modified.Equal(o.low.info.Modified)
		if change.Guess = o.Info.Size > d.view.compareLimit(); !change.Guess {
			var err error
			if same, err = d.sameBytes(o.dir, o.name, o.low.layer.Dir, change.Path); err != nil {
				return err
			}
		}
		if !same {
			change.Fields = append([]string{"content"}, change.Fields...)
		}
	}
	if !attributes {
		return nil
	}
	names, err := d.view.xattrs(o.dir, o.name, o.low.layer, change.Path)
	for _, n := range names {
		change.Fields = append(change.Fields, "xattr "+n)
	}
	return err
}

const chunk = 128 << 10

// sameBytes compares two files. It ends where the shorter one does, so that a file that grows cannot keep it.
func (d *differ) sameBytes(dir *beneath.Dir, name string, other *beneath.Dir, path string) (same bool, err error) {
	one, err := dir.OpenRegular(name)
	if err != nil {
		return false, err
	}
	defer one.Close()
	two, err := other.OpenRegular(path)
	if err != nil {
		return false, err
	}
	defer two.Close()
	if d.buffer[0] == nil {
		d.buffer = [2][]byte{make([]byte, chunk), make([]byte, chunk)}
	}
	for {
		n, end, err := fill(one, d.buffer[0])
		if err != nil {
			return false, err
		}
		m, endToo, err := fill(two, d.buffer[1])
		if err != nil || !bytes.Equal(d.buffer[0][:n], d.buffer[1][:m]) {
			return false, err
		}
		if end || endToo {
			return end == endToo, nil
		}
	}
}

// fill reads until the buffer is full or the file at its end.
func fill(r io.Reader, buffer []byte) (n int, end bool, err error) {
	n, err = io.ReadFull(r, buffer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, true, nil
	}
	return n, false, err
}

// xattrs returns the names of the extended attributes that differ, sorted.
func (v View) xattrs(dir *beneath.Dir, name string, layer Layer, path string) ([]string, error) {
	is, err := dir.Xattrs(name, counts)
	if err != nil {
		return nil, err
	}
	was, err := layer.Dir.Xattrs(path, counts)
	if err != nil {
		return nil, err
	}
	inside := func(id uint32) uint32 {
		if mine, ok := v.inside(id); ok {
			return mine
		}
		return noID
	}
	lower := func(id uint32) uint32 { return v.fromLower(layer, id) }
	var names []string
	for n, value := range is {
		old, found := was[n]
		if !found || !bytes.Equal(plain(n, value, inside), plain(n, old, lower)) {
			names = append(names, n)
		}
	}
	for n := range was {
		if _, found := is[n]; !found {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names, nil
}

// noID is no id: one of the host in a delta is equal to none.
const noID = ^uint32(0)

// counts tells which attributes are a container's: not overlayfs's own, and not those that a security module gives every file by itself.
func counts(name string) bool {
	switch name {
	case "security.selinux", "security.ima", "security.evm", "security.SMACK64":
		return false
	}
	return !strings.HasPrefix(name, overlayPrefix)
}
