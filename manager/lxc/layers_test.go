package lxc_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestStartAfterInterrupted: a start that was interrupted while it made the delta leaves an upper with an owner and mode in which nobody could enter the
// container. The next start makes it anew.
func TestStartAfterInterrupted(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	h.newStarter(t)
	rec := h.create(t, "command")
	upper := filepath.Join(h.Dirs.Delta(rec.Name), "upper")
	if err := os.Mkdir(upper+".new", 0o700); err != nil {
		t.Fatal(err)
	}
	h.start(t, rec)
	var is, base unix.Stat_t
	if err := errors.Join(unix.Stat(upper, &is), unix.Stat("/", &base)); err != nil {
		t.Fatal(err)
	}
	if is.Mode != base.Mode || is.Uid != base.Uid+rec.Range.Start || is.Gid != base.Gid+rec.Range.Start {
		t.Errorf("the upper has mode %o and owner %d:%d; the base %o and %d:%d", is.Mode, is.Uid, is.Gid, base.Mode, base.Uid, base.Gid)
	}
	if _, err := os.Lstat(upper + ".new"); !os.IsNotExist(err) {
		t.Errorf("what the interrupted start left: %v", err)
	}
}
