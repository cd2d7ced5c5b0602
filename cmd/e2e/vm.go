package e2e

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// VM is a story to be run in a virtual machine; see [RunVM].
type VM struct {
	// Script is run by bash as root once at every boot, after systemd has started all it wants to. The variable BOOT is 1, then 2, …
	Script string
	// Install puts sysctr, built from this source tree, into the machine before the first boot's script.
	Install bool
	// Files are further files of the machine by absolute path, of mode 0644 and root's. Run scripts by bash PATH.
	Files map[string]string
	// Boots is how often the machine boots: it reboots in order after each script but the last; 1 if zero. A script may also crash the machine
	// (echo b >/proc/sysrq-trigger), which is a boot more.
	Boots int
	// Timeout bounds the whole story, boots included; 5 minutes if zero.
	Timeout time.Duration
	// Memory and CPUs of the machine; 2048 MiB and 2 if zero.
	Memory, CPUs int
}

// silence is how long a machine may print nothing at all before it is started once more: of a dozen runs of QEMU one stays dumb for ever.
const silence = 45 * time.Second

var errSilent = errors.New("the virtual machine printed nothing")

// RunVM boots a virtual machine with Debian 12, its kernel 6.1, AppArmor and cgroup v2, lets it run v.Script and returns what the script printed
// (standard output and error) in all its boots. The test ends if the script's exit status is not 0 or the time is over. The machine has no network; its
// disk is forgotten at the end.
func RunVM(t testing.TB, v VM) string {
	t.Helper()
	need.Root(t)
	if runtime.GOARCH != "amd64" {
		need.Missing(t, "needs an amd64 machine: the virtual machine's kernel is one")
	}
	need.Command(t, "qemu-system-x86_64", "run make test-hosts")
	v.defaults()
	base := cached(t, "vm")
	dir := t.TempDir()
	v.pack(t, filepath.Join(dir, "story.tar"))

	ctx, cancel := context.WithTimeout(t.Context(), v.Timeout)
	defer cancel()
	out, err := v.run(ctx, base, dir)
	if errors.Is(err, errSilent) {
		t.Logf("%v in %v: once more", err, silence)
		out, err = v.run(ctx, base, dir)
	}
	text, code := story(out)
	if err != nil || code != 0 {
		console, _ := os.ReadFile(filepath.Join(dir, "console"))
		t.Fatalf("virtual machine: exit status %d, %v\n%s\nits console: %s", code, err, text, tail(console))
	}
	return text
}

func (v *VM) defaults() {
	if v.Boots == 0 {
		v.Boots = 1
	}
	if v.Timeout == 0 {
		v.Timeout = 5 * time.Minute
	}
	if v.Memory == 0 {
		v.Memory = 2048
	}
	if v.CPUs == 0 {
		v.CPUs = 2
	}
}

// run runs one machine until it powers itself off and returns what came by its second serial line.
func (v *VM) run(ctx context.Context, base, dir string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	console, out := filepath.Join(dir, "console"), filepath.Join(dir, "out")
	_ = os.Remove(console) // of the first, silent run
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", v.qemu(base, dir, console, out)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir) // where snapshot=on keeps the machine's writes
	cmd.WaitDelay = time.Second
	watch := time.AfterFunc(silence, func() {
		if info, err := os.Stat(console); err != nil || info.Size() == 0 {
			cancel(errSilent)
		}
	})
	defer watch.Stop()
	messages, err := cmd.CombinedOutput()
	text, _ := os.ReadFile(out)
	switch {
	case context.Cause(ctx) != nil:
		return string(text), context.Cause(ctx)
	case err != nil:
		return string(text), fmt.Errorf("run qemu: %w: %s", err, tail(messages))
	}
	return string(text), nil
}

// qemu returns the arguments of QEMU: software emulation, since hosts of tests seldom have nested KVM; the cached disk, unchanged; the story as second
// disk; the kernel's console and the script's output as serial lines 0 and 1.
func (v *VM) qemu(base, dir, console, out string) []string {
	return []string{
		"-accel", "tcg,thread=multi", "-cpu", "max", "-m", strconv.Itoa(v.Memory), "-smp", strconv.Itoa(v.CPUs),
		"-display", "none", "-monitor", "none", "-nic", "none",
		"-kernel", filepath.Join(base, "vmlinuz"), "-initrd", filepath.Join(base, "initrd"),
		"-append", "root=/dev/vda rw console=ttyS0 panic=-1 systemd.show_status=0 net.ifnames=0",
		"-drive", "format=raw,if=virtio,snapshot=on,file=" + filepath.Join(base, "disk.img"),
		"-drive", "format=raw,if=virtio,readonly=on,file=" + filepath.Join(dir, "story.tar"),
		"-serial", "file:" + console, "-serial", "file:" + out,
	}
}

// exitLine is the last line of vm-run.sh.
var exitLine = regexp.MustCompile(`(?m)^e2e: exit (\d+)\n`)

// story takes the lines of vm-run.sh out of a machine's output; the code is -1 if the machine never said one.
func story(out string) (text string, code int) {
	out = strings.ReplaceAll(out, "\r", "")
	code = -1
	if m := exitLine.FindStringSubmatch(out); m != nil {
		code, _ = strconv.Atoi(m[1])
	}
	var kept []string
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "e2e: ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, ""), code
}

// pack writes the second disk: a tar of what the test hands over.
func (v *VM) pack(t testing.TB, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatalf("pack the story: %v", err)
	}
	archive := tar.NewWriter(f)
	if v.Install {
		tree := t.TempDir()
		install(t, tree)
		err = errors.Join(err, addTree(archive, tree))
	}
	files := maps.Clone(v.Files)
	if files == nil {
		files = make(map[string]string)
	}
	files["/e2e/script"], files["/e2e/boots"] = v.Script, strconv.Itoa(v.Boots)+"\n"
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := files[name]
		header := &tar.Header{Name: strings.TrimPrefix(name, "/"), Mode: 0o644, Size: int64(len(text)), ModTime: time.Now()}
		err = errors.Join(err, archive.WriteHeader(header))
		_, writeErr := io.WriteString(archive, text)
		err = errors.Join(err, writeErr)
	}
	if err = errors.Join(err, archive.Close(), f.Close()); err != nil {
		t.Fatalf("pack the story: %v", err)
	}
}

// addTree adds the files below root as root's, without the directory itself: its mode is not the machine's.
func addTree(archive *tar.Writer, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		// Directories come into being with their files: the machine has its own, with their own modes.
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name = strings.TrimPrefix(path, root+"/")
		header.Uid, header.Gid, header.Uname, header.Gname = 0, 0, "", ""
		if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		_, err = archive.Write(text)
		return err
	})
}
