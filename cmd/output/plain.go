package output

import "io"

// PlainWriter takes what a program wrote for a terminal and passes the text on: without escape sequences (ECMA-48: colours, movements, titles)
// and carriage returns. It keeps at most one write's worth of text, and of a sequence nothing. A sequence that never ends is over after 4096
// bytes, so that nobody can make all that follows disappear.
type PlainWriter struct {
	to     io.Writer
	state  plainState
	inside int // bytes of the sequence so far
}

type plainState int

const (
	inText    plainState = iota
	inEscape             // after ESC
	inControl            // ESC [: until a byte from @ to ~
	inString             // ESC ] and its like: until BEL or ESC \
	inStringEnd
)

// longestSequence is far more than the longest that is in use, a title.
const longestSequence = 4096

// NewPlainWriter returns a writer that passes plain text on.
func NewPlainWriter(to io.Writer) *PlainWriter { return &PlainWriter{to: to} }

// Write takes a piece of output. All of it is taken, even where passing on fails, whose error is returned.
func (w *PlainWriter) Write(b []byte) (int, error) {
	text := make([]byte, 0, len(b))
	for _, c := range b {
		if w.next(c) {
			text = append(text, c)
		}
	}
	if len(text) == 0 {
		return len(b), nil
	}
	_, err := w.to.Write(text)
	return len(b), err
}

// next takes one byte and says whether it is text.
func (w *PlainWriter) next(c byte) bool {
	const escape, bell = 0x1b, 0x07
	w.inside++
	switch {
	case c == escape && w.state == inString:
		w.state = inStringEnd
		return false
	case c == escape:
		w.state, w.inside = inEscape, 0
		return false
	case w.inside > longestSequence:
		w.state = inText
	}
	switch w.state {
	case inText:
		return c != '\r'
	case inEscape:
		w.state = afterEscape(c)
	case inControl:
		if c >= 0x40 && c <= 0x7e {
			w.state = inText
		}
	case inString:
		if c == bell {
			w.state = inText
		}
	case inStringEnd: // the byte is the backslash, or what begins after a string that was cut
		w.state = inText
	}
	return false
}

func afterEscape(c byte) plainState {
	switch {
	case c == '[':
		return inControl
	case c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_':
		return inString
	case c >= 0x20 && c <= 0x2f: // the first of two or more
		return inEscape
	default:
		return inText
	}
}
