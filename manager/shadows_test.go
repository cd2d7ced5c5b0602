package manager_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/shadow"
)

const (
	ssl   = "/usr/lib/x/libssl.so.3"
	tool  = "/usr/bin/tool"
	conf  = "/etc/tool.conf"
	plugA = "/usr/lib/plug/a.so"
	plugB = "/usr/lib/plug/b.so"
)

// furnish gives the host some files of packages, as of version 1.
func furnish(s *shadowed) *vendors {
	v := &vendors{owners: map[string]shadow.Owner{}, known: map[string][]generation.Digest{}}
	for path, mode := range map[string]os.FileMode{
		ssl: 0o644, tool: 0o755, conf: 0o644, plugA: 0o644, plugB: 0o644, "/usr/lib/x/libz.so.1.2": 0o644, "/usr/bin/su": 0o755 | os.ModeSetuid,
		"/usr/share/data": 0o644, "/usr/lib/x/gone.so": 0o644,
	} {
		replace(s.t, s.base+path, path+" 1", mode)
		v.owners[path] = shadow.Owner{Package: "pack", Arch: "amd64", Version: "2"}
		v.known[path] = []generation.Digest{
			{Value: sum(path + " 1"), Package: "pack", Version: "1", Conffile: path == conf}, {Value: sum(path + " 2"), Package: "pack", Version: "2", Conffile: path == conf},
		}
	}
	for path, text := range map[string]string{
		"/etc/hosts.equiv": "local", "/etc/ld.so.cache": "cache 1", "/etc/ssl/certs/ca-certificates.crt": "bundle 1",
		"/var/lib/dpkg/status": "Package: pack\nArchitecture: amd64\nStatus: install ok installed\nVersion: 1\n", "/etc/hidden/secret": "s 1",
		"/usr/local/bin/script": "script 1", "/etc/passwd": "human:x:1000:1000::/home/human:/bin/sh\n",
	} {
		replace(s.t, s.base+path, text, 0o644)
	}
	relink(s.t, s.base+"/usr/lib/x/libz.so.1", "libz.so.1.2")
	relink(s.t, s.base+"/lib", "usr/lib")
	relink(s.t, s.base+"/etc/alternatives/tool", "/usr/bin/tool")
	relink(s.t, s.base+"/usr/bin/alias", "/etc/alternatives/tool")
	do(s.t, os.MkdirAll(s.mask+"/etc/hidden", 0o755), unix.Setxattr(s.mask+"/etc/hidden", "trusted.overlay.opaque", []byte("y"), 0))
	replace(s.t, s.common+"/etc/passwd", "root:x:0:0::/root:/bin/sh\n", 0o644)
	replace(s.t, s.common+"/etc/hostname", "web1", 0o644)
	return v
}

// upgrade makes it version 2.
func upgrade(s *shadowed) {
	for path, mode := range map[string]os.FileMode{
		ssl: 0o644, tool: 0o755, conf: 0o644, plugA: 0o644, "/usr/lib/plug/new.so": 0o644, "/usr/lib/x/libz.so.1.3": 0o644, "/usr/bin/su": 0o755,
	} {
		replace(s.t, s.base+path, path+" 2", mode)
	}
	replace(s.t, s.base+"/usr/bin/su", "/usr/bin/su 1", 0o755) // the same program, which is not setuid any more
	relink(s.t, s.base+"/usr/lib/x/libz.so.1", "libz.so.1.3")
	do(s.t, os.Remove(s.base+"/usr/lib/x/libz.so.1.2"), os.Remove(s.base+"/usr/lib/x/gone.so"))
	for path, text := range map[string]string{"/etc/ld.so.cache": "cache 2", "/etc/ssl/certs/ca-certificates.crt": "bundle 2", "/etc/hidden/secret": "s 2",
		"/etc/passwd": "human2:x:1000:1000::/home/human:/bin/sh\n"} {
		replace(s.t, s.base+path, text, 0o644)
	}
	replace(s.t, s.common+"/etc/passwd", "root:x:0:0::/root:/bin/sh\nuuidd:x:107:114::/run:/bin/false\n", 0o644)
}

// line is a shadow for comparison: an exclamation mark says that it hides.
func line(s shadow.Shadow) string {
	mark := ""
	if s.Hides() {
		mark = "!"
	}
	text := fmt.Sprintf("%s%s %s", mark, s.Class, s.Path)
	if len(s.Below) > 0 {
		text += " " + strings.Join(s.Below, ",")
	}
	return text
}

