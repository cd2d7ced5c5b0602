package e2e_test

import (
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

func TestStory(t *testing.T) {
	for _, test := range []struct {
		summary, out, text string
		code               int
	}{
		{summary: "success", out: "e2e: boot 1\r\nhello\r\ne2e: exit 0\r\n", text: "hello\n", code: 0},
		{summary: "failure", out: "e2e: boot 1\nhello\ne2e: exit 3\n", text: "hello\n", code: 3},
		{summary: "two boots", out: "e2e: boot 1\na\ne2e: boot 2\nb\ne2e: exit 0\n", text: "a\nb\n", code: 0},
		{summary: "no end", out: "e2e: boot 1\nhello\n", text: "hello\n", code: -1},
		{summary: "half an end", out: "e2e: boot 1\ne2e: exit 0", text: "", code: -1},
		{summary: "an end within a line", out: "hello e2e: exit 0\n", text: "hello e2e: exit 0\n", code: -1},
		{summary: "nothing", code: -1},
	} {
		t.Run(test.summary, func(t *testing.T) {
			text, code := e2e.Story(test.out)
			if text != test.text || code != test.code {
				t.Errorf("Story(%q) = %q, %d, want %q, %d", test.out, text, code, test.text, test.code)
			}
		})
	}
}
