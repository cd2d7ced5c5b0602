package manager

import (
	"bytes"
	"io"
	"strings"
)

// lastLines returns the last lines of a text; with 0, all of it.
func lastLines(text []byte, lines int) []byte {
	if lines <= 0 {
		return text
	}
	at := len(bytes.TrimSuffix(text, []byte("\n")))
	for range lines {
		if at = bytes.LastIndexByte(text[:at], '\n'); at < 0 {
			return text
		}
	}
	return text[at+1:]
}

// lastLine passes lines on, one behind: the last is the cursor.
type lastLine struct {
	to   io.Writer
	line []byte
}

// Write keeps what may still be the last line.
func (l *lastLine) Write(b []byte) (int, error) {
	l.line = append(l.line, b...)
	end := bytes.LastIndexByte(bytes.TrimSuffix(l.line, []byte("\n")), '\n')
	if end < 0 {
		return len(b), nil
	}
	_, err := l.to.Write(l.line[:end+1])
	l.line = append(l.line[:0], l.line[end+1:]...)
	return len(b), err
}

// cursor returns what follows the mark in the last line. A line without it is text.
func (l *lastLine) cursor() (string, error) {
	const mark = "-- cursor: "
	text := strings.TrimSuffix(string(l.line), "\n")
	if c, ok := strings.CutPrefix(text, mark); ok {
		return c, nil
	}
	_, err := l.to.Write(l.line)
	return "", err
}

// ending passes on all lines or, if it has a number of them, the last ones when it is flushed: journalctl counts from the other end as soon as it
// has --since too.
type ending struct {
	to    io.Writer
	lines int
	kept  []byte
}

func (e *ending) Write(b []byte) (int, error) {
	if e.lines == 0 {
		return e.to.Write(b)
	}
	const enough = 1 << 20 // bytes between two cuts
	if before := len(e.kept); before/enough != (before+len(b))/enough {
		e.kept = append([]byte(nil), lastLines(e.kept, e.lines)...)
	}
	e.kept = append(e.kept, b...)
	return len(b), nil
}

func (e *ending) flush() error {
	_, err := e.to.Write(lastLines(e.kept, e.lines))
	return err
}

// limited passes on the first bytes.
type limited struct {
	to   io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	n := min(l.left, len(b))
	l.left -= n
	_, err := l.to.Write(b[:n])
	return len(b), err
}
