package output

import (
	"strings"
	"unicode"
)

// gap separates two columns; shortest is the width below which no elastic column is cut.
const (
	gap      = "  "
	shortest = 8
	ellipsis = "..."
)

// gridColumn is one column of a table before it is laid out.
type gridColumn struct {
	header         string
	cells          []string
	elastic, right bool
}

type grid []gridColumn

// layout returns the grid as text. A positive number of terminal columns makes elastic columns give way, the last one first; where that
// is not enough the lines stay longer than the terminal.
func (g grid) layout(columns int, header bool) string {
	widths := make([]int, len(g))
	rows := 0
	for i := range g {
		g[i].header = strings.ToUpper(g[i].header)
		if header {
			widths[i] = width(g[i].header)
		}
		for j, cell := range g[i].cells {
			g[i].cells[j] = orDash(Clean(cell))
			widths[i] = max(widths[i], width(g[i].cells[j]))
		}
		rows = max(rows, len(g[i].cells))
	}
	if columns > 0 {
		g.squeeze(widths, columns)
	}
	var b strings.Builder
	if header {
		b.WriteString(g.line(widths, func(c gridColumn) string { return c.header }))
	}
	for row := range rows {
		b.WriteString(g.line(widths, func(c gridColumn) string { return c.cells[row] }))
	}
	return b.String()
}

// squeeze makes the widths fit into the columns of a terminal, as far as the elastic columns allow.
func (g grid) squeeze(widths []int, columns int) {
	excess := -columns - len(gap)
	for _, w := range widths {
		excess += w + len(gap)
	}
	for i := len(g) - 1; i >= 0 && excess > 0; i-- {
		least := max(shortest, width(g[i].header))
		if !g[i].elastic || widths[i] <= least {
			continue
		}
		cut := min(excess, widths[i]-least)
		widths[i] -= cut
		excess -= cut
	}
}

// line returns one row, without blanks at its end.
func (g grid) line(widths []int, cell func(gridColumn) string) string {
	var b strings.Builder
	for i, c := range g {
		if i > 0 {
			b.WriteString(gap)
		}
		text := cell(c)
		if c.elastic {
			text = cutTo(text, widths[i])
		}
		pad := strings.Repeat(" ", max(widths[i]-width(text), 0))
		if c.right {
			b.WriteString(pad + text)
		} else {
			b.WriteString(text + pad)
		}
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// details lays labels and values out in two columns.
func details(fields []Field) string {
	widest := 0
	for _, f := range fields {
		widest = max(widest, width(Clean(f.Label)))
	}
	var b strings.Builder
	for _, f := range fields {
		label := Clean(f.Label) + ":"
		for _, line := range strings.Split(strings.TrimSuffix(f.Value, "\n"), "\n") {
			pad := strings.Repeat(" ", widest+1-width(label))
			b.WriteString(label + pad + gap + orDash(Clean(line)) + "\n")
			label = ""
		}
	}
	return b.String()
}

// width returns how many columns of a terminal a printable text takes. Wide East Asian characters count as one: what sysctr shows is
// names and numbers, and a description in them only shifts its own line.
func width(s string) int {
	n := 0
	for _, r := range s {
		if !combining(r) {
			n++
		}
	}
	return n
}

// combining says whether a rune is drawn over the one before it.
func combining(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) }

// cutTo returns s in at most limit columns; a limit that does not even hold the ellipsis cuts that as well.
func cutTo(s string, limit int) string {
	limit = max(limit, 0)
	if width(s) <= limit {
		return s
	}
	keep := max(limit-len(ellipsis), 0)
	end := strings.IndexFunc(s, func(r rune) bool {
		if combining(r) {
			return false
		}
		keep--
		return keep < 0
	})
	return s[:end] + ellipsis[:min(limit, len(ellipsis))]
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}
