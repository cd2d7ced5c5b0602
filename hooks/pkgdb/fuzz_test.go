package pkgdb_test

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// sound says what is wrong with a path that a parser returned.
func sound(t *testing.T, p string) {
	t.Helper()
	if !path.IsAbs(p) || path.Clean(p) != p || p == "/" || strings.ContainsRune(p, 0) {
		t.Errorf("path %q", p)
	}
}

func checkDigest(t *testing.T, digest string) {
	t.Helper()
	algorithm, sum, ok := strings.Cut(digest, ":")
	size := map[string]int{"md5": 32, "sha256": 64}[algorithm]
	if digest != "" && (!ok || len(sum) != size || strings.Trim(sum, "0123456789abcdef") != "") {
		t.Errorf("digest %q", digest)
	}
}

func FuzzStatus(f *testing.F) {
	stanza := "Package: x\nStatus: install ok installed\nArchitecture: all\nVersion: 1\nConffiles:\n /etc/x 0123456789abcdef0123456789abcdef\nDescription: x\n .\n y\n"
	f.Add([]byte(stanza))
	f.Add([]byte(stanza + "\n" + strings.ReplaceAll(stanza, ": x", ": y")))
	f.Add([]byte("Package: x\nstatus: hold reinstreq half-installed\n\n\n\nPackage: y\nStatus: a b c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, fine, err := pkgdb.ParseStatus(text)
		if err != nil {
			if !errors.Is(err, pkgdb.ErrDamaged) {
				t.Errorf("error %v", err)
			}
			return
		}
		seen := map[string]bool{}
		for i, p := range all {
			if !pkgdb.IsPlain(p.Name) || p.Arch != "" && !pkgdb.IsPlain(p.Arch) || seen[p.Name+":"+p.Arch] {
				t.Errorf("package %+v", p)
			}
			seen[p.Name+":"+p.Arch] = true
			if whole := p.Status == "installed" || p.Status == "config-files" || p.Status == "not-installed"; fine[i] && !whole {
				t.Errorf("%s is %s, and that is no problem", p.Name, p.Status)
			}
		}
		// More of the same in front changes nothing of what follows.
		if more, _, err := pkgdb.ParseStatus(append([]byte("Package: .\n\n"), text...)); err == nil {
			t.Errorf("a package without a name is accepted: %v", more)
		}
		first := "Package: zz-first\nStatus: install ok installed\n\n"
		more, _, err := pkgdb.ParseStatus(append([]byte(first), text...))
		if !seen["zz-first:"] && (err != nil || !slices.Equal(more[1:], all)) {
			t.Errorf("after another package: %v, %v", more, err)
		}
	})
}

func FuzzMD5Sums(f *testing.F) {
	f.Add([]byte("0123456789abcdef0123456789abcdef  usr/bin/x\n\\0123456789ABCDEF0123456789abcdef *usr/a\\nb\n"))
	f.Add([]byte("0123456789abcdef0123456789abcdef  ../../x\n  \n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all := pkgdb.ParseMD5Sums(text)
		for _, file := range all {
			sound(t, file.Path)
			checkDigest(t, file.Digest)
			if file.Digest == "" {
				t.Errorf("%q has no digest", file.Path)
			}
		}
		if len(all) > strings.Count(string(text), "\n")+1 {
			t.Errorf("%d files of fewer lines", len(all))
		}
		twice := pkgdb.ParseMD5Sums(append(append(slices.Clone(text), '\n'), text...))
		if !slices.Equal(twice, slices.Concat(all, all)) {
			t.Error("a line depends on another one")
		}
		for _, p := range pkgdb.ParseList(text) {
			sound(t, p)
		}
	})
}

func FuzzDiversions(f *testing.F) {
	f.Add([]byte("/bin/sh\n/bin/sh.distrib\ndash\n"), "/usr/bin/sh", "bash")
	f.Add([]byte("/lib/x\n/lib/y\n:\n/lib/y\n/lib/x\n:\n"), "/lib/x", "a")
	f.Add([]byte("/loop/x\n/loop/y\n:\n"), "/loop/x/x", "a")
	f.Fuzz(func(t *testing.T, text []byte, file, owner string) {
		if !path.IsAbs(file) || path.Clean(file) != file || file == "/" || strings.ContainsRune(file, 0) {
			return
		}
		to, err := pkgdb.Divert(text, file, owner)
		if err != nil {
			if !errors.Is(err, pkgdb.ErrDamaged) {
				t.Errorf("error %v", err)
			}
			return
		}
		sound(t, to)
		plain, err := pkgdb.Divert(nil, file, owner)
		if err != nil {
			t.Error(err)
		}
		if again, err := pkgdb.Divert(nil, plain, owner); !strings.HasPrefix(file, "/loop") && (again != plain || err != nil) {
			t.Errorf("%s lies at %s, and that at %s", file, plain, again)
		}
		if !strings.Contains(string(text), path.Base(to)) && to != plain {
			t.Errorf("%s lies at %s, which no diversion says", file, to)
		}
	})
}

func FuzzRpm(f *testing.F) {
	f.Add([]byte("1\x1fx\x1fnoarch\x1f(none)\x1f1\x1f2\x1fabc\x1f00\x1e"), []byte("1\x1f17\x1f33188\x1f0\x1f8\x1f"+strings.Repeat("a", 64)+"\x1f/etc/x\x1e"))
	f.Add([]byte(""), []byte("1\x1f0\x1f16877\x1f0\x1f(none)\x1f\x1f/usr/a\nb\x1e"))
	f.Fuzz(func(t *testing.T, packages, files []byte) {
		found, err := pkgdb.ParseRpmPackages(packages)
		if err != nil && !errors.Is(err, pkgdb.ErrDamaged) {
			t.Errorf("error %v", err)
		}
		for instance, p := range found {
			if instance == "" || !pkgdb.IsPlain(p.Name) || len(p.Identity) != 64 || len(p.Content) != 64 {
				t.Errorf("package %q %+v", instance, p)
			}
		}
		lists, err := pkgdb.ParseRpmFiles(files)
		if err != nil && !errors.Is(err, pkgdb.ErrDamaged) {
			t.Errorf("error %v", err)
		}
		for _, list := range lists {
			for i, file := range list {
				sound(t, file.Path)
				checkDigest(t, file.Digest)
				if i > 0 && list[i-1].Path >= file.Path {
					t.Errorf("%q before %q", list[i-1].Path, file.Path)
				}
			}
		}
	})
}
