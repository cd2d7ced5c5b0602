package idrange

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// MaxFile bounds the text that Reserve and Unreserve look at, in bytes. Real files have a line per user.
const MaxFile = 1 << 20

// Reserve takes the text of /etc/subuid or /etc/subgid (subuid(5)) and returns it with the whole pool as one range of root's, exactly once,
// and whether it had to change anything. All other lines stay as they are, those it does not understand included: the tools that own the
// file skip those too. It is idempotent.
//
// It returns ErrTaken, with the line and the owner, if the file gives any id of the pool to somebody else; ErrPool; or ErrTooLarge.
func Reserve(content []byte, p Pool) ([]byte, bool, error) {
	if err := p.Check(); err != nil {
		return nil, false, err
	}
	if err := checkFile(content, p); err != nil {
		return nil, false, err
	}
	rest, removed := without(content, p)
	if removed == 1 {
		return bytes.Clone(content), false, nil
	}
	if len(rest) > 0 && rest[len(rest)-1] != '\n' {
		rest = append(rest, '\n')
	}
	return append(rest, p.line()+"\n"...), true, nil
}

// Unreserve takes away what Reserve added and returns the text and whether it changed. Other ranges of root's stay. It is idempotent.
func Unreserve(content []byte, p Pool) ([]byte, bool) {
	rest, removed := without(content, p)
	return rest, removed > 0
}

// checkFile refuses a text that is too large or gives ids of the pool away.
func checkFile(content []byte, p Pool) error {
	if len(content) > MaxFile {
		return fmt.Errorf("%w: %d bytes, at most %d are read", ErrTooLarge, len(content), MaxFile)
	}
	number := 0
	for line := range bytes.Lines(content) {
		number++
		entry, ok := parseEntry(string(line))
		if ok && !entry.isRoot() && entry.overlaps(p.Whole()) {
			return fmt.Errorf("%w: line %d gives %d ids from %d on to %q, and the pool is %v; change that line, or move the pool",
				ErrTaken, number, entry.count, entry.start, entry.owner, p.Whole())
		}
	}
	return nil
}

// without returns a copy of the text without the lines that reserve exactly this pool for root, and how many these were.
func without(content []byte, p Pool) ([]byte, int) {
	rest := make([]byte, 0, len(content)+len(p.line())+2)
	removed := 0
	for line := range bytes.Lines(content) {
		entry, ok := parseEntry(string(line))
		if ok && entry.owner == "root" && entry.start == uint64(p.Start) && entry.count == p.size() {
			removed++
			continue
		}
		rest = append(rest, line...)
	}
	return rest, removed
}

func (p Pool) line() string { return fmt.Sprintf("root:%d:%d", p.Start, p.size()) }

// entry is one understood line of a subordinate id file: owner:start:count.
type entry struct {
	owner        string
	start, count uint64
}

// parseEntry reads a line. A line is understood if it has three fields, none empty, and two numbers; the owner is a login name or a number.
func parseEntry(line string) (entry, bool) {
	fields := strings.Split(strings.TrimSuffix(line, "\n"), ":")
	if len(fields) != 3 || fields[0] == "" || strings.HasPrefix(fields[0], "#") {
		return entry{}, false
	}
	start, okStart := parseNumber(fields[1])
	count, okCount := parseNumber(fields[2])
	return entry{owner: fields[0], start: start, count: count}, okStart && okCount
}

// parseNumber reads a number the way strtoul(3) with base 0 does, which is what the owners of these files use: 0x1f, 017 and 15 are all
// numbers. Spaces around it are allowed, as a hand-written file has them.
func parseNumber(s string) (uint64, bool) {
	s = strings.ToLower(strings.TrimSpace(s))
	if strings.Contains(s, "_") || strings.HasPrefix(s, "0b") || strings.HasPrefix(s, "0o") {
		return 0, false // Go's own spellings, not C's
	}
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil
}

func (e entry) isRoot() bool { return e.owner == "root" || e.owner == "0" }

// overlaps reports whether the entry gives away an id of r. Numbers in the file may be far larger than any id.
func (e entry) overlaps(r Range) bool {
	end := e.start + e.count
	if end < e.start {
		end = 1<<64 - 1
	}
	return e.count != 0 && e.start < r.End() && uint64(r.Start) < end
}