func lines(found []shadow.Shadow, keep func(shadow.Shadow) bool) []string {
	all := []string{}
	for _, s := range found {
		if keep(s) {
			all = append(all, line(s))
		}
	}
	return all
}

type shadowCase struct {
	summary string
	inside  string // a shell script, with the container's root as its directory
	want    []string
	host    string // a script for the host, after its upgrade
}

// shadowCases do to a container's files whatever its root can do to them, before the host is upgraded.
//
// long: a table
func shadowCases() []shadowCase {
	return []shadowCase{
		{"nothing", "", nil, ""},
		{"chmod", "chmod 600 usr/lib/x/libssl.so.3 usr/share/data", []string{"!vendor-old " + ssl, "metadata /usr/share/data"}, ""},
		{"chown", "chown 33 usr/bin/tool", []string{"!vendor-old " + tool}, ""},
		{"touch", "touch usr/share/data usr/bin/tool", []string{"!vendor-old " + tool, "redundant /usr/share/data"}, ""},
		{"edit", "echo mine >>etc/tool.conf; echo mine >>usr/bin/tool; echo mine >>usr/share/data; echo mine >>usr/local/bin/script",
			[]string{"!conffile " + conf, "!modified " + tool, "modified /usr/local/bin/script", "modified /usr/share/data"}, ""},
		{"edit with the database of version 1", "echo mine >>usr/bin/tool; cat var/lib/dpkg/status >s; cat s >var/lib/dpkg/status; echo >>var/lib/dpkg/status; rm s",
			[]string{"!modified-older " + tool, "database /var/lib/dpkg/status"}, ""},
		{"install a newer one", "echo '/usr/bin/tool 3' >n; mv n usr/bin/tool; sed -i 's/^Version.*/Version: 1:0~rc1/' var/lib/dpkg/status",
			[]string{"!modified-newer " + tool, "database /var/lib/dpkg/status"}, ""},
		{"install what the host gets later", "printf '/usr/bin/tool 2' >n; chmod 755 n; mv n usr/bin/tool", []string{"redundant " + tool}, ""},
		{"an own file that the host gets later", "mkdir -p usr/lib/plug; echo own >usr/lib/plug/new.so", []string{"!modified /usr/lib/plug/new.so"}, ""},
		{"mv a file", "mv usr/lib/x/libssl.so.3 usr/lib/x/old.so; mv usr/share/data opt", []string{"!whiteout " + ssl, "whiteout /usr/share/data"}, ""},
		{"mv a directory", "mv usr/lib/plug usr/lib/plug2", []string{"!whiteout /usr/lib/plug " + plugA + ",/usr/lib/plug/new.so"}, ""},
		{"a link in place of a directory", "mv usr/lib/plug opt; ln -s /opt usr/lib/plug", []string{"!modified /usr/lib/plug " + plugA + ",/usr/lib/plug/new.so"}, ""},
		{"a file in place of a directory", "rm -r usr/lib/plug; echo >usr/lib/plug", []string{"!modified /usr/lib/plug " + plugA + ",/usr/lib/plug/new.so"}, ""},
		{"a directory in place of a file", "rm usr/bin/tool usr/share/data; mkdir -p usr/bin/tool/d usr/share/data", []string{"!modified " + tool, "modified /usr/share/data"}, ""},
		{"a directory in place of a link to one", "cp -a usr/lib l; rm lib; mv l lib", []string{"!modified /lib"}, ""},
		{"a link to elsewhere in place of a link to a directory", "cp -a usr/lib opt/lib; ln -sfn opt/lib lib", []string{"!modified /lib"}, ""},
		{"a link by another way to the same", "ln -sfn /usr/../usr/lib lib", []string{"modified /lib"}, ""},
		{"an alternative of the container's", "echo own >opt/tool; ln -sfn /opt/tool etc/alternatives/tool", []string{"!modified /etc/alternatives/tool"}, ""},
		{"an alternative of the host's", "ln -sfn /usr/share/data etc/alternatives/tool", []string{"modified /etc/alternatives/tool"}, ""},
		{"an alternative that was edited", "echo >>usr/share/data; ln -sfn /usr/share/data etc/alternatives/tool",
			[]string{"!modified /etc/alternatives/tool", "modified /usr/share/data"}, ""},
		{"a link with its old target", "chown -h 33 usr/lib/x/libz.so.1", []string{"!vendor-old /usr/lib/x/libz.so.1"}, ""},
		{"what the host removes", "touch usr/lib/x/gone.so; echo >>usr/lib/x/libz.so.1.2", []string{"!vendor-old /usr/lib/x/gone.so", "!modified /usr/lib/x/libz.so.1.2"}, ""},
		{"rm", "rm usr/bin/tool usr/share/data usr/lib/x/gone.so", []string{"!whiteout " + tool, "whiteout /usr/lib/x/gone.so", "whiteout /usr/share/data"}, ""},
		{"rm -r and mkdir", "rm -r usr/lib/plug; mkdir usr/lib/plug", []string{"!opaque /usr/lib/plug " + plugA + ",/usr/lib/plug/new.so"}, ""},
		{"rm -r and mkdir with some back", "cp -a usr/lib/plug opt; rm -r usr/lib/plug; mkdir usr/lib/plug; cp opt/plug/b.so usr/lib/plug; touch usr/lib/plug/a.so",
			[]string{"!opaque /usr/lib/plug /usr/lib/plug/new.so", "!modified " + plugA, "redundant " + plugB}, ""},
		{"an opaque directory over nothing changed", "rm -r usr/share; mkdir usr/share", []string{"opaque /usr/share"}, ""},
		{"opaque and empty of the host's", "rm -r usr/share; mkdir usr/share; printf '/usr/share/data 1' >usr/share/data", []string{"opaque /usr/share", "redundant /usr/share/data"}, ""},
		{"a hard link in place of a library", "echo own >opt/own; ln -f opt/own usr/lib/x/libssl.so.3", []string{"!modified " + ssl}, ""},
		{"a hard link of a library", "ln usr/lib/x/libssl.so.3 opt/second", []string{"!vendor-old " + ssl}, ""},
		{"as dpkg unpacks", "echo 1.5 >usr/bin/tool.dpkg-new; ln usr/bin/tool usr/bin/tool.dpkg-tmp; mv usr/bin/tool.dpkg-new usr/bin/tool; rm usr/bin/tool.dpkg-tmp",
			[]string{"!modified " + tool}, ""},
		{"attributes", "setcap cap_net_raw=ep usr/share/data; setcap cap_net_raw=ep usr/bin/tool", []string{"!vendor-old " + tool, "metadata /usr/share/data"}, ""},
		{"setuid kept", "touch usr/bin/su", []string{"!metadata /usr/bin/su"}, ""},
		{"setuid taken by the container as well", "chmod 700 usr/bin/su", []string{"metadata /usr/bin/su"}, ""},
		{"derived", "echo >>etc/ld.so.cache; echo >>etc/ssl/certs/ca-certificates.crt",
			[]string{"derived /etc/ld.so.cache", "!derived /etc/ssl/certs/ca-certificates.crt"}, ""},
		{"accounts", "echo me:x:1000:1000::/home/me:/bin/sh >>etc/passwd", []string{"!accounts /etc/passwd"}, ""},
		{"what sysctr generates", "echo mine >etc/hostname; mkdir -p etc/hidden; echo own >etc/hidden/secret; rm etc/hidden/secret", nil, ""},
		{"own files that are ahead in a search path", "mkdir -p usr/local/lib etc/ld.so.conf.d; echo x >usr/local/lib/libssl.so.3; echo /usr/local/lib >etc/ld.so.conf.d/own.conf", nil, ""},
		{"hostile names", "echo x >'usr/bin/two\nlines'; printf x >\"$(printf 'usr/lib/x/\\377\\033')\"", nil, ""},
		{"opaque over the package database", "rm -r var/lib; mkdir var/lib", []string{"opaque /var/lib"}, "echo >>var/lib/dpkg/status"},
		{"the host removes a directory", "touch usr/lib/plug/a.so; echo >>usr/lib/plug/b.so; echo own >etc/hidden/secret",
			[]string{"!vendor-old " + plugA, "!modified " + plugB}, "rm -r usr/lib/plug etc/hidden/secret"},
		{"the host makes a link of a directory", "echo own >usr/lib/plug/own", []string{"!modified /usr/lib/plug"}, "mv usr/lib/plug usr/share/plug; ln -s ../share/plug usr/lib/plug"},
		{"the host makes a file of a directory", "mkdir usr/lib/plug/own", []string{"!modified /usr/lib/plug"}, "rm -r usr/lib/plug; echo new >usr/lib/plug"},
		{"the host makes a directory of a file", "touch usr/bin/tool usr/share/data", []string{"!modified " + tool + " /usr/bin/tool/new", "!modified /usr/share/data"},
			"rm usr/bin/tool usr/share/data; mkdir usr/bin/tool usr/share/data; echo new >usr/bin/tool/new"},
		{"the host turns a link on the way", "ln -s usr/share/data two; mv two usr/bin/alias; cp usr/bin/tool own; mv own usr/bin/alias", []string{"!modified /usr/bin/alias"},
			"ln -sfn /usr/share/data etc/alternatives/tool"},
		{"the host adds below a directory of the container's own", "mkdir usr/own; echo x >usr/own/a; echo x >usr/own/b", []string{"!modified /usr/own/a"},
			"mkdir usr/own; echo new >usr/own/a; echo new >usr/own/c"},
		{"the host adds where the container removed and made", "rm -r usr/share; mkdir usr/share; echo x >usr/share/a", []string{"!modified /usr/share/a", "!opaque /usr/share /usr/share/c"},
			"echo new >usr/share/a; echo new >usr/share/c"},
		{"the host changes in place", "touch usr/share/data; echo x >>usr/local/bin/script", []string{"!vendor-old /usr/share/data", "!modified /usr/local/bin/script"},
			"echo in place >>usr/share/data; printf 'script 2' >usr/local/bin/script"},
		{"the host puts the same again", "chmod 600 usr/share/data; echo x >>usr/local/bin/script", []string{"metadata /usr/share/data", "!modified /usr/local/bin/script"},
			"for f in usr/share/data usr/local/bin/script; do cp $f x; mv x $f; done"},
	}
}

