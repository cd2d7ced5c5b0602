package pkgdb_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// madeDpkg is a root with these files in dpkg's directory.
func madeDpkg(t *testing.T, files map[string]string) (string, pkgdb.Database) {
	t.Helper()
	root := mergedRoot(t)
	for name, text := range files {
		write(t, filepath.Join(root, "var/lib/dpkg", name), text)
	}
	db, err := pkgdb.Detect(root)
	must(t, err)
	return root, db
}

func TestClean(t *testing.T) {
	stanza := func(status string) string {
		return "Package: x\nStatus: " + status + "\nArchitecture: all\nVersion: 1\n\n"
	}
	for _, test := range []struct {
		summary string
		files   map[string]string
		want    []string
	}{
		{"installed", map[string]string{"status": stanza("install ok installed")}, nil},
		{"on hold", map[string]string{"status": stanza("hold ok installed")}, nil},
		{"removed, with configuration", map[string]string{"status": stanza("deinstall ok config-files")}, nil},
		{"never installed", map[string]string{"status": stanza("unknown ok not-installed")}, nil},
		{"unpacked", map[string]string{"status": stanza("install ok unpacked")}, []string{"x: is unpacked; run dpkg --configure -a"}},
		{"half installed", map[string]string{"status": stanza("install reinstreq half-installed")}, []string{"x: is marked reinstreq; reinstall it"}},
		{"half configured", map[string]string{"status": stanza("install ok half-configured")}, []string{"x: is half-configured; run dpkg --configure -a"}},
		{"awaits triggers", map[string]string{"status": stanza("install ok triggers-awaited")}, []string{"x: is triggers-awaited; run dpkg --configure -a"}},
		{"triggers pending", map[string]string{"status": stanza("install ok triggers-pending")}, []string{"x: is triggers-pending; run dpkg --configure -a"}},
		{"a state of a later dpkg", map[string]string{"status": stanza("install ok melted")}, []string{"x: is melted; run dpkg --configure -a"}},
		{"journal", map[string]string{"status": "", "updates/0001": ""}, []string{"dpkg was interrupted; run dpkg --configure -a"}},
		{"no journal", map[string]string{"status": "", "updates/tmp.i": ""}, nil},
	} {
		t.Run(test.summary, func(t *testing.T) {
			_, db := madeDpkg(t, test.files)
			problems, err := db.Clean(t.Context())
			must(t, err)
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A real dpkg that stopped half way.
func TestUnpacked(t *testing.T) {
	need.Root(t)
	m := newDpkg(t)
	run(t, m.dpkg("--unpack", m.build(t, built{name: "hello", version: "1", text: "x"})))
	db := detect(t, m)
	if problems, err := db.Clean(t.Context()); len(problems) != 1 || problems[0].Package != "hello" || err != nil {
		t.Errorf("Clean = %v, %v", problems, err)
	}
	if p := only(t, db); p.Status != "unpacked" {
		t.Errorf("package %+v", p)
	}
	run(t, m.dpkg("--configure", "-a"))
	if problems, err := db.Clean(t.Context()); len(problems) != 0 || err != nil {
		t.Errorf("Clean after --configure -a = %v, %v", problems, err)
	}
}

func TestDamagedStatus(t *testing.T) {
	good := "Package: x\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
	for summary, text := range map[string]string{
		"no field":       good + "rubbish\n",
		"no name":        "Status: install ok installed\n",
		"no status":      "Package: x\n",
		"two words":      "Package: x\nStatus: install ok\n",
		"a path":         "Package: ../x\nStatus: install ok installed\n",
		"twice":          good + "\n" + good,
		"begins inside":  " continued\n" + good,
		"slash in arch":  "Package: x\nArchitecture: a/b\nStatus: install ok installed\n",
		"binary rubbish": "\x00\x01\x02",
	} {
		t.Run(summary, func(t *testing.T) {
			_, db := madeDpkg(t, map[string]string{"status": text})
			if _, err := db.Packages(t.Context()); !errors.Is(err, pkgdb.ErrDamaged) {
				t.Errorf("Packages = %v", err)
			}
			if _, err := db.Clean(t.Context()); !errors.Is(err, pkgdb.ErrDamaged) {
				t.Errorf("Clean = %v", err)
			}
		})
	}
}

// What the operator wants of a package in future is no state of it.
func TestWantWord(t *testing.T) {
	identity := func(status string) string {
		_, db := madeDpkg(t, map[string]string{"status": "Package: x\nStatus: " + status + "\nVersion: 1\n"})
		return only(t, db).Identity
	}
	if identity("install ok installed") != identity("hold ok installed") {
		t.Error("hold changes the identity")
	}
	if identity("install ok installed") == identity("install ok half-configured") {
		t.Error("the state does not change the identity")
	}
}

func TestFilesOfDpkg(t *testing.T) {
	const (
		sumA = "0123456789abcdef0123456789abcdef"
		sumB = "fedcba9876543210fedcba9876543210"
	)
	root, db := madeDpkg(t, map[string]string{
		"status": "Package: dash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n\n" +
			"Package: lib\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\nVersion: 1\nConffiles:\n /etc/lib.conf " + sumA +
			"\n /etc/old name.conf " + sumB + " obsolete\n /etc/new.conf newconffile\n\n" +
			"Package: lib\nStatus: install ok installed\nArchitecture: i386\nMulti-Arch: same\nVersion: 2\n",
		"diversions":             "/bin/sh\n/usr/bin/sh.distrib\ndash\n/lib/own\n/lib/own.local\n:\n",
		"info/dash.list":         "/.\n/bin\n/bin/sh\n/usr\n/usr/share\n/usr/share/empty\n",
		"info/dash.md5sums":      sumA + "  bin/sh\n",
		"info/lib:amd64.list":    "/.\n/lib\n/lib/own\n/bin/sh\n/etc/lib.conf\n/usr/lib/a\\b\n",
		"info/lib:amd64.md5sums": sumB + "  lib/own\n" + sumB + "  bin/sh\nbroken line\n\\" + sumA + "  usr/lib/a\\\\b\n" + sumA + "  usr/lib/unlisted\n",
		"info/lib:i386.list":     "/usr/lib/i386/x\n",
	})
	must(t, os.Symlink("/usr/bin", filepath.Join(root, "bin"))) // an absolute link
	must(t, os.MkdirAll(filepath.Join(root, "usr/bin"), 0o755))
	want := map[string][]pkgdb.File{
		"dash amd64": {{Path: "/usr/bin/sh", Digest: "md5:" + sumA}, {Path: "/usr/share/empty"}},
		"lib amd64": {
			{Path: "/etc/lib.conf", Digest: "md5:" + sumA, Conffile: true}, {Path: "/etc/new.conf", Conffile: true},
			{Path: "/etc/old name.conf", Digest: "md5:" + sumB, Conffile: true}, {Path: "/usr/bin/sh.distrib", Digest: "md5:" + sumB},
			{Path: "/usr/lib/a\\b", Digest: "md5:" + sumA}, {Path: "/usr/lib/own.local", Digest: "md5:" + sumB},
			{Path: "/usr/lib/unlisted", Digest: "md5:" + sumA},
		},
		"lib i386": {{Path: "/usr/lib/i386/x"}},
	}
	packages, err := db.Packages(t.Context())
	must(t, err)
	got := map[string][]pkgdb.File{}
	for _, p := range packages {
		files, err := db.Files(t.Context(), p)
		must(t, err)
		got[p.Name+" "+p.Arch] = files
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// A diversion that changes where files lie changes what stands for them, and not the package.
	write(t, filepath.Join(root, "var/lib/dpkg/diversions"), "/bin/sh\n/usr/bin/sh.other\ndash\n")
	after, err := db.Packages(t.Context())
	must(t, err)
	if after[0].Identity != packages[0].Identity || after[0].Content == packages[0].Content {
		t.Errorf("after another diversion %+v, before %+v", after[0], packages[0])
	}
	if _, err := db.Files(t.Context(), packages[0]); !errors.Is(err, pkgdb.ErrChanged) {
		t.Errorf("files of an older look: %v", err)
	}
}

// Real diversions, by dpkg-divert.
func TestDivert(t *testing.T) {
	need.Root(t)
	need.Command(t, "dpkg-divert", "it is part of dpkg")
	m := newDpkg(t)
	run(t, m.install(m.build(t, built{name: "hello", version: "1", text: "x"})))
	run(t, exec.Command("dpkg-divert", "--root", m.root(), "--local", "--rename", "--divert", "/usr/bin/hello.mine", "--add", "/usr/bin/hello"))
	db := detect(t, m)
	files, err := db.Files(t.Context(), only(t, db))
	must(t, err)
	var paths []string
	for _, f := range files {
		paths = append(paths, f.Path)
		if _, err := os.Lstat(filepath.Join(m.root(), f.Path)); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(paths, " "); got != "/etc/hello.conf /usr/bin/hello-link /usr/bin/hello.mine /usr/lib/hello.so" {
		t.Errorf("files %s", got)
	}
}

// The database of this machine itself, if it has one: all is understood, and what it says of files is true of most of them.
func TestThisMachine(t *testing.T) {
	db, err := pkgdb.Detect("/")
	if errors.Is(err, pkgdb.ErrNone) {
		need.Missing(t, "needs a machine with dpkg or rpm")
	}
	must(t, err)
	packages, err := db.Packages(t.Context())
	must(t, err)
	files, missing := 0, 0
	for _, p := range packages {
		list, err := db.Files(t.Context(), p)
		must(t, err)
		for _, f := range list {
			files++
			if _, err := os.Lstat(f.Path); err != nil {
				missing++
			}
		}
	}
	// Excluded documentation is in the lists but not on disk, and this machine may have been thinned out; paths that nobody understood would all be missing.
	if files == 0 || missing*2 > files {
		t.Errorf("%d of %d files of %d packages are not on disk", missing, files, len(packages))
	}
}
