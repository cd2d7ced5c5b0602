package pkgdb

// What fuzz tests feed.

func ParseStatus(text []byte) ([]Package, []bool, error) {
	all, err := parseStatus(text)
	var packages []Package
	var fine []bool
	for _, s := range all {
		packages = append(packages, Package{Name: s.name, Arch: s.arch, Version: s.version, Status: s.state, Identity: string(s.text)})
		fine = append(fine, s.problem() == "")
	}
	return packages, fine, err
}

func ParseMD5Sums(text []byte) []File { return parseMD5Sums(text) }

func ParseList(text []byte) []string { return parseList(text) }

// Divert returns where a file of owner lies with the diversions of the text, and the links of a merged /usr.
func Divert(text []byte, file, owner string) (string, error) {
	all, err := parseDiversions(text)
	return newPlace(map[string]string{"/lib": "/usr/lib", "/usr/sbin": "/usr/bin", "/sbin": "/usr/sbin", "/loop": "/loop/x"}, all).of(file, owner), err
}

func ParseRpmPackages(text []byte) (map[string]Package, error) { return parseRpmPackages(text, "") }

func ParseRpmFiles(text []byte) (map[string][]File, error) { return parseRpmFiles(text, place{}) }

func IsPlain(s string) bool { return plain(s) }
