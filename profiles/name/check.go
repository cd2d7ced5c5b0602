package name

import "fmt"

// MaxLen is the longest name in bytes: that of a DNS label and of a host name (hostname(7)).
const MaxLen = 63

// Check says whether s may be the name of a container, a profile or a tag: ^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$ and neither "all" nor
// "host". The error wraps ErrName and says what is wrong.
func Check(s string) error {
	if reason := fault(s); reason != "" {
		return fmt.Errorf("%w %s: %s", ErrName, quote(s), reason)
	}
	return nil
}

func fault(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > MaxLen:
		return fmt.Sprintf("it has %d characters, and %d are allowed", len(s), MaxLen)
	case s == "all" || s == "host":
		return "the word is reserved"
	case s[0] < 'a' || s[0] > 'z':
		return "it must begin with a lower case letter"
	}
	for _, r := range s {
		if !inName(r) {
			return fmt.Sprintf("%q is not allowed: use lower case letters, digits and hyphens", r)
		}
	}
	if s[len(s)-1] == '-' {
		return "it must not end with a hyphen"
	}
	return ""
}

func inName(r rune) bool {
	return r >= 'a' && r <= 'z' || isDigit(r) || r == '-'
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }
