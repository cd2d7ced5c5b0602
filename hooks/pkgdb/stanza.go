package pkgdb

import (
	"bytes"
	"fmt"
	"strings"
)

// stanza is what dpkg's status file says of one package, deb-control(5) and dpkg(1).
type stanza struct {
	name, arch, version string
	want, flag, state   string
	conffiles           []File
	text                []byte // all of it, without the want word
}

// parseStatus reads the text of a status file.
func parseStatus(text []byte) ([]stanza, error) {
	var all []stanza
	seen := map[string]bool{}
	for len(text) > 0 {
		var block []byte
		block, text = cutStanza(text)
		if len(bytes.TrimSpace(block)) == 0 {
			continue
		}
		s, err := parseStanza(block)
		if err != nil {
			return nil, fmt.Errorf("%w: status of package %d: %w", ErrDamaged, len(all)+1, err)
		}
		key := s.name + ":" + s.arch
		if seen[key] {
			return nil, fmt.Errorf("%w: package %s is there twice", ErrDamaged, key)
		}
		seen[key] = true
		all = append(all, s)
	}
	return all, nil
}

// cutStanza returns the text up to an empty line, and what follows that.
func cutStanza(text []byte) (block, rest []byte) {
	if i := bytes.Index(text, []byte("\n\n")); i >= 0 {
		return text[:i+1], text[i+2:]
	}
	return text, nil
}

func parseStanza(block []byte) (stanza, error) {
	s := stanza{text: make([]byte, 0, len(block))}
	field := ""
	for line := range bytes.Lines(block) {
		if line[0] == ' ' || line[0] == '\t' {
			if field == "" {
				return s, fmt.Errorf("it begins with %q, which continues nothing", line)
			}
			if field == "conffiles" {
				s.addConffile(string(line))
			}
			s.text = append(s.text, line...)
			continue
		}
		key, value, ok := strings.Cut(strings.TrimRight(string(line), "\n"), ":")
		if !ok {
			return s, fmt.Errorf("%q is no field", line)
		}
		field = strings.ToLower(key)
		value = strings.TrimSpace(value)
		if field != "status" {
			s.text = append(s.text, line...)
		}
		if err := s.set(field, value); err != nil {
			return s, err
		}
	}
	if !plain(s.name) || s.arch != "" && !plain(s.arch) || s.state == "" {
		return s, fmt.Errorf("package %q of architecture %q has status %q", s.name, s.arch, s.state)
	}
	s.text = append(s.text, s.flag+" "+s.state...)
	return s, nil
}

func (s *stanza) set(field, value string) error {
	switch field {
	case "package":
		s.name = value
	case "architecture":
		s.arch = value
	case "version":
		s.version = value
	case "status":
		words := strings.Fields(value)
		if len(words) != 3 {
			return fmt.Errorf("status %q is not three words", value)
		}
		s.want, s.flag, s.state = words[0], words[1], words[2]
	}
	return nil
}

// addConffile takes in a line " /etc/x d41d8cd98f00b204e9800998ecf8427e", which may end in a word such as "obsolete".
func (s *stanza) addConffile(line string) {
	words := strings.Fields(line)
	for len(words) > 2 && (words[len(words)-1] == "obsolete" || words[len(words)-1] == "remove-on-upgrade") {
		words = words[:len(words)-1]
	}
	if len(words) < 2 {
		return
	}
	sum := words[len(words)-1] // dpkg does not escape blanks in paths
	path, _, _ := strings.Cut(strings.TrimSpace(line), " "+sum)
	if p, ok := absolute(path); ok {
		s.conffiles = append(s.conffiles, File{Path: p, Digest: md5Digest(sum), Conffile: true})
	}
}

// present says whether the package has files on the disk.
func (s *stanza) present() bool { return s.state != "not-installed" && s.state != "config-files" }

// problem returns what is unfinished of the package; empty if nothing.
func (s *stanza) problem() string {
	if s.flag != "ok" {
		return "is marked " + s.flag + "; reinstall it"
	}
	switch s.state {
	case "installed", "config-files", "not-installed":
		return ""
	}
	return "is " + s.state + "; run dpkg --configure -a"
}

// plain says whether s is made of what names of packages and architectures are made of, so that it can be part of a file's name.
func plain(s string) bool {
	if s == "" || len(s) > 200 || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("+-._~", rune(c)) {
			return false
		}
	}
	return true
}
