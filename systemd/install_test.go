package systemd_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/systemd"
)

const binary = "/usr/local/bin/sysctr"

// tree lists what lies below root: directories with a slash, files with their mode.
func tree(t *testing.T, root string) []string {
	t.Helper()
	var entries []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(path, root+"/")
		if entry.IsDir() {
			entries = append(entries, name+"/")
			return nil
		}
		info, err := entry.Info()
		entries = append(entries, name+" "+info.Mode().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestInstallAndRemove(t *testing.T) {
	root := t.TempDir()
	changed, err := systemd.Install(root, binary)
	if err != nil || len(changed) != 7 {
		t.Fatalf("install: %q, %v", changed, err)
	}
	want := []string{
		"usr/", "usr/local/", "usr/local/lib/", "usr/local/lib/systemd/", "usr/local/lib/systemd/system/",
		"usr/local/lib/systemd/system/sysctr-host.service -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr-priority@.target -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr-refresh.path -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr-refresh.service -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr-refresh.timer -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr.target -rw-r--r--",
		"usr/local/lib/systemd/system/sysctr@.service -rw-r--r--",
	}
	if diff := cmp.Diff(want, tree(t, root)); diff != "" {
		t.Error(diff)
	}
	if changed, err := systemd.Install(root, binary); err != nil || changed != nil {
		t.Errorf("install once more: %q, %v", changed, err)
	}
	changed, err = systemd.Install(root, "/usr/bin/sysctr")
	if err != nil || len(changed) != 3 {
		t.Errorf("install with another program changed %q, %v; want the three services", changed, err)
	}
	if removed, err := systemd.Remove(root); err != nil || len(removed) != 7 {
		t.Errorf("remove: %q, %v", removed, err)
	}
	if diff := cmp.Diff(want[:3], tree(t, root)); diff != "" {
		t.Error(diff)
	}
	if removed, err := systemd.Remove(root); err != nil || removed != nil {
		t.Errorf("remove once more: %q, %v", removed, err)
	}
}

func TestRemoveKeepsWhatIsNotOurs(t *testing.T) {
	root := t.TempDir()
	if _, err := systemd.Install(root, binary); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(root, "usr/local/lib/systemd/system/other.service")
	if err := os.WriteFile(foreign, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := systemd.Remove(root); err != nil {
		t.Fatal(err)
	}
	if entries := tree(t, filepath.Dir(foreign)); !slices.Equal(entries, []string{"other.service -rw-r--r--"}) {
		t.Errorf("left: %q", entries)
	}
}

func TestDropInFile(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "etc/systemd/system/sysctr@web1.service.d")
	for i, want := range []bool{true, false} {
		if changed, err := systemd.WriteDropIn(root, "web1", systemd.Settings{Priority: 99}); changed != want || err != nil {
			t.Errorf("write %d: %v, %v", i, changed, err)
		}
	}
	if changed, err := systemd.WriteDropIn(root, "web1", systemd.Settings{Priority: 100}); !changed || err != nil {
		t.Errorf("write other settings: %v, %v", changed, err)
	}
	if _, err := systemd.WriteDropIn(root, "web1", systemd.Settings{Priority: 101}); !errors.Is(err, systemd.ErrSetting) {
		t.Errorf("write bad settings: %v", err)
	}
	golden(t, "highest.conf", read(t, filepath.Join(dir, "50-sysctr.conf")))
	own := filepath.Join(dir, "override.conf")
	if err := os.WriteFile(own, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for i, want := range []bool{true, false} {
		if changed, err := systemd.RemoveDropIn(root, "web1"); changed != want || err != nil {
			t.Errorf("remove %d: %v, %v", i, changed, err)
		}
	}
	if entries := tree(t, dir); !slices.Equal(entries, []string{"override.conf -rw-r--r--"}) {
		t.Errorf("left: %q", entries)
	}
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	if changed, err := systemd.RemoveDropIn(root, "web1"); changed || err != nil {
		t.Errorf("remove the directory: %v, %v", changed, err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the empty directory stays: %v", err)
	}
}

func TestHostileNameStaysInItsDirectory(t *testing.T) {
	root := t.TempDir()
	if _, err := systemd.WriteDropIn(root, "../../../x/y", systemd.Settings{Priority: 100}); err != nil {
		t.Fatal(err)
	}
	entries := tree(t, filepath.Join(root, "etc/systemd/system"))
	if want := `sysctr@\x2e\x2e\x2f\x2e\x2e\x2f\x2e\x2e\x2fx\x2fy.service.d/`; len(entries) != 2 || entries[0] != want {
		t.Errorf("entries = %q", entries)
	}
}

func TestWriteThatFailsKeepsTheOldFile(t *testing.T) {
	root := t.TempDir()
	if _, err := systemd.WriteDropIn(root, "web1", systemd.Settings{Priority: 100}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "etc/systemd/system/sysctr@web1.service.d")
	// A link where the new file is prepared makes the open fail, also for root, and must not be followed.
	victim := filepath.Join(root, "victim")
	if err := os.Symlink(victim, filepath.Join(dir, ".50-sysctr.conf.new")); err != nil {
		t.Fatal(err)
	}
	if changed, err := systemd.WriteDropIn(root, "web1", systemd.Settings{}); changed || err == nil {
		t.Errorf("write through a link: %v, %v", changed, err)
	}
	if _, err := os.Lstat(victim); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
	golden(t, "highest.conf", read(t, filepath.Join(dir, "50-sysctr.conf")))
	if changed, err := systemd.WriteDropIn(root, "web1", systemd.Settings{}); !changed || err != nil {
		t.Errorf("write once more: %v, %v", changed, err)
	}
}

func TestUnitsRefuseAnOddProgram(t *testing.T) {
	for _, path := range []string{
		"", "sysctr", "bin/sysctr", "/", "/a/", "/a//b", "/a/../b", "/a b", "/a%i", "/a$b", "/a\nExecStop=/x", `/a"b`, "-/a", "/a;b",
	} {
		if files, err := systemd.Units(path); !errors.Is(err, systemd.ErrSetting) {
			t.Errorf("Units(%q): %d files, %v", path, len(files), err)
		}
	}
}

func TestUnitsNameTheProgram(t *testing.T) {
	files, err := systemd.Units(binary)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, file := range files {
		if strings.Contains(string(file.Data), "@BINARY@") {
			t.Errorf("%s: the program's path was not put in", file.Name)
		}
		for line := range strings.Lines(string(file.Data)) {
			if strings.HasPrefix(line, "Exec") {
				commands = append(commands, strings.TrimSpace(line))
			}
		}
	}
	want := []string{
		"ExecStart=" + binary + " host init --boot",
		"ExecStartPre=-/bin/rm -f /run/sysctr/host/pending", "ExecStart=" + binary + " patch refresh --wait", "ExecStart=" + binary + " _unit %i", "ExecStopPost=-" + binary + " _stopped %i",
	}
	if !slices.Equal(commands, want) {
		t.Errorf("commands = %q, want %q", commands, want)
	}
}

// verify has systemd itself read the units of an enabled fleet with two priorities, and queue its boot as far as that goes without running it.
func verify(t *testing.T, root string) string {
	t.Helper()
	program := need.Command(t, "systemd-analyze", "install the package systemd")
	units, own := filepath.Join(root, "usr/local/lib/systemd/system"), filepath.Join(root, "etc/systemd/system")
	wants := filepath.Join(own, "sysctr.target.wants")
	if err := os.MkdirAll(wants, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, watcher := range systemd.Watchers() {
		if err := os.Symlink(filepath.Join(units, watcher), filepath.Join(wants, watcher)); err != nil {
			t.Fatal(err)
		}
	}
	for name, settings := range map[string]systemd.Settings{
		"web-1": {}, "db": {Priority: 99, StopSignal: "SIGRTMIN+3", StopTimeout: time.Second, Restart: "always", Tasks: 5},
	} {
		if _, err := systemd.WriteDropIn(root, name, settings); err != nil {
			t.Fatal(err)
		}
		err := os.Symlink(filepath.Join(units, "sysctr@.service"), filepath.Join(wants, systemd.Unit(name)))
		if err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, "verify", "--man=no",
		"sysctr.target", "sysctr-host.service", "sysctr@web-1.service", "sysctr@db.service", "sysctr-priority@99.target",
		systemd.RefreshUnit, systemd.Watchers()[0], systemd.Watchers()[1])
	command.Env = append(os.Environ(), "SYSTEMD_UNIT_PATH="+own+":"+units+":")
	out, err := command.CombinedOutput()
	return string(out) + failure(err)
}

func failure(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSystemdVerifiesTheUnits(t *testing.T) {
	root := t.TempDir()
	if _, err := systemd.Install(root, "/bin/true"); err != nil {
		t.Fatal(err)
	}
	if out := verify(t, root); out != "" {
		t.Error(out)
	}
}

// What systemd says of a broken unit shows that the test above can fail.
func TestSystemdRefusesABrokenUnit(t *testing.T) {
	root := t.TempDir()
	if _, err := systemd.Install(root, "/bin/true"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "usr/local/lib/systemd/system/sysctr@.service")
	if err := os.WriteFile(path, append(read(t, path), "[Service]\nKillSignl=x\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if out := verify(t, root); !strings.Contains(out, "KillSignl") {
		t.Errorf("verify says %q", out)
	}
}

// A target comes by default after all that it is a part of, sysctr.target after the containers, and those after the levels above them: systemd
// breaks such a cycle by leaving containers out at boot, and systemd-analyze does not see it.
func TestLevelsAreOrderedByContainersAlone(t *testing.T) {
	files, err := systemd.Units(binary)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(files, func(f systemd.File) bool { return f.Name == "sysctr-priority@.target" })
	if i < 0 {
		t.Fatal("no level")
	}
	text := string(files[i].Data)
	if strings.Contains(text, "\nPartOf=") && !strings.Contains(text, "\nDefaultDependencies=no\n") {
		t.Error("a level comes after what it is part of")
	}
	for _, key := range []string{"After", "Wants", "Requires", "Requisite", "BindsTo"} {
		if strings.Contains(text, "\n"+key+"=") {
			t.Errorf("a level has a dependency %s= of its own", key)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
