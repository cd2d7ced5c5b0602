package generation

import (
	"fmt"
	"strings"
)

// DecodeIndex reads an index and returns what is in it as text, and the same index encoded again.
func DecodeIndex(buf []byte, devs []uint64) (text string, again []byte, err error) {
	d := &decoder{buf: buf}
	x := decodeIndex(d, devs)
	if err := d.end(); err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for i := range x.entries {
		e := &x.entries[i]
		if x.find(x.path(e)) != e {
			return "", nil, fmt.Errorf("%q is not found", x.path(e))
		}
		fmt.Fprintf(&b, "%q %+v %v\n", x.path(e), x.meta(e), e.young)
	}
	e := &encoder{}
	x.encode(e)
	return b.String(), e.buf, nil
}

// DecodeContents reads the body of a pack and returns what is in it as text, and the same encoded again.
func DecodeContents(buf []byte) (text string, again []byte, err error) {
	all, err := decodeContents(buf)
	if err != nil {
		return "", nil, err
	}
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%q %q %q %q\n", c.Key, c.Name, c.Arch, c.Version)
		for _, f := range c.files {
			fmt.Fprintf(&b, "%+v\n", f.file())
		}
	}
	return b.String(), encodeContents(all), nil
}

// DecodeFile reads a whole file of the archive, of either kind.
func DecodeFile(file []byte) error {
	if _, stored, err := openPack(file); err == nil {
		buf, err := inflate(stored)
		if err == nil {
			_, err = decodeContents(buf)
		}
		return err
	}
	_, _, err := decodeSnapshot(file)
	return err
}

// EncodeIndex returns the index of a snapshot as it is stored.
func EncodeIndex(s *Snapshot) (buf []byte, devs []uint64) {
	e := &encoder{}
	s.index.encode(e)
	return e.buf, s.index.devs
}

// ComparePaths is the order of an index.
func ComparePaths(a, b string) int { return comparePaths(a, b) }
