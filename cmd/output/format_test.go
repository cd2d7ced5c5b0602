package output_test

import (
	"testing"

	"github.com/spf13/cobra"
	"github.com/sysctr/sysctr/cmd/output"
)

func TestParseFormat(t *testing.T) {
	for _, want := range output.Formats() {
		if got, err := output.ParseFormat(string(want)); err != nil || got != want {
			t.Errorf("ParseFormat(%q) = %q, %v", want, got, err)
		}
	}
	for _, bad := range []string{"", "JSON", "jsonl", "table ", "\x1b[2J"} {
		_, err := output.ParseFormat(bad)
		if err == nil {
			t.Errorf("ParseFormat(%q) is accepted", bad)
			continue
		}
		if got := output.ExitOf(err); got != output.ExitUsage {
			t.Errorf("ParseFormat(%q) exits with %d", bad, got)
		}
		if hint := output.ErrorOf(err).Hint; hint != "use one of table, wide, json, yaml, name" {
			t.Errorf("the hint is %q", hint)
		}
	}
}

func TestFormatIsAFlag(t *testing.T) {
	tests := []struct {
		summary string
		args    []string
		want    string
		fails   bool
	}{
		{"left out", nil, "table", false},
		{"short", []string{"-o", "yaml"}, "yaml", false},
		{"long", []string{"--output=name"}, "name", false},
		{"unknown", []string{"-o", "xml"}, "table", true},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			var format output.Format
			command := &cobra.Command{Use: "list"}
			command.Flags().VarP(&format, "output", "o", "format")
			err := command.ParseFlags(test.args)
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if format.String() != test.want {
				t.Errorf("got %q, want %q", format.String(), test.want)
			}
		})
	}
	if got := new(output.Format).Type(); got != "table|wide|json|yaml|name" {
		t.Errorf("type %q", got)
	}
}

func TestStructured(t *testing.T) {
	for format, want := range map[output.Format]bool{"": false, "table": false, "wide": false, "name": false, "json": true, "yaml": true} {
		if format.Structured() != want {
			t.Errorf("Structured(%q) = %v", format, !want)
		}
	}
}
