package delta_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/overlay/beneath"
	"github.com/sysctr/sysctr/overlay/delta"
)

// victim names the delta that a re-executed test binary resets with one fault.
const victim = "SYSCTR_TEST_VICTIM"

// beVictim is the process that TestEachCallKilledAndFailed interrupts.
func beVictim(t *testing.T, dir string) {
	t.Helper()
	runtime.LockOSThread() // strace counts the calls of each thread apart
	d := openDelta(t, dir)
	item, err := d.Reset(t.Context(), []string{"/etc", "/var"}, now())
	do(t, err)
	_, err = d.Purge(t.Context(), func(i delta.Item) bool { return i.ID == item.ID })
	do(t, err)
}

// changing is every call of a Reset and a Purge that changes something on disk.
func changing() []string {
	return []string{"mkdirat", "openat2", "write", "fchown", "fchmod", "fsync", "renameat", "renameat2", "unlinkat"}
}

// TestEachCallKilledAndFailed runs a Reset, and a Purge after it, and kills it at every system call that changes something, or has that call
// fail. Recover must lead to all or nothing, and keep whatever was not to be purged; a Reset that fails leaves nothing to recover.
func TestEachCallKilledAndFailed(t *testing.T) {
	if dir := os.Getenv(victim); dir != "" {
		beVictim(t, dir)
		return
	}
	strace := need.Command(t, "strace", "apt-get install strace")
	before := names(t, filled(t))
	total := 0
	for _, call := range changing() {
		points := 0
		for n := 1; ; n++ {
			dir := filled(t)
			if !inject(t, strace, dir, fmt.Sprintf("%s:signal=KILL:when=%d", call, n)) {
				break
			}
			points++
			recovered(t, fmt.Sprintf("%s %d, killed", call, n), dir, before)
			dir = filled(t)
			inject(t, strace, dir, fmt.Sprintf("%s:error=EIO:when=%d", call, n))
			if drafts, err := filepath.Glob(dir + "/trash/.new-*"); err != nil || len(drafts) > 0 {
				t.Errorf("%s %d, failed: not moved back: %q, %v", call, n, drafts, err)
			}
			recovered(t, fmt.Sprintf("%s %d, failed and recovered", call, n), dir, before)
		}
		t.Logf("%s: %d times killed, as often failed", call, points)
		if total += points; points == 0 {
			t.Errorf("%s is never called: take it off the list", call)
		}
	}
	t.Logf("%d points", 2*total)
}

// inject runs the victim on dir with one fault and reports whether it had an effect.
func inject(t *testing.T, strace, dir, fault string) bool {
	t.Helper()
	call, _, _ := strings.Cut(fault, ":")
	cmd := exec.Command(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+call, "-e", "inject="+fault, os.Args[0], "-test.run=^TestEachCallKilledAndFailed$")
	cmd.Env = append(os.Environ(), victim+"="+dir, "GORACE=atexit_sleep_ms=0")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", fault, err, out)
	}
	return err != nil
}

func recovered(t *testing.T, when, dir string, before []string) {
	t.Helper()
	d := openDelta(t, dir)
	for range 2 {
		do(t, d.Recover(t.Context()))
	}
	checkAllOrNothing(t, when, dir, before)
}

// checkAllOrNothing holds that the delta is as before, or without what was reset and with that in the trash or purged.
func checkAllOrNothing(t *testing.T, when, dir string, before []string) {
	t.Helper()
	var layers, trash []string
	for _, name := range names(t, dir) {
		if rel, isTrash := strings.CutPrefix(name, "trash/"); isTrash {
			trash = append(trash, rel)
		} else {
			layers = append(layers, name)
		}
	}
	var without []string
	for _, name := range before {
		if !strings.HasPrefix(name, "upper/etc/") && !strings.HasPrefix(name, "upper/var/") && !strings.HasPrefix(name, "fs/var%2Flib/upper/") {
			without = append(without, name)
		}
	}
	kept := len(trash) > 1 // the trash itself, and an item
	switch {
	case cmp.Equal(layers, before) && !kept:
	case cmp.Equal(layers, without) && !kept:
	case cmp.Equal(layers, without) && len(trash) == len(before)-len(without)+3: // itself, the item, its journal
	default:
		t.Errorf("%s:\nlayers %q\ntrash %q", when, layers, trash)
	}
}

