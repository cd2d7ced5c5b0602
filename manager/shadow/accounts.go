package shadow

import (
	"bytes"
	"path"
	"slices"
)

// MaxAccounts bounds, in bytes, a file of accounts that is read.
const MaxAccounts = 4 << 20

// Lacking returns the names that the file of accounts below a container's own has and the container's own does not, or has with another id, home
// or shell; sorted. p tells which file it is, see IsAccounts. The container's own is hostile.
func Lacking(p string, below, own []byte) []string {
	mine := accountLines(below)
	theirs := accountLines(own)
	var lacking []string
	for name, fields := range mine {
		if other, ok := theirs[name]; !ok || !sameAccount(path.Base(p), fields, other) {
			lacking = append(lacking, name)
		}
	}
	slices.Sort(lacking)
	return lacking
}

// accountLines returns the fields by name; of two lines of one name the first counts, as for libc.
func accountLines(text []byte) map[string][][]byte {
	lines := map[string][][]byte{}
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		fields := bytes.Split(line, []byte(":"))
		name := string(fields[0])
		if _, twice := lines[name]; name != "" && !twice {
			lines[name] = fields
		}
	}
	return lines
}

// sameAccount compares the fields that decide who somebody is (passwd(5), group(5)). Passwords and members are the container's to say.
func sameAccount(file string, a, b [][]byte) bool {
	var compared []int
	switch file {
	case "passwd":
		compared = []int{2, 3, 5, 6}
	case "group":
		compared = []int{2}
	}
	for _, i := range compared {
		if i >= len(a) || i >= len(b) || !bytes.Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}