// TestShadows does in a real overlay what containers do, upgrades the host, and asks what hides the upgrade. Then it mounts afresh and reads
// every changed file: what is not the host's must be hidden by a shadow, and without one that hides nothing may differ.
func TestShadows(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	for _, test := range shadowCases() {
		t.Run(test.summary, func(t *testing.T) {
			s := newShadowed(t)
			v := furnish(s)
			do(t, os.MkdirAll(s.base+"/opt", 0o755))
			was := s.index()
			s.in(func(root string) { shell(t, root, test.inside) })
			upgrade(s)
			shell(t, s.base, test.host)
			since := changes(was, s.index())
			all := s.look(manager.Look{Since: shadow.Since(since), Vendors: v, All: true})
			sorted := lines(all, func(shadow.Shadow) bool { return true })
			slices.SortFunc(sorted, byPath)
			want := append([]string{}, test.want...)
			slices.SortFunc(want, byPath)
			if diff := cmp.Diff(want, sorted); diff != "" {
				t.Errorf("shadows (-want +got):\n%s", diff)
			}
			hiding := s.look(manager.Look{Since: shadow.Since(since), Vendors: v})
			if diff := cmp.Diff(lines(all, shadow.Shadow.Hides), lines(hiding, func(shadow.Shadow) bool { return true })); diff != "" {
				t.Errorf("asked for what hides alone (-all +hiding):\n%s", diff)
			}
			s.in(func(root string) { s.truth(root, since, hiding) })
		})
	}
}

