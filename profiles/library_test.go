package profiles_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

func TestBuiltins(t *testing.T) {
	l := profiles.Open(filepath.Join(t.TempDir(), "missing"))
	system, err := l.Resolve("system", nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Join(system.Init, " ") != "/sbin/init" || system.Stop != stop(t30, "SIGRTMIN+3") || system.Isolation != profiles.Private {
		t.Errorf("system is %+v", system)
	}
	command, err := l.Resolve("command", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(command.Command) == 0 || command.Stop != stop(10e9, "SIGTERM") || len(command.Units) != 0 {
		t.Errorf("command is %+v", command)
	}
	if _, err := os.Stat(command.Command[0]); err != nil {
		t.Errorf("the program of the profile command: %v", err)
	}
	for _, s := range []profiles.Spec{system, command} {
		if w := s.Warnings(); len(w) != 0 {
			t.Errorf("%s warns: %v", s.Profile, w)
		}
	}
}

// The tests run in the folder that holds system.yaml: nothing may be looked up there.
func TestZeroLibrary(t *testing.T) {
	var l profiles.Library
	if _, err := l.Load("system"); err != nil {
		t.Error(err)
	}
	if _, err := l.Load("web"); !errors.Is(err, profiles.ErrNotFound) {
		t.Errorf("error is %v, want ErrNotFound", err)
	}
	infos, err := l.Names()
	if err != nil || len(infos) != 2 {
		t.Errorf("got %v, %v", infos, err)
	}
}

func TestNames(t *testing.T) {
	l, dir := library(t, map[string]string{
		"web10.yaml": "description: ten", "web2.yaml": "description: two\nextends: system", "bad.yaml": "memry: 1", "lost.yaml": "extends: nobody",
		"old.yml": "description: x", "web2.yaml~": "", ".hidden.yaml": "", "notes.txt": "", "Bad Name.yaml": "description: x", "\x1b.yaml": "",
	})
	if err := os.Mkdir(filepath.Join(dir, "dir.yaml"), 0o700); err != nil {
		t.Fatal(err)
	}
	infos, err := l.Names()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, i := range infos {
		got = append(got, fmt.Sprintf("%s|%s|%v", i.Name, i.Description, i.Err != nil))
		if strings.Contains(fmt.Sprint(i.Name, i.Err), "\x1b") {
			t.Errorf("%q would act upon a terminal", i.Name)
		}
	}
	want := `Bad Name||true \x1b||true bad||true command|One command without systemd; as it stands it only waits, so that one can look inside|false ` +
		`dir||true lost||true old.yml||true system|A system container that boots systemd from the host's own root|false web2|two|false web10|ten|false`
	if strings.Join(got, " ") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, " "), want)
	}
}

func TestBuiltinsCannotBeReplaced(t *testing.T) {
	l, dir := library(t, map[string]string{"system.yaml": "isolation: privileged", "web.yaml": "extends: system"})
	want := filepath.Join(dir, "system.yaml") + `: "system" is the name of a built-in profile (rename the file, and build on the built-in one with extends: system)`
	for _, profile := range []string{"system", "web"} {
		_, err := l.Resolve(profile, nil)
		checkErr(t, err, want)
	}
	_, err := l.Read(filepath.Join(dir, "system.yaml"))
	checkErr(t, err, want)
	infos, err := l.Names()
	if err != nil || len(infos) != 3 || infos[1].Name != "system" || infos[1].Err == nil {
		t.Errorf("got %+v, %v", infos, err)
	}
}

func TestLoadRefusesNames(t *testing.T) {
	l, _ := library(t, map[string]string{"web.yaml": "description: d"})
	for _, n := range []string{"", "../web", "/etc/passwd", "web.yaml", "Web", "all", strings.Repeat("a", 1<<20)} {
		if _, err := l.Load(n); !errors.Is(err, name.ErrName) || len(err.Error()) > 300 {
			t.Errorf("%.20q: error is %.200v, want a short ErrName", n, err)
		}
	}
	_, err := l.Load("wbe")
	if !errors.Is(err, profiles.ErrNotFound) || !strings.Contains(err.Error(), `no such profile: "wbe" (did you mean "web"?)`) {
		t.Errorf("error is %v", err)
	}
}

