package output_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sysctr/sysctr/cmd/output"
	"gopkg.in/yaml.v3"
)

// row is an item as a verb would list it.
type row struct {
	Name        string   `json:"name"`
	State       string   `json:"state"`
	Memory      int64    `json:"memory"`
	Description string   `json:"description"`
	Addresses   []string `json:"addresses"`
}

func rows() []row {
	return []row{
		{Name: "web1", State: "running", Memory: 512 << 20, Description: "shop front for the north", Addresses: []string{"10.0.3.11", "10.0.3.12"}},
		{Name: "a-name-that-is-much-longer", State: "stopped", Description: "\x1b[2Jevil\nweb1  running", Addresses: []string{}},
		{Name: "db<1..3>", State: "", Memory: 7, Description: "yes", Addresses: []string{"no", "1.5", ""}},
	}
}

func list(items []row) output.List[row] {
	return output.List[row]{
		Kind: "ContainerList", Items: items, Empty: "no containers",
		Columns: []output.Column[row]{
			{Header: "name", Cell: func(r row) string { return r.Name }},
			{Header: "state", Cell: func(r row) string { return r.State }},
			{Header: "memory", Right: true, Cell: func(r row) string { return output.Size(r.Memory) }},
			{Header: "description", Elastic: true, Cell: func(r row) string { return r.Description }},
			{Header: "addresses", Wide: true, Elastic: true, Cell: func(r row) string { return strings.Join(r.Addresses, ",") }},
		},
	}
}

func TestList(t *testing.T) {
	tests := []struct {
		golden  string
		format  output.Format
		columns func() int
	}{
		{"list.txt", "", nil},
		{"list-wide.txt", output.FormatWide, nil},
		{"list-wide-80.txt", output.FormatWide, columns(80)},
		{"list-50.txt", output.FormatTable, columns(50)},
		{"list-10.txt", output.FormatTable, columns(10)},
		{"list.txt", output.FormatTable, columns(-1)},
		{"list-names.txt", output.FormatName, columns(10)},
		{"list.json", output.FormatJSON, columns(10)},
		{"list.yaml", output.FormatYAML, nil},
	}
	for _, test := range tests {
		t.Run(test.golden, func(t *testing.T) {
			r := record(output.Options{StdoutColumns: test.columns})
			if err := list(rows()).Print(r.Printer, test.format); err != nil {
				t.Fatal(err)
			}
			golden(t, test.golden, r.stdout.String())
			if r.stderr.Len() > 0 {
				t.Errorf("talk: %q", r.stderr.String())
			}
		})
	}
}

func TestEmptyList(t *testing.T) {
	tests := []struct {
		format         output.Format
		quiet          bool
		stdout, stderr string
	}{
		{output.FormatTable, false, "", "no containers\n"},
		{output.FormatWide, false, "", "no containers\n"},
		{output.FormatTable, true, "", ""},
		{output.FormatName, false, "", "no containers\n"},
		{output.FormatJSON, false, "{\n  \"apiVersion\": \"sysctr/v1\",\n  \"kind\": \"ContainerList\",\n  \"items\": []\n}\n", ""},
		{output.FormatYAML, false, "apiVersion: sysctr/v1\nkind: ContainerList\nitems: []\n", ""},
	}
	for _, test := range tests {
		t.Run(string(test.format), func(t *testing.T) {
			r := record(output.Options{Quiet: test.quiet})
			if err := list(nil).Print(r.Printer, test.format); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{test.stdout, test.stderr}, []string{r.stdout.String(), r.stderr.String()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDetails(t *testing.T) {
	r := record(output.Options{})
	err := r.Details([]output.Field{
		{Label: "name", Value: "web1"},
		{Label: "description", Value: "\x1b[31mred"},
		{Label: "mounts", Value: "/srv\n/data\n"},
		{Label: "addresses"},
	})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "details.txt", r.stdout.String())
}

// A mark that is drawn over a letter takes no column, neither where columns are aligned nor where one is cut.
func TestColumnsOfCombiningMarks(t *testing.T) {
	l := output.List[string]{
		Items: []string{"e\u0301e\u0301", "abc"},
		Columns: []output.Column[string]{
			{Header: "n", Cell: func(s string) string { return s }},
			{Header: "x", Elastic: true, Cell: func(s string) string { return strings.Repeat(s[:len(s)/2], 9) }},
		},
	}
	r := record(output.Options{StdoutColumns: columns(13)})
	if err := l.Print(r.Printer, output.FormatTable); err != nil {
		t.Fatal(err)
	}
	accents := strings.Repeat("e\u0301", 9)
	want := "N    X\ne\u0301e\u0301   " + accents[:5*3] + "...\nabc  aaaaa...\n"
	if got := r.stdout.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// full is a disk without room.
type full struct{}

var errFull = errors.New("no space left on device")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestResultOnAFullDisk(t *testing.T) {
	for _, format := range output.Formats() {
		p := output.New(output.Options{Stdout: full{}})
		if err := list(rows()).Print(p, format); !errors.Is(err, errFull) {
			t.Errorf("list as %s: %v", format, err)
		}
		result := output.Result{Items: []output.Item{{Name: "web1"}}}
		if err := p.Result(format, result); !errors.Is(err, errFull) {
			t.Errorf("result as %s: %v", format, err)
		}
	}
}

// FuzzDocuments: JSON and YAML of any text are printable and read back as that text, keys included.
func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{
		"", "web1", "yes", "NO", "null", "~", "1", "1.5", "0x1f", "2001-01-01", "- a", "a: b", "# c", "\x1b[2J", "a\nb\n", "\t", " a ",
		"\u0085\u2028\u202e\u009b\ufeff\uffff", "\U0001f600\U000e0001", "\x7f", `"'\`, "web<1..9>&", "|", "---", "...", "!!int 3", "a\r\nb",
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		key, value = strings.ToValidUTF8(key, "?"), strings.ToValidUTF8(value, "?")
		want := map[string]string{key: value}
		l := output.List[map[string]string]{Kind: "Test", Items: []map[string]string{want}}
		for _, format := range []output.Format{output.FormatJSON, output.FormatYAML} {
			r := record(output.Options{})
			if err := l.Print(r.Printer, format); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(r.stdout.String(), "\n") {
				if output.Clean(line) != line {
					t.Errorf("%s holds the unprintable %q", format, line)
				}
			}
			var got struct{ Items []map[string]string }
			read := json.Unmarshal
			if format == output.FormatYAML {
				read = yaml.Unmarshal
			}
			if err := read(r.stdout.Bytes(), &got); err != nil {
				t.Fatalf("%s: %v\n%s", format, err, r.stdout.String())
			}
			if diff := cmp.Diff([]map[string]string{want}, got.Items); diff != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", format, diff, r.stdout.String())
			}
		}
	})
}

func TestListWarnings(t *testing.T) {
	l := list(nil)
	for want, warnings := range map[string][]string{
		`"items":[]}`: nil,
		`"items":[],"warnings":["reboot the host"]}`: {"reboot the host"},
	} {
		l.Warnings = warnings
		r := record(output.Options{})
		if err := l.Print(r.Printer, output.FormatJSON); err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(r.stdout.String())); err != nil || !strings.HasSuffix(compact.String(), want) {
			t.Errorf("%s, %v; want %s at the end", compact.String(), err, want)
		}
	}
}
