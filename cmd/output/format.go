package output

import (
	"fmt"
	"slices"
	"strings"
)

// Format is how a result is written. The zero value means FormatTable. A *Format is a flag value of pflag and of package flag.
type Format string

// The formats. A table is for people and may change; the others are for programs.
const (
	FormatTable Format = "table" // aligned columns
	FormatWide  Format = "wide"  // the same with further columns
	FormatJSON  Format = "json"  // one indented JSON document
	FormatYAML  Format = "yaml"  // the same document as YAML
	FormatName  Format = "name"  // one name per line
)

// Formats returns all formats in the order in which help texts list them.
func Formats() []Format {
	return []Format{FormatTable, FormatWide, FormatJSON, FormatYAML, FormatName}
}

// ParseFormat returns the format called s. Its error is an *Error with ExitUsage.
func ParseFormat(s string) (Format, error) {
	if slices.Contains(Formats(), Format(s)) {
		return Format(s), nil
	}
	return "", &Error{
		Exit:    ExitUsage,
		Message: fmt.Sprintf("no output format is called %q", s),
		Hint:    "use one of " + formatList(),
	}
}

// Structured says whether the format is a whole document for programs, which is printed on failure too.
func (f Format) Structured() bool { return f == FormatJSON || f == FormatYAML }

// String returns the name of the format.
func (f *Format) String() string {
	if f == nil || *f == "" {
		return string(FormatTable)
	}
	return string(*f)
}

// Set parses the value of a flag.
func (f *Format) Set(s string) error {
	parsed, err := ParseFormat(s)
	if err != nil {
		return fmt.Errorf("%w: use one of %s", err, formatList())
	}
	*f = parsed
	return nil
}

// Type returns the word that help texts show for the value.
func (f *Format) Type() string { return strings.ReplaceAll(formatList(), ", ", "|") }

func formatList() string {
	names := make([]string, 0, len(Formats()))
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
