package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// What goes between Look and its children: lines of JSON. Names are any bytes, and JSON is of characters, so names are quoted first.

const (
	maxTask    = 256 << 20 // bytes of the line that says what has changed
	maxSubject = 1 << 20   // of one that hands over a subject
	maxAnswer  = 64 << 20  // of one that answers: maxFindings with names quoted twice
	maxText    = 512       // of a reason or detail
)

// task is what a child is told first.
type task struct {
	Root    string
	Changed []Changed
}

// receive reads one line of JSON of at most limit bytes. It returns io.EOF where the input ends between lines.
func receive(in *bufio.Reader, limit int, value any) error {
	line, err := readLine(in, limit)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return fmt.Errorf("read a line of JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("read a line of JSON: something follows it")
	}
	return nil
}

func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > limit:
			return nil, fmt.Errorf("a line is longer than %d bytes", limit)
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF) && len(line) > 0:
			return nil, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func packChanged(changed []Changed) []Changed {
	packed := make([]Changed, len(changed))
	for i, c := range changed {
		c.Path, c.Now.Path, c.Now.Target = strconv.Quote(c.Path), strconv.Quote(c.Now.Path), strconv.Quote(c.Now.Target)
		packed[i] = c
	}
	return packed
}

func unpackChanged(packed []Changed) ([]Changed, error) {
	for i := range packed {
		c := &packed[i]
		if err := unquote(&c.Path, &c.Now.Path, &c.Now.Target); err != nil {
			return nil, err
		}
		if !strings.HasPrefix(c.Path, "/") || strings.IndexByte(c.Path, 0) >= 0 {
			return nil, fmt.Errorf("%.80q is no absolute path", c.Path)
		}
	}
	return packed, nil
}

func (r Report) pack() Report {
	findings := make([]Finding, len(r.Findings))
	for i, f := range r.Findings {
		f.Comm, f.Path, f.Detail = strconv.Quote(f.Comm), strconv.Quote(f.Path), clip(f.Detail)
		findings[i] = f
	}
	r.Findings = findings
	return r
}

// unpack undoes pack and checks the answer: whoever wrote it has read hostile things.
func (r *Report) unpack() error {
	if len(r.Findings) > maxFindings || r.Omitted < 0 || r.Processes < 0 || r.Looked < 0 || len(r.Unknown) > maxText {
		return errors.New("an answer out of bounds")
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		if err := unquote(&f.Comm, &f.Path); err != nil {
			return err
		}
		if !f.Kind.known() || f.PID < 0 || len(f.Path) > 4*unix.PathMax || len(f.Comm) > 256 || len(f.Detail) > maxText {
			return fmt.Errorf("a finding out of bounds: %.80q", f.Path)
		}
	}
	return nil
}

func (k Kind) known() bool {
	switch k {
	case Mapped, Executed, Open, Gone, Answers, Missing, Lingers, Interpreter, Script, Monitor:
		return true
	}
	return false
}

func unquote(texts ...*string) error {
	for _, text := range texts {
		plain, err := strconv.Unquote(*text)
		if err != nil {
			return fmt.Errorf("read the name %.80s: %w", *text, err)
		}
		*text = plain
	}
	return nil
}

// clip shortens a text for a human and makes it one of characters.
func clip(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	if len(text) <= maxText {
		return text
	}
	text = text[:maxText-3]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text + "…"
}
