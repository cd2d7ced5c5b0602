package pkgdb

import (
	"bytes"
	"path"
	"strings"
)

const maxPath = 4095 // PATH_MAX without the NUL

// absolute returns the clean absolute form of a path of a package's list; false for what can be no path of a host.
func absolute(p string) (string, bool) {
	if p == "" || len(p) > maxPath || strings.ContainsRune(p, 0) {
		return "", false
	}
	p = path.Clean("/" + p)
	return p, p != "/"
}

// md5Digest returns the digest for 32 hexadecimal digits, and none for anything else: dpkg writes "newconffile" where it has not got one yet.
func md5Digest(sum string) string {
	if len(sum) != 32 || strings.Trim(strings.ToLower(sum), "0123456789abcdef") != "" {
		return ""
	}
	return "md5:" + strings.ToLower(sum)
}

// parseList reads info/NAME.list: one absolute path a line, directories too. Lines that are no path are left out.
func parseList(text []byte) []string {
	var all []string
	for line := range bytes.Lines(text) {
		if p, ok := absolute(strings.TrimSuffix(string(line), "\n")); ok {
			all = append(all, p)
		}
	}
	return all
}

// parseMD5Sums reads info/NAME.md5sums as md5sum(1) writes it: digest, two characters, path without a leading slash; a line that begins with a
// backslash has its path escaped. Lines that are no such thing are left out: then the database does not know that digest.
func parseMD5Sums(text []byte) []File {
	var all []File
	for line := range bytes.Lines(text) {
		s := strings.TrimSuffix(string(line), "\n")
		escaped := strings.HasPrefix(s, `\`)
		s = strings.TrimPrefix(s, `\`)
		if len(s) < 35 || s[32] != ' ' || s[33] != ' ' && s[33] != '*' {
			continue
		}
		name := s[34:]
		if escaped {
			name = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r").Replace(name)
		}
		if p, ok := absolute(name); ok && md5Digest(s[:32]) != "" {
			all = append(all, File{Path: p, Digest: md5Digest(s[:32])})
		}
	}
	return all
}
