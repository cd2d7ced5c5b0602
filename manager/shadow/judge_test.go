package shadow_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/shadow"
	"github.com/sysctr/sysctr/overlay/delta"
)

func file(mode uint32) *shadow.File { return &shadow.File{Mode: unix.S_IFREG | mode} }

// over are the facts of a file with other bytes than the host's, which has not changed.
func over(path string, and ...func(*shadow.Facts)) shadow.Facts {
	f := shadow.Facts{Layer: shadow.Delta, Host: true, Change: delta.Change{
		Path: path, Class: delta.Changed, Fields: []string{"content"},
		Was: delta.State{Kind: delta.File, Mode: 0o644}, Is: delta.State{Kind: delta.File, Mode: 0o644},
	}}
	for _, a := range and {
		a(&f)
	}
	return f
}

func changed(f *shadow.Facts) {
	f.Changed, f.Since = true, shadow.Change{Was: file(0o644), Is: file(0o644)}
}
func guessed(f *shadow.Facts)  { f.Guess, f.Class = true, delta.Same }
func same(f *shadow.Facts)     { f.Class, f.Fields = delta.Same, nil }
func metadata(f *shadow.Facts) { f.Class, f.Fields = delta.Metadata, []string{"mode"} }
func conffile(f *shadow.Facts) {
	f.Owner = shadow.Owner{Package: "p", Version: "2"}
	f.Known = append(f.Known, generation.Digest{Value: "md5:2", Package: "p", Version: "2", Conffile: true})
}
func generated(f *shadow.Facts) { f.Host = false }
func known(f *shadow.Facts) {
	f.Digest = "md5:1"
	f.Known = append(f.Known, generation.Digest{Value: "md5:0", Version: "0"}, generation.Digest{Value: "md5:1", Version: "1"})
}
func whiteout(f *shadow.Facts)  { f.Class, f.Is = delta.Removed, delta.State{} }
func directory(f *shadow.Facts) { f.Was = delta.State{Kind: delta.Directory} }
func opaque(f *shadow.Facts) {
	f.Was, f.Is = delta.State{Kind: delta.Directory}, delta.State{Kind: delta.Opaque}
}
func below(f *shadow.Facts) { f.Below, f.More = []string{"/usr/lib/d/x.so"}, 4 }
func bare(f *shadow.Facts)  { f.Bare = true }
func alone(f *shadow.Facts) { f.Class, f.Was, f.Host = delta.Added, delta.State{}, false }
func gone(f *shadow.Facts)  { alone(f); f.Gone, f.Changed, f.Since.Was = true, true, file(0o644) }
func lacks(f *shadow.Facts) { f.Host, f.Lacks = false, []string{"uuidd"} }
func seed(f *shadow.Facts)  { f.Layer, f.Copy = shadow.Seed, true }
func mine(version string) func(*shadow.Facts) {
	return func(f *shadow.Facts) { f.Owner, f.Version = shadow.Owner{Package: "p", Version: "2"}, version }
}
func links(was, is string) func(*shadow.Facts) {
	return func(f *shadow.Facts) {
		f.Was, f.Is = delta.State{Kind: delta.Link, Target: "new"}, delta.State{Kind: delta.Link, Target: is}
		f.Since = shadow.Change{Was: &shadow.File{Mode: unix.S_IFLNK, Target: was}, Is: &shadow.File{Mode: unix.S_IFLNK, Target: "new"}}
	}
}
func through(f *shadow.Facts) { f.Through = "/usr/lib/d/x.so" }
func program(f *shadow.Facts) { f.Was.Mode = 0o755 }
func hostMade(f *shadow.Facts) { // a directory of what was a file
	f.Was, f.Changed, f.Since = delta.State{Kind: delta.Directory}, true, shadow.Change{Was: file(0o644), Is: &shadow.File{Mode: unix.S_IFDIR}}
}
func setuidGone(f *shadow.Facts) {
	metadata(f)
	f.Changed, f.Was.Mode, f.Is.Mode = true, 0o755, 0o4755
	f.Since = shadow.Change{Was: file(0o4755), Is: file(0o755)}
}
func ownMode(f *shadow.Facts) { setuidGone(f); f.Is.Mode = 0o700 }
func ownerGone(f *shadow.Facts) {
	metadata(f)
	f.Changed, f.Is.GID, f.Since = true, 33, shadow.Change{Was: &shadow.File{GID: 33}, Is: &shadow.File{}}
}

