package cmd

import (
	"io"
	"time"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/alive"
)

// ParseSince is the reader of --since.
func ParseSince(text string, now time.Time) (time.Time, error) { return parseSince(text, now) }

// Figures are those of top.
type Figures = figures

// FiguresOf puts samples together.
func FiguresOf(c []manager.Container, before, now manager.Sample, size func(manager.Container) alive.Figure) []Figures {
	return figuresOf(c, before, now, size)
}

// Sort sorts figures as --sort does.
func Sort(by string, rows []Figures) error {
	var o order
	if err := o.Set(by); err != nil {
		return err
	}
	o.sort(rows)
	return nil
}

// PrintFigures prints the table of top.
func PrintFigures(rows []Figures, p *output.Printer) error {
	return output.List[figures]{Items: rows, Columns: figureColumns()}.Print(p, output.FormatTable)
}

// Screen is what top draws.
func Screen(rows []Figures, by string, now time.Time, width, height int) string {
	return screen(rows, order(by), now, width, height)
}

// WriteMetrics writes what metrics prints.
func WriteMetrics(w io.Writer, c []manager.Container, now manager.Sample, size func(manager.Container) alive.Figure) error {
	return writeMetrics(w, metricsOf(c, now, size))
}

// ParsePlace tells where an end of a copy is.
func ParsePlace(text string) (targets, path string, err error) {
	p, err := parsePlace(text)
	return p.targets, p.path, err
}

// NameOf is the name under which a directory arrives.
func NameOf(dir string) string { return nameOf(dir) }
