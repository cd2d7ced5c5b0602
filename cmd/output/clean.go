package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns s fit for a terminal: every rune that is not printable (control characters, escape sequences, newlines, invisible and
// direction-changing runes) and every byte that is no UTF-8 is replaced by its Go escape, such as \n, \x1b or \u202e. Printable text,
// backslashes included, is returned unchanged, so Clean(Clean(s)) == Clean(s); the result is for eyes and cannot be turned back.
func Clean(s string) string {
	if printable(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		writeClean(&b, r, s[:size])
		s = s[size:]
	}
	return b.String()
}

// CleanLine is Clean for one line of a command's output: a tab stays a tab.
func CleanLine(s string) string {
	parts := strings.Split(s, "\t")
	for i, part := range parts {
		parts[i] = Clean(part)
	}
	return strings.Join(parts, "\t")
}

func printable(s string) bool {
	for i, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], string(utf8.RuneError)) {
			return false
		}
	}
	return true
}

// writeClean writes the rune r, which raw encodes.
func writeClean(b *strings.Builder, r rune, raw string) {
	switch {
	case r == utf8.RuneError && len(raw) == 1:
		fmt.Fprintf(b, `\x%02x`, raw[0])
	case unicode.IsPrint(r):
		b.WriteRune(r)
	case r == '\n':
		b.WriteString(`\n`)
	case r == '\r':
		b.WriteString(`\r`)
	case r == '\t':
		b.WriteString(`\t`)
	case r < 0x100:
		fmt.Fprintf(b, `\x%02x`, r)
	case r < 0x10000:
		fmt.Fprintf(b, `\u%04x`, r)
	default:
		fmt.Fprintf(b, `\U%08x`, r)
	}
}