// long: a table
func TestJudge(t *testing.T) {
	type facts = shadow.Facts
	for _, test := range []struct {
		summary string
		facts   facts
		want    string // !class heal severity, with the mark if it hides
	}{
		{"edited, unchanged on the host", over("/usr/bin/x"), "modified report none"},
		{"edited", over("/usr/bin/x", changed, program), "!modified report high"},
		{"a library", over("/usr/lib/libx.so.3", changed), "!modified report high"},
		{"a module of an interpreter", over("/usr/lib/python3/x.py", changed), "!modified report medium"},
		{"equal", over("/usr/bin/x", changed, same), "redundant drop none"},
		{"equal but for the mode", over("/usr/bin/x", changed, metadata), "metadata keep none"},
		{"equal as far as is known", over("/usr/bin/x", changed, guessed), "!modified report medium"},
		{"too large, unchanged", over("/usr/bin/x", guessed), "modified report none"},
		{"setuid taken away", over("/usr/bin/su", setuidGone), "!metadata report high"},
		{"setuid taken away here too", over("/usr/bin/su", ownMode), "metadata keep none"},
		{"a group taken away", over("/usr/bin/su", ownerGone), "!metadata report medium"},
		{"an old version", over("/usr/bin/x", changed, known), "!vendor-old drop medium"},
		{"an old version of what has not changed", over("/usr/bin/x", known), "vendor-old drop none"},
		{"an old default", over("/etc/x", changed, conffile, known), "!vendor-old drop low"},
		{"an edited default", over("/etc/x", conffile), "conffile keep none"},
		{"an edited default that changed", over("/etc/x", changed, conffile), "!conffile report low"},
		{"older", over("/usr/bin/x", changed, mine("1")), "!modified-older report medium"},
		{"newer", over("/usr/bin/x", changed, mine("3")), "!modified-newer keep medium"},
		{"of the same version", over("/usr/bin/x", changed, mine("2")), "!modified report medium"},
		{"whiteout", over("/usr/lib/a.so", changed, whiteout), "!whiteout report high"},
		{"whiteout of what has not changed", over("/usr/lib/a.so", whiteout), "whiteout report none"},
		{"whiteout of nothing", over("/usr/lib/a.so", changed, alone, whiteout), "whiteout drop none"},
		{"whiteout of what is generated", over("/etc/hostname", changed, generated, whiteout), "own keep none"},
		{"whiteout of a directory", over("/usr/lib/d", changed, whiteout, directory), "whiteout report none"},
		{"whiteout of a directory with something changed", over("/usr/lib/d", whiteout, directory, below), "!whiteout report high"},
		{"opaque", over("/usr/lib/d", opaque), "opaque report none"},
		{"opaque over nothing", over("/usr/lib/d", opaque, bare), "opaque clear-opaque none"},
		{"opaque over something changed", over("/usr/lib/d", opaque, below), "!opaque report high"},
		{"a file in place of a directory", over("/usr/lib/d", directory, below), "!modified report high"},
		{"a file of which the host made a directory", over("/usr/lib/d", hostMade), "!modified report medium"},
		{"an old target", over("/usr/lib/l", changed, links("old", "old")), "!vendor-old drop medium"},
		{"another target", over("/usr/lib/l", changed, links("old", "own")), "!modified report medium"},
		{"through a link", over("/usr/lib/l", links("new", "own"), through), "!modified report high"},
		{"ld.so.cache", over("/etc/ld.so.cache", changed), "derived regenerate none"},
		{"certificates", over("/etc/ssl/certs/ca-certificates.crt", changed), "!derived regenerate low"},
		{"certificates that did not change", over("/etc/ssl/certs/ca-certificates.crt"), "derived regenerate none"},
		{"accounts", over("/etc/passwd", changed, generated), "accounts keep none"},
		{"accounts without one", over("/etc/passwd", changed, lacks), "!accounts merge low"},
		{"accounts without one that was never there", over("/etc/passwd", lacks), "accounts keep none"},
		{"package database", over("/var/lib/dpkg/status", changed, known), "database keep none"},
		{"nearly the package database", over("/var/lib/dpkg2", changed), "!modified report low"},
		{"own", over("/usr/local/lib/libssl.so.3", changed, alone), "own keep none"},
		{"removed from the host", over("/usr/lib/x.so", gone), "!modified report high"},
		{"an old version of what was removed", over("/usr/lib/x.so", gone, known), "!vendor-old drop high"},
		{"in place of what is generated", over("/etc/hostname", changed, generated), "own keep none"},
		{"an old copy in the seed", over("/usr/lib/helper", changed, seed, program), "!vendor-old regenerate high"},
		{"an equal copy in the seed", over("/usr/lib/helper", changed, seed, same), "redundant regenerate none"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got := shadow.Judge(test.facts)
			mark := ""
			if got.Hides() {
				mark = "!"
			}
			if line := mark + string(got.Class) + " " + string(got.Heal) + " " + string(got.Severity); line != test.want {
				t.Errorf("got %s, want %s: %+v", line, test.want, got)
			}
			if got.Path != test.facts.Path || got.Layer != test.facts.Layer {
				t.Errorf("it says it is of %q in %s", got.Path, got.Layer)
			}
		})
	}
}

