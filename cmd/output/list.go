package output

// APIVersion is the version of every document that programs read.
const APIVersion = "sysctr/v1"

// Column is one column of a table.
type Column[T any] struct {
	Header  string         // shown in upper case
	Cell    func(T) string // the text for one item; it may hold anything, an empty one is shown as "-"
	Wide    bool           // shown in the wide format only
	Elastic bool           // may be cut, with "..." at its end, where the terminal is too narrow
	Right   bool           // aligned to the right, for numbers
}

// List is the answer of a verb that looks: for programs the envelope {"apiVersion","kind","items"}, for people a table.
type List[T any] struct {
	Kind  string // the word in the envelope, such as "ContainerList"
	Items []T    // in the order in which they are shown; their own slices must not be nil, programs expect arrays
	// Columns holds at least one. The first is the name, which the name format prints and which is never cut.
	Columns []Column[T]
	Empty   string // said on standard error where there are no items, such as "no containers"
	// Warnings are about all of it; programs get them here, and people as the verb says them.
	Warnings []string
}

// envelope is the document around the items.
type envelope[T any] struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []T    `json:"items"`
	// Warnings are left out where there are none, as in lists that never have any.
	Warnings []string `json:"warnings,omitempty"`
}

// Print writes the list to standard output. Its error means that standard output could not be written.
func (l List[T]) Print(p *Printer, f Format) error {
	if f.Structured() {
		items := l.Items
		if items == nil {
			items = []T{}
		}
		return p.document(f, envelope[T]{APIVersion: APIVersion, Kind: l.Kind, Items: items, Warnings: l.Warnings})
	}
	if len(l.Items) == 0 {
		if l.Empty != "" {
			p.Say("%s", l.Empty)
		}
		return nil
	}
	return p.table(l.grid(f), f != FormatName)
}

// grid evaluates the cells that the format shows.
func (l List[T]) grid(f Format) grid {
	var g grid
	for i, c := range l.Columns {
		if c.Wide && f != FormatWide || i > 0 && f == FormatName {
			continue
		}
		column := gridColumn{header: c.Header, elastic: c.Elastic && i > 0, right: c.Right}
		for _, item := range l.Items {
			column.cells = append(column.cells, c.Cell(item))
		}
		g = append(g, column)
	}
	return g
}

// Field is one line of the details of a single thing.
type Field struct {
	Label string
	Value string // may hold anything; several lines are written below each other
}

// Details writes labels and values below each other to standard output, for the table format of verbs that show one thing.
func (p *Printer) Details(fields []Field) error {
	return p.text(details(fields))
}
