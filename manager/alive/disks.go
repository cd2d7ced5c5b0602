package alive

import (
	"math"
	"strconv"
	"strings"
)

// disks returns the bytes that the group has read and written on all disks together. Version 1 has the files of two schedulers; those of the
// throttling layer are there whatever the scheduler is.
func (t Tree) disks() (read, write Figure) {
	for _, b := range t.branches {
		if b.has("blkio") {
			return b.disks("blkio.throttle.io_service_bytes_recursive", legacyDisks)
		}
	}
	if b := t.branches[0]; b.unified() {
		return b.disks("io.stat", unifiedDisks)
	}
	return Figure{}, Figure{}
}

func (b branch) disks(file string, parse func(text string) (read, write Figure)) (read, write Figure) {
	text, err := b.read(file)
	if err != nil {
		return Figure{}, Figure{}
	}
	return parse(text)
}

// legacyDisks sums lines such as "254:0 Read 4096", see the kernel's Documentation/admin-guide/cgroup-v1/blkio-controller.rst. No line is
// nothing read.
func legacyDisks(text string) (read, write Figure) {
	read.OK, write.OK = true, true
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			continue // the total
		}
		switch fields[1] {
		case "Read":
			read = read.plus(fields[2])
		case "Write":
			write = write.plus(fields[2])
		}
	}
	return read, write
}

// unifiedDisks sums lines such as "254:0 rbytes=4096 wbytes=0 rios=1 …", see the kernel's Documentation/admin-guide/cgroup-v2.rst.
func unifiedDisks(text string) (read, write Figure) {
	read.OK, write.OK = true, true
	for line := range strings.Lines(text) {
		for _, field := range strings.Fields(line) {
			if value, ok := strings.CutPrefix(field, "rbytes="); ok {
				read = read.plus(value)
			}
			if value, ok := strings.CutPrefix(field, "wbytes="); ok {
				write = write.plus(value)
			}
		}
	}
	return read, write
}

// plus adds a number in decimal digits. What is none, or too much, makes the sum unknown, for good.
func (f Figure) plus(text string) Figure {
	value, err := strconv.ParseUint(text, 10, 64)
	if !f.OK || err != nil || value > math.MaxUint64-f.Value {
		return Figure{}
	}
	return Figure{Value: f.Value + value, OK: true}
}
