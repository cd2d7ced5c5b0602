package output

import (
	"bytes"
	"sync"
)

// MaxLine is the longest line of a command's output in bytes that PrefixWriter keeps together.
const MaxLine = 64 << 10

// PrefixWriter puts the name of its container in front of each line, such as "web3: ". Only whole lines reach the stream, so that lines
// of many writers never mix. A line of more than MaxLine bytes is continued on a new one. On a terminal what is unprintable, tabs apart, is made
// visible: a container could otherwise move the cursor and speak in the name of another. It is safe for concurrent use and ends with Close.
type PrefixWriter struct {
	to     *Stream
	prefix []byte

	mu   sync.Mutex
	line []byte // the beginning of a line whose end has not come yet, at most MaxLine bytes
}

// NewPrefixWriter returns a writer of lines that begin with the name, a colon and a blank.
func NewPrefixWriter(to *Stream, name string) *PrefixWriter {
	return &PrefixWriter{to: to, prefix: []byte(Clean(name) + ": ")}
}

// NewLineWriter returns a writer of the lines of a single container, with nothing in front of them.
func NewLineWriter(to *Stream) *PrefixWriter { return &PrefixWriter{to: to} }

// Write takes a piece of output. All of it is taken, even where the stream fails, whose error is returned.
func (w *PrefixWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []byte
	for rest := b; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		piece := rest
		if end >= 0 {
			piece = rest[:end]
		}
		if room := MaxLine - len(w.line); len(piece) > room {
			out = w.finish(append(w.line, piece[:room]...), out)
			rest = rest[room:]
			continue
		}
		w.line = append(w.line, piece...)
		if end < 0 {
			break
		}
		out = w.finish(w.line, out)
		rest = rest[end+1:]
	}
	return len(b), w.flush(out)
}

// Close writes what is left of a last line without an end, with one. The stream stays open.
func (w *PrefixWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.line) == 0 {
		return nil
	}
	return w.flush(w.finish(w.line, nil))
}

// finish appends line to out as it is shown and begins a new one.
func (w *PrefixWriter) finish(line, out []byte) []byte {
	out = append(out, w.prefix...)
	out = append(out, shown(line, w.to.Terminal())...)
	w.line = w.line[:0]
	return append(out, '\n')
}

func (w *PrefixWriter) flush(out []byte) error {
	if len(out) == 0 {
		return nil
	}
	_, err := w.to.Write(out)
	return err
}

// shown returns a line of output as a terminal, or something else, may see it. A carriage return at its end is that of a pty.
func shown(line []byte, terminal bool) []byte {
	if !terminal {
		return line
	}
	return []byte(CleanLine(string(bytes.TrimSuffix(line, []byte("\r")))))
}
