package evidence_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/evidence"
)

// TestHang has containers with a FUSE filesystem of which a lookup never ends. One server never reads the request; of the other one, which has read
// it, not even SIGKILL frees who asked.
func TestHang(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	base := newHost(t)
	mkdir(t, filepath.Join(base, "further"))
	write(t, filepath.Join(base, dir, "file"), "old", 0o644)
	asked := make(chan struct{})
	hung := []*container{newContainerWith(t, base, func(root string) { fuse(t, root+"/further", nil) }),
		newContainerWith(t, base, func(root string) { fuse(t, root+"/further", asked) })}
	good := newContainer(t, base)
	good.do("read", dir+"file")
	before := remember(t, base, dir+"file")
	replace(t, base, dir+"file", "new", 0o644)
	changed := before.changed(t)
	further := evidence.Host{Exists: true, Type: unix.S_IFREG, Dev: 1, Ino: 1} // as if it were a filesystem of its own on the host, too
	changed = append(changed, evidence.Changed{Path: "/further/file", Old: true, OldIno: 2, OldDev: 1, Now: further})
	subjects := []evidence.Subject{hung[0].subject, good.subject, hung[1].subject}
	for i, name := range []string{"unread", "good", "read"} {
		subjects[i].Name = name
	}
	began := time.Now()
	reports := evidence.Look(t.Context(), executable(t), subjects, changed, evidence.Options{Root: base, Parallel: 1, Deadline: 3 * time.Second}) // time for a child to begin on a busy machine
	t.Logf("two that hang and one that does not: %v", time.Since(began))
	select {
	case <-asked:
	default:
		t.Error("nobody has asked the filesystem that hangs")
	}
	for _, name := range []string{"unread", "read"} {
		if r := reports[name]; !strings.Contains(r.Unknown, "no answer within") || len(r.Findings) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	good.found(reports["good"], dir+"file", evidence.Answers)
	good.found(reports["good"], "/further/file", evidence.Missing)
}

// fuse mounts a FUSE filesystem that answers nothing; where asked is given it answers the first request, by which the kernel introduces itself,
// and reads the next one. See the kernel's include/uapi/linux/fuse.h.
func fuse(t *testing.T, at string, asked chan<- struct{}) {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		need.Missing(t, "needs /dev/fuse: "+err.Error())
	}
	must(t, unix.Mount("fuse", at, "fuse", 0, "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0"))
	device := os.NewFile(uintptr(fd), "fuse")
	done := make(chan error, 1)
	t.Cleanup(func() {
		_ = unix.Unmount(at, unix.MNT_FORCE|unix.MNT_DETACH) // aborts: who waits for an answer gets an error
		_ = device.Close()
		if err := <-done; err != nil {
			t.Errorf("serve FUSE: %v", err)
		}
	})
	go func() {
		if asked == nil {
			done <- nil
			return
		}
		done <- introduce(fd)
		if _, err := unix.Read(fd, make([]byte, 1<<17)); err == nil {
			close(asked)
		}
	}()
}

// introduce answers the kernel's first request.
func introduce(fd int) error {
	request := make([]byte, 1<<17)
	if n, err := unix.Read(fd, request); err != nil || n < 56 {
		return errors.Join(err, errors.New("no request to begin with"))
	}
	answer := make([]byte, 16+64) // fuse_out_header, fuse_init_out
	order := binary.NativeEndian
	order.PutUint32(answer, uint32(len(answer)))
	copy(answer[8:16], request[8:16]) // which request
	copy(answer[16:24], request[40:48])
	order.PutUint32(answer[16+20:], 4096) // max_write
	_, err := unix.Write(fd, answer)
	return err
}

func executable(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	return self
}

// TestUnknown looks at what cannot be looked at.
func TestUnknown(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	self, err := alive.Self()
	must(t, err)
	group := newGroup(t)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	broken := filepath.Join(t.TempDir(), "broken")
	write(t, broken, "#!/bin/sh\necho it is broken >&2\nexit 1\n", 0o755)
	silent := filepath.Join(t.TempDir(), "silent")
	write(t, silent, "#!/bin/sh\nexec sleep 1000\n", 0o755)
	lying := filepath.Join(t.TempDir(), "lying")
	write(t, lying, "#!/bin/sh\nread a; read b; echo '{\"Findings\":[{\"Kind\":\"fine\"}]}'; read c\n", 0o755)
	for _, test := range []struct {
		summary, binary string
		ctx             context.Context //nolint:containedctx // a case of a table
		subject         evidence.Subject
		want            string
	}{
		{summary: "no process", subject: evidence.Subject{Group: group}, want: "has ended"},
		{summary: "another process by now", subject: evidence.Subject{Init: alive.Process{PID: self.PID, Start: 1}, Group: group}, want: "has ended"},
		{summary: "the root is no overlay", subject: evidence.Subject{Init: self, Group: group}, want: "root of its first process"},
		{summary: "interrupted", ctx: ended, want: "canceled"},
		{summary: "no program", binary: "/no/such/program", want: "no such file"},
		{summary: "a broken program", binary: broken, want: "broken"},
		{summary: "one that says nothing", binary: silent, want: "no answer"},
		{summary: "one that says nonsense", binary: lying, want: "out of bounds|read the name"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			if test.ctx == nil {
				test.ctx = t.Context()
			}
			if test.binary == "" {
				test.binary = executable(t)
			}
			test.subject.Name = "web1"
			reports := evidence.Look(test.ctx, test.binary, []evidence.Subject{test.subject}, nil, evidence.Options{Deadline: 2 * time.Second})
			matched := false
			for want := range strings.SplitSeq(test.want, "|") {
				matched = matched || strings.Contains(reports["web1"].Unknown, want)
			}
			if !matched {
				t.Errorf("%+v, want unknown because of %q", reports, test.want)
			}
		})
	}
}
