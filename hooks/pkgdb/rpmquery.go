package pkgdb

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What rpm answers are records that end in one control character and have fields that another one divides: names of files may have any other.
const (
	recordEnd  = "\x1e"
	fieldBreak = "\x1f"
)

// packageFormat asks for one record for each package.
func packageFormat() string {
	return strings.Join([]string{
		"%{DBINSTANCE}", "%{NAME}", "%{ARCH}", "%{EPOCH}", "%{VERSION}", "%{RELEASE}",
		// All that the package was built with is under these; the states of files say which of them are not installed or another package's.
		"%{SHA256HEADER}%{SHA1HEADER}%{SIGMD5}%{BUILDTIME}", "[%{FILESTATES}]",
	}, fieldBreak) + recordEnd
}

// fileFormat asks for one record for each file.
func fileFormat() string {
	return "[" + strings.Join([]string{
		"%{=DBINSTANCE}", "%{FILEFLAGS}", "%{FILEMODES}", "%{FILESTATES}", "%{=FILEDIGESTALGO}", "%{FILEDIGESTS}", "%{FILENAMES}",
	}, fieldBreak) + recordEnd + "]"
}

// records cuts an answer of rpm.
func records(text []byte, fields int) ([][]string, error) {
	var all [][]string
	if len(text) > 0 && !bytes.HasSuffix(text, []byte(recordEnd)) {
		return nil, fmt.Errorf("%w: rpm's answer breaks off", ErrDamaged)
	}
	for record := range bytes.SplitAfterSeq(text, []byte(recordEnd)) {
		if len(record) == 0 {
			continue
		}
		cut := strings.Split(strings.TrimSuffix(string(record), recordEnd), fieldBreak)
		if len(cut) != fields {
			return nil, fmt.Errorf("%w: rpm's answer %.100q has %d fields instead of %d", ErrDamaged, record, len(cut), fields)
		}
		all = append(all, cut)
	}
	return all, nil
}

// parseRpmPackages reads the answer to packageFormat into packages by instance; where is part of what stands for their files.
func parseRpmPackages(text []byte, where string) (map[string]Package, error) {
	all, err := records(text, 8)
	if err != nil {
		return nil, err
	}
	packages := make(map[string]Package, len(all))
	for _, r := range all {
		p := Package{Name: r[1], Arch: strings.TrimPrefix(r[2], none), Version: r[4] + "-" + r[5], Status: "installed"}
		if r[3] != none && r[3] != "0" {
			p.Version = r[3] + ":" + p.Version
		}
		if _, twice := packages[r[0]]; twice || r[0] == "" || !plain(p.Name) {
			return nil, fmt.Errorf("%w: rpm has package %q as %q", ErrDamaged, r[1], r[0])
		}
		p.Identity = digest([]byte(strings.Join(r[1:], fieldBreak)))
		p.Content = digest([]byte(p.Identity), []byte(where))
		packages[r[0]] = p
	}
	return packages, nil
}

// none is what rpm says where there is nothing.
const none = "(none)"

// rpm's own numbers, from its rpmfi.h and rpmpgp.h.
const (
	flagConfig   = 1
	stateNormal  = "0"
	stateNetwork = "3" // on a shared file system
	algoMD5      = "1"
	algoSHA256   = "8"
)

// parseRpmFiles reads the answer to fileFormat into files by instance, each list sorted and without directories.
func parseRpmFiles(text []byte, where place) (map[string][]File, error) {
	all, err := records(text, 7)
	if err != nil {
		return nil, err
	}
	files := map[string][]File{}
	for _, r := range all {
		flags, errFlags := strconv.ParseUint(r[1], 10, 32)
		mode, errMode := strconv.ParseUint(r[2], 10, 32)
		if errFlags != nil || errMode != nil {
			return nil, fmt.Errorf("%w: rpm's answer for %q has flags %q and mode %q", ErrDamaged, r[6], r[1], r[2])
		}
		path, ok := absolute(r[6])
		installed := r[3] == stateNormal || r[3] == stateNetwork
		if directory := mode&0o170000 == 0o040000; !ok || !installed || directory {
			continue
		}
		f := File{Path: where.of(path, ""), Conffile: flags&flagConfig != 0, Digest: rpmDigest(r[4], r[5])}
		files[r[0]] = append(files[r[0]], f)
	}
	for instance, list := range files {
		slices.SortStableFunc(list, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
		files[instance] = slices.CompactFunc(list, func(a, b File) bool { return a.Path == b.Path })
	}
	return files, nil
}

// rpmDigest returns the digest of an algorithm, empty for what is not known or cannot be.
func rpmDigest(algorithm, text string) string {
	text = strings.ToLower(text)
	hexadecimal := strings.Trim(text, "0123456789abcdef") == ""
	switch {
	case !hexadecimal:
		return ""
	case algorithm == algoSHA256 && len(text) == 64:
		return "sha256:" + text
	case (algorithm == algoMD5 || algorithm == none) && len(text) == 32:
		return "md5:" + text
	}
	return ""
}
