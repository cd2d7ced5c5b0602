package output

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Options say where and how a Printer speaks. The zero value speaks nowhere.
type Options struct {
	Stdout, Stderr io.Writer
	// StdoutColumns and StderrColumns return how many columns the terminal behind the stream has now. Nil means that the stream is no
	// terminal; a number that is not positive means that its width is not known.
	StdoutColumns, StderrColumns func() int

	Quiet   bool // no talk and no progress; errors and warnings remain
	Verbose bool // a line for each target that is done, and Detail

	Now   func() time.Time                                         // time.Now by default
	After func(wait time.Duration, call func()) (stop func() bool) // time.AfterFunc by default
}

// fill puts the defaults into what is nil.
func (o *Options) fill() {
	if o.Stdout == nil {
		o.Stdout = io.Discard
	}
	if o.Stderr == nil {
		o.Stderr = io.Discard
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = func(wait time.Duration, call func()) func() bool { return time.AfterFunc(wait, call).Stop }
	}
}

// Printer is the one way to both output streams of a process. It is safe for concurrent use: what one call writes is never torn apart,
// and a progress line never mixes with it. Errors of standard error are ignored, since there is nobody left to tell.
type Printer struct {
	options  Options
	out, err *Stream

	mu         sync.Mutex
	progress   *Progress // the one that may draw; nil for none
	drawn      int       // columns that the progress line takes now
	documented bool      // a document for programs was written
}

// New returns a Printer. It owns nothing and needs no end.
func New(o Options) *Printer {
	o.fill()
	p := &Printer{options: o}
	p.out = &Stream{printer: p, to: o.Stdout, columns: o.StdoutColumns}
	p.err = &Stream{printer: p, to: o.Stderr, columns: o.StderrColumns}
	return p
}

// Out returns standard output for what passes unchanged, such as the output of a command.
func (p *Printer) Out() *Stream { return p.out }

// Err returns standard error for what passes unchanged.
func (p *Printer) Err() *Stream { return p.err }

// Say tells a human something in one line: control characters of the text are made visible. Quiet mode swallows it.
func (p *Printer) Say(format string, args ...any) {
	if !p.options.Quiet {
		p.talk(fmt.Sprintf(format, args...))
	}
}

// Detail is Say for verbose mode only.
func (p *Printer) Detail(format string, args ...any) {
	if p.options.Verbose {
		p.Say(format, args...)
	}
}

// Warn tells a human about a danger, in quiet mode too.
func (p *Printer) Warn(format string, args ...any) {
	p.talk("sysctr: warning: " + fmt.Sprintf(format, args...))
}

// talk writes one line to standard error.
func (p *Printer) talk(line string) {
	_, _ = io.WriteString(p.err, Clean(line)+"\n")
}

// text writes to standard output.
func (p *Printer) text(s string) error {
	if _, err := io.WriteString(p.out, s); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	return nil
}

// table writes a grid to standard output, as wide as its terminal.
func (p *Printer) table(g grid, header bool) error {
	return p.text(g.layout(p.out.width(), header))
}

// document writes v as one document for programs.
func (p *Printer) document(f Format, v any) error {
	encode := encodeJSON
	if f == FormatYAML {
		encode = encodeYAML
	}
	text, err := encode(v)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.documented = true
	p.mu.Unlock()
	return p.text(string(text))
}

// Stream is one output stream of a Printer. Each Write reaches the stream as a whole, also with many writers and a progress line.
type Stream struct {
	printer *Printer
	to      io.Writer
	columns func() int
}

// Write writes b at once. On a terminal the progress line gives way and comes back, so what is written should end with a newline.
func (s *Stream) Write(b []byte) (int, error) {
	p := s.printer
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Terminal() {
		p.erase()
	}
	n, err := s.to.Write(b)
	if s.Terminal() && p.progress != nil {
		p.progress.refresh()
	}
	return n, err
}

// Terminal says whether a human looks at the stream.
func (s *Stream) Terminal() bool { return s.columns != nil }

// width returns the columns of the terminal, 0 for none or unknown.
func (s *Stream) width() int {
	if s.columns == nil {
		return 0
	}
	return max(s.columns(), 0)
}
