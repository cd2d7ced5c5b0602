package profiles

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// quote makes outside input fit for a message: bounded, on one line, and without anything that a terminal would act upon.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// printable gives a file's name as it is, or quoted where it would act upon a terminal.
func printable(file string) string {
	if badText(file, maxString) == "" {
		return file
	}
	return quote(file)
}

// badRune says what is wrong with a character that must not stand in any text of a profile, or "". Control characters end lines of
// generated files and drive terminals; line separators and marks of direction make a text read as what it is not.
func badRune(r rune) string {
	switch {
	case unicode.IsControl(r):
		return fmt.Sprintf("control character %U", r)
	case r == '\u2028' || r == '\u2029':
		return fmt.Sprintf("line separator %U", r)
	case r == '\ufeff':
		return "byte order mark U+FEFF"
	case unicode.Is(unicode.Bidi_Control, r):
		return fmt.Sprintf("mark of direction %U", r)
	}
	return ""
}

// badText says what is wrong with a text of at most so many bytes, or "".
func badText(s string, most int) string {
	if len(s) > most {
		return fmt.Sprintf("longer than %d bytes", most)
	}
	if !utf8.ValidString(s) {
		return "not valid UTF-8"
	}
	for _, r := range s {
		if bad := badRune(r); bad != "" {
			return bad
		}
	}
	return ""
}
