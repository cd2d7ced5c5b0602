package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/transfer"
	"github.com/sysctr/sysctr/manager"
)

// The scripts run in the container, as its root and on its own files; all that they are told are arguments.
const (
	// $1 where to, $2 the file's name, $3 its mode, $4 its owner or nothing
	fileScript = `to=$1
case $to in */) [ -d "$to" ] || { echo "$to is not a directory" >&2; exit 1; } ;; esac
if [ -d "$to" ]; then to=${to%/}/$2; fi
if [ -d "$to" ]; then echo "$to is a directory" >&2; exit 1; fi
new=; [ -e "$to" ] || new=1
cat >"$to" || exit 1
if [ -n "$4" ]; then chown -- "$4" "$to" || exit 1; fi
if [ -n "$new$4" ]; then chmod -- "$3" "$to"; fi`

	// $1 where to, $2 the directory's name or nothing for what is in it, $3 its mode, $4 its owner or nothing, then options of tar
	directoryScript = `to=$1 mode=$3 owner=$4
if [ -d "$to" ] && [ -n "$2" ]; then to=${to%/}/$2; fi
shift 4
if [ ! -d "$to" ]; then
	mkdir -m "$mode" -- "$to" || exit 1
	if [ -n "$owner" ]; then chown -- "$owner" "$to" && chmod -- "$mode" "$to" || exit 1; fi
fi
exec tar -x -f - -C "$to" "$@"`

	// $1 where to, then options of tar
	streamScript = `to=$1; shift
if [ -d "$to" ]; then exec tar -x -f - -C "$to" "$@"; fi
case $to in */) echo "$to is not a directory" >&2; exit 1 ;; esac
cat >"$to"`
)

// tarOptions are those of GNU tar inside.
func (c copying) tarOptions() []string {
	if c.archive {
		return []string{"--same-owner", "--numeric-owner", "--same-permissions"}
	}
	return []string{"--no-same-owner", "--no-same-permissions"}
}

// intoAll copies into containers, a few at a time.
func (c copying) intoAll(ctx context.Context, names []string) error {
	if c.from == "-" && len(names) > 1 {
		return usage(fmt.Errorf("the standard input can be read once, and these are %d containers", len(names)))
	}
	if c.from != "-" {
		if _, err := os.Stat(c.from); err != nil {
			return usage(err)
		}
	}
	outcomes := make([]manager.Outcome, len(names))
	tokens := make(chan struct{}, max(1, c.parallel))
	var running sync.WaitGroup
	for i, n := range names {
		tokens <- struct{}{}
		running.Add(1)
		go func() {
			defer running.Done()
			var err error
			if !c.dryRun {
				err = c.into(ctx, n)
			}
			outcomes[i] = c.outcome(n, err)
			<-tokens
		}()
	}
	running.Wait()
	return c.a.result(outcomes, c.dryRun, nil)
}

// into copies into one container.
func (c copying) into(ctx context.Context, container string) error {
	if c.from == "-" {
		return c.inside(ctx, container, streamScript, append([]string{c.to}, c.tarOptions()...), os.Stdin, io.Discard)
	}
	f, err := os.OpenFile(c.from, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	mode, owner := c.access(info)
	switch {
	case info.Mode().IsRegular():
		return c.inside(ctx, container, fileScript, []string{c.to, filepath.Base(c.from), mode, owner}, f, io.Discard)
	case info.IsDir():
		return c.directory(ctx, container, append([]string{c.to, nameOf(c.from), mode, owner}, c.tarOptions()...))
	default:
		return errors.New(c.from + " is neither a file nor a directory")
	}
}

// nameOf is the name under which a directory arrives; none for one that ends in a dot, of which only the content is meant.
func nameOf(dir string) string {
	if last := filepath.Base(dir); last != ".." && last != "/" && last != "." && !endsInDot(dir) {
		return last
	}
	return ""
}

func endsInDot(dir string) bool {
	return dir == "." || len(dir) > 1 && (dir[len(dir)-2:] == "/." || len(dir) > 2 && dir[len(dir)-3:] == "/./")
}

// access is the mode of a copy as chmod(1) takes it, and the owner as chown(1) does where that is kept.
func (c copying) access(info fs.FileInfo) (mode, owner string) {
	mode = strconv.FormatUint(uint64(info.Mode().Perm()), 8)
	var st unix.Stat_t
	if c.archive && unix.Stat(c.from, &st) == nil {
		mode = strconv.FormatUint(uint64(st.Mode&0o7777), 8)
		owner = fmt.Sprintf("%d:%d", st.Uid, st.Gid)
	}
	return mode, owner
}

// directory packs on the host what tar inside unpacks.
func (c copying) directory(ctx context.Context, container string, words []string) error {
	top, err := os.OpenRoot(c.from)
	if err != nil {
		return err
	}
	defer top.Close()
	read, write := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		report, err := transfer.Pack(write, top, c.options())
		c.skipped(container, report)
		_ = write.CloseWithError(err) // never fails
		packed <- err
	}()
	err = c.inside(ctx, container, directoryScript, words, read, io.Discard)
	gone := errors.New("the container's end has ended")
	_ = read.CloseWithError(gone) // never fails
	if packErr := <-packed; packErr != nil && !errors.Is(packErr, gone) {
		err = errors.Join(packErr, err)
	}
	return err
}
