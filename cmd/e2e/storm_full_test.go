package e2e_test

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestStormFull fills the filesystem of the deltas from inside, by blocks and by inodes: the container can still be entered, stopped, started and
// cleaned, and others do not notice.
func TestStormFull(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	for _, test := range []struct {
		summary, fill string
		options       []string // of mkfs.ext4
	}{
		{"blocks", "head -c 1G /dev/zero >/var/hog || true; for i in 1 2 3 4 5 6 7 8; do head -c 1M /dev/zero >/var/hog$i || true; done", nil},
		{"inodes", "i=0; while : >/var/hog$i; do i=$((i+1)); done 2>/dev/null || true", []string{"-N", "1024"}},
	} {
		t.Run(test.summary, func(t *testing.T) {
			l.ownDisk(t, 64*mebibyte, test.options...)
			l.must(t, "create", l.name("full"), l.name("calm"), "--start")
			l.must(t, "create", l.name("new"))
			l.sh(t, "calm", "echo mine >/var/kept")
			r := l.try(t, "full", test.fill)
			if got := l.try(t, "full", "mkdir -p /var/more/and/more && head -c 64K /dev/zero >/var/more/and/more/x"); got.Code == 0 {
				t.Fatalf("it is not full: %+v after %+v", room(t), r)
			}
			l.full(t)
			l.sh(t, "full", "rm -rf /var/hog* /var/more")
			l.sh(t, "full", "echo room >/var/room")
			l.must(t, "restart", l.name("full"), l.name("calm"))
			if got := l.sh(t, "full", "cat /var/room"); got != "room" {
				t.Errorf("cleaned it has %q", got)
			}
			// The reserve is there again: the same once more.
			l.try(t, "full", test.fill)
			l.full(t)
		})
	}
}

// full proves what can be done while the filesystem is full.
func (l *local) full(t *testing.T) {
	t.Helper()
	for range 3 {
		for _, args := range [][]string{{"restart"}, {"kill"}, {"start"}, {"stop"}, {"start"}} {
			l.must(t, append(args, l.name("full"))...)
		}
		if c := l.look(t, "full"); c.State != "running" || !c.Ready {
			t.Errorf("over a full disk it is %+v", c)
		}
	}
	l.sh(t, "full", "test -e /var/hog1 && ls / >/dev/null && systemctl is-active dbus.service")
	l.must(t, "restart", l.name("calm"))
	if got := l.sh(t, "calm", "cat /var/kept"); got != "mine" {
		t.Errorf("another one has %q", got)
	}
	l.must(t, "start", l.name("new"))
	l.must(t, "stop", l.name("new"))
	r := l.run(t, "create", l.name("more"))
	if r.Code == 0 {
		l.must(t, "destroy", l.name("more"), "--yes")
	} else if !strings.Contains(r.Stderr, "no space left") && !strings.Contains(r.Stderr, "too full") {
		t.Errorf("create over a full disk: %+v", r)
	}
}

// room is what the filesystem of the containers has left.
func room(t *testing.T) (left struct{ blocks, inodes uint64 }) {
	t.Helper()
	var fs unix.Statfs_t
	if err := unix.Statfs(stateDir, &fs); err != nil {
		t.Fatal(err)
	}
	left.blocks, left.inodes = fs.Bfree, fs.Ffree
	return left
}