func TestExtends(t *testing.T) {
	chain := map[string]string{"p1.yaml": "tags: [t1]"}
	for i := 2; i <= 9; i++ {
		chain[fmt.Sprintf("p%d.yaml", i)] = fmt.Sprintf("tags: [t%d]\nextends: p%d", i, i-1)
	}
	if s := resolve(t, chain, "p8"); len(s.Tags) != 8 {
		t.Errorf("eight in a row give the tags %v", s.Tags)
	}
	tests := []struct {
		summary, profile, want string
		files                  map[string]string
	}{
		{"nine in a row", "p9", `p2.yaml:2:10: extends: more than 8 profiles build on each other`, chain},
		{"itself", "a", `a.yaml:1:10: extends: goes in a circle: a -> a`, map[string]string{"a.yaml": "extends: a"}},
		{"a circle", "a", `c.yaml:1:10: extends: goes in a circle: a -> b -> c -> a`, map[string]string{
			"a.yaml": "extends: b", "b.yaml": "extends: c", "c.yaml": "extends: a",
		}},
		{"missing", "a", `a.yaml:1:10: extends: there is no profile "sytem" (did you mean "system"?)`, map[string]string{"a.yaml": "extends: sytem"}},
		{"missing further down", "a", `b.yaml:1:10: extends: there is no profile "nobody" (known are `, map[string]string{"a.yaml": "extends: b", "b.yaml": "extends: nobody"}},
		{"broken ground", "a", `b.yaml:1:1: unknown key "x"`, map[string]string{"a.yaml": "extends: b", "b.yaml": "x: 1"}},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			l, _ := library(t, test.files)
			_, err := l.Load(test.profile)
			checkErr(t, err, test.want)
		})
	}
}

func TestReadIsLoadOfAFileAnywhere(t *testing.T) {
	l, _ := library(t, map[string]string{"ground.yaml": "tags: [g]"})
	file := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(file, []byte("extends: ground\ntags: [w]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := l.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.Resolve(nil)
	if err != nil || strings.Join(s.Tags, " ") != "g w" || s.Profile != "web" {
		t.Errorf("got %+v, %v", s, err)
	}
}

// What is no profile is refused at once and with one clear error; opening a FIFO would wait for ever.
func TestFilesThatAreNoProfiles(t *testing.T) {
	l, dir := library(t, map[string]string{"big.yaml": strings.Repeat("# ten MB\n", 10<<20/9), "garbage.yaml": "\x7fELF\x02\x01\x01\x00\x80\xff"})
	path := func(n string) string { return filepath.Join(dir, n+".yaml") }
	for _, err := range []error{
		os.Mkdir(path("directory"), 0o700), syscall.Mkfifo(path("fifo"), 0o600), os.Symlink(path("fifo"), path("link")),
		os.Symlink("/dev/zero", path("zero")), os.Symlink("loop.yaml", path("loop")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: path("socket"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := socket.Close(); err != nil {
			t.Error(err)
		}
	})
	for n, want := range map[string]string{
		"directory": "a directory, not a regular file (a profile is a regular file NAME.yaml)",
		"fifo":      "a FIFO, not a regular file", "link": "a FIFO, not a regular file", "socket": "a socket, not a regular file",
		"zero": "a device, not a regular file", "loop": "too many levels of symbolic links",
		"big": "larger than 256 KiB", "garbage": "garbage.yaml:1:1: control character U+007F",
	} {
		for _, read := range []func() error{
			func() error { _, err := l.Load(n); return err }, func() error { _, err := l.Read(path(n)); return err },
		} {
			err := read()
			checkErr(t, err, want)
			var typed *profiles.Error
			if !errors.As(err, &typed) || typed.File != path(n) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: not one *Error of the file: %v", n, err)
			}
		}
	}
	_, err = l.Read(path("missing"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want fs.ErrNotExist", err)
	}
}
