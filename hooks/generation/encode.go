package generation

import (
	"encoding/binary"
	"fmt"
	"math"
)

// encoder appends numbers and strings.
type encoder struct{ buf []byte }

func (e *encoder) number(n uint64) { e.buf = binary.AppendUvarint(e.buf, n) }

func (e *encoder) text(s string) {
	e.number(uint64(len(s)))
	e.buf = append(e.buf, s...)
}

// decoder reads what an encoder wrote. After the first thing that cannot be read, all that it returns is zero.
type decoder struct {
	buf []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	d.buf = nil
}

func (d *decoder) number() uint64 {
	n, size := binary.Uvarint(d.buf)
	if size <= 0 {
		d.fail("a number is cut off")
		return 0
	}
	d.buf = d.buf[size:]
	return n
}

// count reads a number of things each of which takes at least a byte.
func (d *decoder) count() int {
	n := d.number()
	if n > uint64(len(d.buf)) {
		d.fail("it ends too early")
		return 0
	}
	return int(n)
}

func (d *decoder) bytes(n int) []byte {
	if n > len(d.buf) {
		d.fail("it ends too early")
		return nil
	}
	b := d.buf[:n]
	d.buf = d.buf[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes(d.count())) }

// end returns the error, if any, or that there is something left.
func (d *decoder) end() error {
	if d.err == nil && len(d.buf) > 0 {
		d.fail("there is something after its end")
	}
	return d.err
}

// column is one number of every entry, stored as the difference from the entry before.
type column struct {
	get func(*entry) uint64
	set func(*entry, uint64)
	max uint64
}

func columns(devs int) []column {
	return []column{
		{func(e *entry) uint64 { return uint64(e.mode) }, func(e *entry, n uint64) { e.mode = uint32(n) }, math.MaxUint32},
		{func(e *entry) uint64 { return uint64(e.uid) }, func(e *entry, n uint64) { e.uid = uint32(n) }, math.MaxUint32},
		{func(e *entry) uint64 { return uint64(e.gid) }, func(e *entry, n uint64) { e.gid = uint32(n) }, math.MaxUint32},
		{func(e *entry) uint64 { return e.size }, func(e *entry, n uint64) { e.size = n }, math.MaxUint64},
		{func(e *entry) uint64 { return uint64(e.dev) }, func(e *entry, n uint64) { e.dev = uint16(n) }, uint64(max(devs, 1) - 1)},
		{func(e *entry) uint64 { return e.ino }, func(e *entry, n uint64) { e.ino = n }, math.MaxUint64},
		{func(e *entry) uint64 { return uint64(e.ctime) }, func(e *entry, n uint64) { e.ctime = int64(n) }, math.MaxUint64},
		{func(e *entry) uint64 { return map[bool]uint64{true: 1}[e.young] }, func(e *entry, n uint64) { e.young = n == 1 }, 1},
	}
}

// zigzag makes small differences in either direction small numbers.
func zigzag(n uint64) uint64   { return n<<1 ^ uint64(int64(n)>>63) }
func unzigzag(n uint64) uint64 { return n>>1 ^ -(n & 1) }

// encode appends the index.
func (x *index) encode(e *encoder) {
	e.number(uint64(len(x.entries)))
	last := ""
	for i := range x.entries {
		p := x.path(&x.entries[i])
		n := shared(last, p)
		e.number(uint64(n))
		e.text(p[n:])
		last = p
	}
	for i := range x.entries {
		e.text(x.target(&x.entries[i]))
	}
	for _, c := range columns(len(x.devs)) {
		before := uint64(0)
		for i := range x.entries {
			n := c.get(&x.entries[i])
			e.number(zigzag(n - before))
			before = n
		}
	}
}

// shared is the length of the common beginning of a and b.
func shared(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// decodeIndex reads what encode wrote, with the devices from elsewhere.
func decodeIndex(d *decoder, devs []uint64) *index {
	x := &index{devs: devs, entries: make([]entry, d.count())}
	if len(devs) == 0 && len(x.entries) > 0 {
		d.fail("it has no devices")
	}
	text := x.decodeTargets(d, x.decodePaths(d))
	for _, c := range columns(len(devs)) {
		before := uint64(0)
		for i := range x.entries {
			before += unzigzag(d.number())
			if before > c.max {
				d.fail("a number is too large")
			}
			c.set(&x.entries[i], before)
		}
	}
	x.text = string(text)
	return x
}

// maxText bounds the text of an index: offsets have 32 bits.
const maxText = math.MaxUint32 - 2*math.MaxUint16

func (x *index) decodePaths(d *decoder) (text []byte) {
	text = make([]byte, 0, 8*len(d.buf))
	for i := range x.entries {
		var last []byte
		if i > 0 {
			last = text[x.entries[i-1].path:]
		}
		n, rest := int(min(d.number(), math.MaxInt32)), d.bytes(d.count())
		if n > len(last) || n+len(rest) > math.MaxUint16 || len(text) > maxText {
			d.fail("a path cannot be")
		}
		if d.err != nil {
			return text
		}
		e := &x.entries[i]
		e.path, e.pathLen = uint32(len(text)), uint16(n+len(rest))
		text = append(append(text, last[:n]...), rest...)
		if i > 0 && comparePaths(last, text[e.path:]) >= 0 {
			d.fail("paths are not in order")
		}
	}
	return text
}

func (x *index) decodeTargets(d *decoder, text []byte) []byte {
	for i := range x.entries {
		target := d.bytes(d.count())
		if len(target) > math.MaxUint16 || len(text) > maxText {
			d.fail("a link is too long")
			return text
		}
		x.entries[i].target, x.entries[i].targetLen = uint32(len(text)), uint16(len(target))
		text = append(text, target...)
	}
	return text
}