func TestSince(t *testing.T) {
	a, b := file(0o600), file(0o644)
	c := shadow.Since([]shadow.Change{
		{Path: "/a/b", Was: a, Is: b}, {Path: "/a/b/c", Is: a}, {Path: "/a-", Is: a}, {Path: "/a", Was: a, Is: b}, {Path: "/a/gone", Was: a},
		{Path: "/a/b", Was: b, Is: a}, {Path: "/short", Is: b}, {Path: "/short", Was: b},
	})
	if got, ok := c.At("/a/b"); !ok || got.Was != a || got.Is != a {
		t.Errorf("what changed and changed back is %+v, %v", got, ok)
	}
	if got, ok := c.At("/short"); !ok || got.Was != b || got.Is != nil {
		t.Errorf("what came and went is %+v, %v", got, ok)
	}
	if _, ok := c.At("/none"); ok || c.Ever() {
		t.Error("what did not change has changed")
	}
	for dir, want := range map[string][]string{
		"/a": {"/a/b", "/a/b/c"}, "/": {"/a", "/a-", "/a/b", "/a/b/c"}, "/a/b": {"/a/b/c"}, "/x": nil, "/a/b/c": nil,
	} {
		var got []string
		c.Below(dir)(func(p string) bool { got = append(got, p); return true })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("below %s (-want +got):\n%s", dir, diff)
		}
	}
	if _, ok := shadow.Ever().At("/x"); !ok || !shadow.Ever().Ever() {
		t.Error("not everything has changed for ever")
	}
}

func TestLacking(t *testing.T) {
	passwd := "root:x:0:0::/root:/bin/sh\nuuidd:x:107:114::/run/uuidd:/usr/sbin/nologin\n"
	for _, test := range []struct {
		summary, path, own string
		want               []string
	}{
		{"all", "/etc/passwd", passwd + "me:x:1000:1000::/home/me:/bin/bash\n", nil},
		{"another comment and password", "/etc/passwd", strings.Replace(passwd, "x:0:0:", "!:0:0:me", 1), nil},
		{"nothing", "/etc/passwd", "", []string{"root", "uuidd"}},
		{"another shell", "/etc/passwd", strings.Replace(passwd, "/usr/sbin/nologin", "/bin/sh", 1), []string{"uuidd"}},
		{"a line before it that counts", "/etc/passwd", "uuidd:x:0:0::/:/bin/sh\n" + passwd, []string{"uuidd"}},
		{"a line without fields", "/etc/passwd", "uuidd\nroot:x:0:0::/root:/bin/sh", []string{"uuidd"}},
		{"names alone", "/etc/shadow", "root:$6$:1::::::\nuuidd", nil},
		{"groups by id", "/etc/group", "root:x:0:me\nuuidd:x:1:", []string{"uuidd"}},
	} {
		if diff := cmp.Diff(test.want, shadow.Lacking(test.path, []byte(passwd), []byte(test.own))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.summary, diff)
		}
	}
}

// FuzzJudge gives hostile paths and facts in any combination.
func FuzzJudge(f *testing.F) {
	f.Add("/usr/lib/x\n\xff\x1b[2J", uint(0xffff))
	f.Add("/etc/passwd", uint(0x1234))
	f.Add("", uint(3))
	f.Fuzz(func(t *testing.T, path string, choose uint) {
		facts := over(path)
		for i, and := range []func(*shadow.Facts){
			changed, guessed, same, metadata, conffile, generated, known, whiteout, directory, opaque, below, bare, alone, gone, lacks, seed, through,
			program, hostMade, setuidGone, links("old", "own"), mine("1"),
		} {
			if choose>>i&1 != 0 {
				and(&facts)
			}
		}
		s := shadow.Judge(facts)
		never := s.Class == shadow.Own || s.Class == shadow.Database || s.Class == shadow.Redundant
		switch {
		case s.Path != path:
			t.Fatalf("%q became %q", path, s.Path)
		case s.Hides() && (never || s.Severity == shadow.None || s.Heal == ""):
			t.Fatalf("it hides: %+v", s)
		case !s.Hides() && s.Severity != shadow.None:
			t.Fatalf("it does not hide: %+v", s)
		case strings.ContainsAny(s.Detail, "\x1b\n") || !utf8.ValidString(s.Detail):
			t.Fatalf("hostile bytes in %q", s.Detail)
		}
	})
}
