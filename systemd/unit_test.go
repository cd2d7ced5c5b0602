package systemd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sysctr/sysctr/systemd"
)

func TestUnit(t *testing.T) {
	for _, tt := range []struct{ name, unit string }{
		{"web1", "sysctr@web1.service"},
		{"web-1", "sysctr@web-1.service"},
		{"", "sysctr@.service"},
		{"../x", `sysctr@\x2e\x2e\x2fx.service`},
		{"a b\n%i@.", `sysctr@a\x20b\x0a\x25i\x40\x2e.service`},
		{`\x2d`, `sysctr@\x5cx2d.service`},
		{"Ä", `sysctr@\xc3\x84.service`},
	} {
		if got := systemd.Unit(tt.name); got != tt.unit {
			t.Errorf("Unit(%q) = %q, want %q", tt.name, got, tt.unit)
		}
		if got, ok := systemd.Name(tt.unit); !ok || got != tt.name {
			t.Errorf("Name(%q) = %q, %v, want %q", tt.unit, got, ok, tt.name)
		}
	}
	for _, unit := range []string{
		"", "sysctr@a", "sysctr.target", "x@a.service", "sysctr@a.service.d", "sysctr@A.service", `sysctr@\x61.service`,
		`sysctr@\x2D.service`, `sysctr@\x2.service`, `sysctr@\xzz.service`, `sysctr@\.service`, "sysctr-host.service",
	} {
		if name, ok := systemd.Name(unit); ok {
			t.Errorf("Name(%q) = %q, want none", unit, name)
		}
	}
}

// Every string has its own unit, which is a plain file name and gives the string back; and no other spelling of a unit has a name.
func FuzzUnit(f *testing.F) {
	for _, seed := range []string{"web1", "../x", "a.service/b", "\x00", `\x2d`, "sysctr@web1.service", `sysctr@\x2f.service`} {
		f.Add(seed)
	}
	plain := regexp.MustCompile(`^sysctr@([a-z0-9-]|\\x[0-9a-f]{2})*\.service$`)
	f.Fuzz(func(t *testing.T, s string) {
		unit := systemd.Unit(s)
		if !plain.MatchString(unit) {
			t.Errorf("Unit(%q) = %q", s, unit)
		}
		if name, ok := systemd.Name(unit); !ok || name != s {
			t.Errorf("Name(%q) = %q, %v, want %q", unit, name, ok, s)
		}
		if name, ok := systemd.Name(s); ok && systemd.Unit(name) != s {
			t.Errorf("%q and %q have the same name %q", s, systemd.Unit(name), name)
		}
	})
}

func TestBooted(t *testing.T) {
	root := t.TempDir()
	if systemd.Booted(root) {
		t.Error("an empty root was booted with systemd")
	}
	if err := os.MkdirAll(filepath.Join(root, "run/systemd"), 0o755); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "run/systemd/system")
	if err := os.Symlink("/", link); err != nil {
		t.Fatal(err)
	}
	if systemd.Booted(root) {
		t.Error("a link was taken for the directory that systemd makes")
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(link, 0o755); err != nil {
		t.Fatal(err)
	}
	if !systemd.Booted(root) {
		t.Error("not booted")
	}
}
