package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is one line of /proc/PID/maps (proc_pid_maps(5)) that maps a file.
type mapping struct {
	from, to uint64
	dev, ino uint64
	path     string // as shown: newlines are \012, backslashes are not escaped, and " (deleted)" may be the kernel's word or part of the name
}

// name is the mapping's name in /proc/PID/map_files.
func (m mapping) name() string {
	return strconv.FormatUint(m.from, 16) + "-" + strconv.FormatUint(m.to, 16)
}

// maxMapsLine is more than the longest path with every byte escaped.
const maxMapsLine = 4*unix.PathMax + 200

// readMaps calls visit for each line of maps that maps a file and returns the number of all lines.
func readMaps(r io.Reader, visit func(mapping)) (lines int, err error) {
	buffered := bufio.NewReaderSize(r, maxMapsLine)
	for {
		line, err := buffered.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return lines, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return lines, fmt.Errorf("read maps: %w", err)
		}
		lines++
		m, ok := parseMapping(bytes.TrimSuffix(line, []byte("\n")))
		if !ok {
			return lines, fmt.Errorf("not understood in maps: %.80q", line)
		}
		if m.ino != 0 {
			visit(m)
		}
	}
}

// parseMapping reads one line: "FROM-TO PERMS OFFSET MAJOR:MINOR INODE", spaces, and a path, which may be missing.
func parseMapping(line []byte) (m mapping, ok bool) {
	fields := bytes.SplitN(line, []byte(" "), 6)
	if len(fields) < 5 {
		return m, false
	}
	from, to, ok := bytes.Cut(fields[0], []byte("-"))
	major, minor, ok2 := bytes.Cut(fields[3], []byte(":"))
	if !ok || !ok2 {
		return m, false
	}
	var major64, minor64 uint64
	for _, number := range []struct {
		text []byte
		base int
		bits int
		to   *uint64
	}{{from, 16, 64, &m.from}, {to, 16, 64, &m.to}, {major, 16, 32, &major64}, {minor, 16, 32, &minor64}, {fields[4], 10, 64, &m.ino}} {
		value, err := strconv.ParseUint(string(number.text), number.base, number.bits)
		if err != nil {
			return m, false
		}
		*number.to = value
	}
	m.dev = unix.Mkdev(uint32(major64), uint32(minor64))
	if len(fields) == 6 {
		m.path = string(bytes.TrimLeft(fields[5], " "))
	}
	return m, true
}

// deletedSuffix is what the kernel appends to the name of a file that was deleted in the filesystem that shows it.
const deletedSuffix = " (deleted)"

// undelete returns a path as the kernel shows it without that suffix, and whether it had one.
func undelete(path string) (string, bool) { return strings.CutSuffix(path, deletedSuffix) }
