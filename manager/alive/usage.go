package alive

import (
	"strconv"
)

// Figure is a number that the kernel may not have: OK is false, and Value 0, where no mounted controller counts it or the group is gone.
type Figure struct {
	Value uint64
	OK    bool
}

// Usage is what a group and all below it use.
type Usage struct {
	Memory Figure // bytes now, page cache and kernel memory included
	CPU    Figure // nanoseconds of processor time since the group was made
	Pids   Figure // processes and threads now
	Read   Figure // bytes read from disks since the group was made
	Write  Figure // bytes written to disks; version 1 does not count what goes through the page cache
}

// meter says where a figure is found: a file of a version 1 controller or of version 2, perhaps one field of it, in units of scale.
type meter struct {
	controller    string
	legacyFile    string
	unifiedFile   string
	unifiedField  string
	unifiedFactor uint64
}

// Usage reads the figures of the group. Nothing is locked: they are of slightly different moments. It never waits for the group's processes.
func (t Tree) Usage() Usage {
	read, write := t.disks()
	return Usage{
		Read: read, Write: write,
		Memory: t.figure(meter{controller: "memory", legacyFile: "memory.usage_in_bytes", unifiedFile: "memory.current", unifiedFactor: 1}),
		CPU:    t.figure(meter{controller: "cpuacct", legacyFile: "cpuacct.usage", unifiedFile: "cpu.stat", unifiedField: "usage_usec", unifiedFactor: 1000}),
		Pids:   t.figure(meter{controller: "pids", legacyFile: "pids.current", unifiedFile: "pids.current", unifiedFactor: 1}),
	}
}

// figure prefers version 1: where it has the controller, version 2 has none.
func (t Tree) figure(m meter) Figure {
	for _, b := range t.branches {
		if b.has(m.controller) {
			return b.figure(m.legacyFile, "", 1)
		}
	}
	if b := t.branches[0]; b.unified() {
		return b.figure(m.unifiedFile, m.unifiedField, m.unifiedFactor)
	}
	return Figure{}
}

func (b branch) figure(file, field string, factor uint64) Figure {
	content, err := b.read(file)
	if err != nil {
		return Figure{}
	}
	if field != "" {
		content = fieldOf(content, field)
	}
	value, err := strconv.ParseUint(content, 10, 64)
	if err != nil || value > (1<<64-1)/factor {
		return Figure{}
	}
	return Figure{Value: value * factor, OK: true}
}
