package output

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// interval is the shortest time between two drawings of the progress line: 20 Hz.
const interval = 50 * time.Millisecond

// fewPending is how many names the progress line shows of those that are waited for.
const fewPending = 5

// Progress shows how far a verb has come with its targets: a line on a terminal, drawn at most 20 times a second, and in verbose mode a
// line for each target. It is safe for concurrent use. A later Progress of the same Printer takes the line over.
type Progress struct {
	printer *Printer
	verb    string
	names   []string

	// All below are guarded by the printer's lock.
	pending map[string]bool
	failed  int
	last    time.Time
	stop    func() bool // of the drawing that is due; nil for none
}

// Progress begins to show the verb, such as "start", over names. The caller ends it with End.
func (p *Printer) Progress(verb string, names []string) *Progress {
	g := &Progress{printer: p, verb: Clean(verb), pending: make(map[string]bool, len(names))}
	for _, name := range names {
		if !g.pending[name] {
			g.pending[name] = true
			g.names = append(g.names, name)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.progress != nil {
		p.progress.cancel()
	}
	p.progress = g
	g.refresh()
	return g
}

// Done counts a target as finished: outcome says in a word what was done, such as "started"; err, if not nil, that it failed. A name that
// was counted already or is none of the targets counts nothing. The error is not printed here but with the result.
func (g *Progress) Done(name, outcome string, err error) {
	p := g.printer
	p.mu.Lock()
	if !g.pending[name] {
		p.mu.Unlock()
		return
	}
	delete(g.pending, name)
	if err != nil {
		g.failed++
		outcome = err.Error()
	}
	g.refresh()
	p.mu.Unlock()
	p.Detail("%s: %s", name, outcome)
}

// End takes the line away. It can be called again.
func (g *Progress) End() {
	p := g.printer
	p.mu.Lock()
	defer p.mu.Unlock()
	g.cancel()
	if p.progress == g {
		p.erase()
		p.progress = nil
	}
}

// refresh draws now or, if that would be too soon, arranges for it. The printer's lock is held.
func (g *Progress) refresh() {
	if g.printer.progress != g || g.stop != nil || g.columns() == 0 || len(g.names) == 0 {
		return
	}
	if wait := interval - g.printer.options.Now().Sub(g.last); wait > 0 && !g.last.IsZero() {
		g.stop = g.printer.options.After(min(wait, interval), g.late)
		return
	}
	g.draw()
}

// late draws what refresh held back.
func (g *Progress) late() {
	p := g.printer
	p.mu.Lock()
	defer p.mu.Unlock()
	// End or a later progress can have come between the timer and this lock.
	if g.stop == nil || p.progress != g {
		return
	}
	g.stop = nil
	g.draw()
}

// cancel drops a drawing that is due. The printer's lock is held.
func (g *Progress) cancel() {
	if g.stop != nil {
		g.stop()
		g.stop = nil
	}
}

// draw writes the line over the last one. The printer's lock is held.
func (g *Progress) draw() {
	p := g.printer
	g.last = p.options.Now()
	columns := g.columns()
	if columns == 0 { // the terminal is gone, or stopped telling its width
		return
	}
	// The last column stays free: terminals differ in what they do once it is written.
	line := cutTo(g.line(), columns-1)
	blank := strings.Repeat(" ", max(p.drawn-width(line), 0))
	_, _ = io.WriteString(p.options.Stderr, "\r"+line+blank)
	p.drawn = width(line) + len(blank)
}

// line returns what the progress line says.
func (g *Progress) line() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d/%d", g.verb, len(g.names)-len(g.pending), len(g.names))
	if g.failed > 0 {
		fmt.Fprintf(&b, ", %d failed", g.failed)
	}
	if len(g.pending) == 0 || len(g.pending) > fewPending {
		return b.String()
	}
	b.WriteString(", waiting for")
	for _, name := range g.names {
		if g.pending[name] {
			b.WriteString(" " + Clean(name))
		}
	}
	return b.String()
}

// columns returns the width of the terminal to draw on, 0 for no drawing.
func (g *Progress) columns() int {
	if g.printer.options.Quiet {
		return 0
	}
	return g.printer.err.width()
}

// erase takes the drawn line off the terminal. The printer's lock is held.
func (p *Printer) erase() {
	if p.drawn > 0 {
		_, _ = io.WriteString(p.options.Stderr, "\r"+strings.Repeat(" ", p.drawn)+"\r")
		p.drawn = 0
	}
}