// TestRecoverOfHalfAReset makes by hand each state that a crash can leave, and has the container make something new meanwhile.
func TestRecoverOfHalfAReset(t *testing.T) {
	for moved := range 4 {
		dir := filled(t)
		d := openDelta(t, dir)
		item, err := d.Reset(t.Context(), []string{"/etc/a", "/etc/b", "/var/x"}, now())
		do(t, err)
		draft := dir + "/trash/.new-" + item.ID
		all(t, os.Rename(dir+"/trash/"+item.ID, draft))
		for n, m := range item.Moves[moved:] {
			all(t, os.Rename(draft+"/"+strconv.Itoa(moved+n), dir+"/upper/"+string(m.Path)))
		}
		if items, err := d.Trash(); err != nil || len(items) != 0 {
			t.Errorf("an unfinished item is in the trash: %+v, %v", items, err)
		}
		if moved > 0 {
			put(t, dir+"/upper/etc/a", "made since")
		}
		do(t, d.Recover(t.Context()))
		items, err := d.Trash()
		if err != nil || len(items) != 1 || items[0].ID != item.ID {
			t.Errorf("after %d moves: %+v, %v", moved, items, err)
		}
		for n := range item.Moves {
			if _, err := os.Lstat(fmt.Sprintf("%s/trash/%s/%d", dir, item.ID, n)); err != nil {
				t.Errorf("after %d moves: %v", moved, err)
			}
		}
		if content, err := os.ReadFile(dir + "/upper/etc/a"); moved > 0 && (err != nil || string(content) != "made since") {
			t.Errorf("what was made since is gone: %q, %v", content, err)
		}
	}
}

// TestRecoverLeavesWhatItDoesNotKnow holds that nothing is removed or moved by guess.
func TestRecoverLeavesWhatItDoesNotKnow(t *testing.T) {
	for _, test := range []struct {
		summary string
		make    func(draft string)
		want    error
	}{
		{"a draft with nothing", func(string) {}, nil},
		{"a draft with a part of a journal", func(draft string) { put(t, draft+"/"+beneath.TempPrefix+"x", "{") }, nil},
		{"no journal and a part", func(draft string) { put(t, draft+"/0/x", "") }, delta.ErrDamaged},
		{"an empty journal", func(draft string) { put(t, draft+"/journal.json", "") }, delta.ErrDamaged},
		{"a journal of tomorrow", func(draft string) { put(t, draft+"/journal.json", `{"format":2,"news":true}`) }, delta.ErrFormat},
		{"a journal that leads out", func(draft string) {
			put(t, draft+"/journal.json", `{"format":1,"moves":[{"point":"/","path":"Li4vLi4vZXRj","inode":1}]}`)
		}, delta.ErrDamaged},
		{"a fifo for a journal", func(draft string) { all(t, unix.Mkfifo(draft+"/journal.json", 0o600)) }, beneath.ErrNotRegular},
	} {
		dir := filled(t)
		all(t, os.MkdirAll(dir+"/trash/.new-x", 0o700))
		test.make(dir + "/trash/.new-x")
		before := names(t, dir)
		d := openDelta(t, dir)
		err := d.Recover(t.Context())
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.summary, err, test.want)
		}
		left := len(names(t, dir+"/trash"))
		if test.want == nil && left != 0 || test.want != nil && !cmp.Equal(before, names(t, dir)) {
			t.Errorf("%s: %q is left", test.summary, names(t, dir))
		}
	}
}