func byPath(a, b string) int {
	_, pathA, _ := strings.Cut(a, " ")
	_, pathB, _ := strings.Cut(b, " ")
	return strings.Compare(pathA, pathB)
}

func shell(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-euc", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}

func within(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

// truth reads what a new process would, without anything of what is tested.
func (s *shadowed) truth(root string, since []shadow.Change, hiding []shadow.Shadow) {
	s.t.Helper()
	old := false
	for _, c := range since {
		path := c.Path
		if path == "/etc/passwd" || path == "/etc/ld.so.cache" || path == "/var/lib/dpkg/status" || strings.HasPrefix(path, "/etc/hidden") {
			continue // not what bytes decide, or not the container's to see
		}
		for _, alias := range []string{path, strings.Replace(path, "/usr/lib/", "/lib/", 1), strings.Replace(path, tool, "/etc/alternatives/tool", 1),
			strings.Replace(path, "/etc/alternatives/tool", "/usr/bin/alias", 1)} {
			inside, host := reads(root, alias), reads(s.base, alias)
			if inside == host || alias == "/etc/alternatives/tool" && inside == reads(s.base, "/usr/share/data") {
				continue // the second is another program of the host's, as the host has it
			}
			old = true
			if !slices.ContainsFunc(hiding, func(h shadow.Shadow) bool { return within(alias, h.Path) || within(path, h.Path) }) {
				s.t.Errorf("a new process reads %q from %s, which is %q on the host, and no shadow hides it", inside, alias, host)
			}
		}
	}
	bytes := slices.DeleteFunc(slices.Clone(hiding), func(h shadow.Shadow) bool { return h.Class == shadow.Metadata || h.Class == shadow.Accounts })
	if !old && len(bytes) > 0 {
		s.t.Errorf("every changed file is the host's, and yet: %+v", bytes)
	}
}
