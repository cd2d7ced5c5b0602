package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/transfer"
	"github.com/sysctr/sysctr/manager"
)

// outScript says in one line what $1 is, and then tars it: a file alone, of a directory what is in it. A path that ends in a link is what the
// link means.
const outScript = `p=$1
if [ -d "$p" ]; then echo directory; exec tar -c --numeric-owner -f - -C "$p" .; fi
if [ ! -e "$p" ]; then echo "there is no $p" >&2; exit 1; fi
if [ ! -f "$p" ]; then echo "$p is neither a file nor a directory" >&2; exit 1; fi
echo file; exec tar -c -h --numeric-owner -f - -C "${p%/*}/" -- "./${p##*/}"`

// out copies out of one container.
func (c copying) out(ctx context.Context, names []string) error {
	if len(names) != 1 {
		return usage(fmt.Errorf("copies come out of one container, and these are %d", len(names)))
	}
	if c.dryRun {
		return c.a.result([]manager.Outcome{c.outcome(names[0], nil)}, true, nil)
	}
	err := c.fetch(ctx, names[0])
	if c.to == "-" { // the result is what was copied
		return err
	}
	return c.a.result([]manager.Outcome{c.outcome(names[0], err)}, false, nil)
}

// afterwards is how long, and how much, the container's end may go on after the end of the archive: GNU tar fills up its last record with zeros.
const (
	afterwards      = 5 * time.Second
	afterwardsBytes = 1 << 20
)

// fetch runs the container's end and takes what it sends.
func (c copying) fetch(ctx context.Context, container string) error {
	refused, endless := errors.New("refused"), errors.New("the container's end goes on after the end of the archive")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	read, write := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := c.inside(ctx, container, outScript, []string{c.from}, nil, write)
		_ = write.Close() // never fails
		ended <- err
	}()
	in := bufio.NewReader(read)
	err := c.take(container, in)
	if err != nil {
		cancel(refused)
	} else {
		timer := time.AfterFunc(afterwards, func() { cancel(endless) })
		defer timer.Stop()
		if n, _ := io.CopyN(io.Discard, in, afterwardsBytes); n == afterwardsBytes {
			cancel(endless)
		}
	}
	_ = read.Close() // never fails
	insideErr := <-ended
	switch {
	case errors.Is(insideErr, refused):
		return err
	case insideErr != nil && errors.Is(err, io.ErrUnexpectedEOF):
		return insideErr // nothing, or half of it, has come, and this is why
	default:
		return errors.Join(err, insideErr)
	}
}

// take reads what the container sends. It is hostile.
func (c copying) take(container string, in *bufio.Reader) error {
	kind, err := in.ReadSlice('\n') // at most its 4096 bytes
	if err != nil {
		return io.ErrUnexpectedEOF
	}
	switch strings.TrimSpace(string(kind)) {
	case "file":
		return c.takeFile(in)
	case "directory":
		return c.takeDirectory(container, in)
	default:
		return fmt.Errorf("%w: the container's end does not say what it sends", transfer.ErrUnsafe)
	}
}

func (c copying) takeFile(in io.Reader) error {
	if c.to == "-" {
		return transfer.Content(c.a.printer.Out(), in, c.options())
	}
	dir, name := filepath.Split(c.to)
	if info, err := os.Stat(c.to); err == nil && info.IsDir() {
		dir, name = c.to, path.Base(c.from)
	}
	if name == "" {
		return fmt.Errorf("%s is not a directory; make it first", c.to)
	}
	at, err := os.OpenRoot(orHere(dir))
	if err != nil {
		return err
	}
	defer at.Close()
	_, err = transfer.UnpackFile(at, name, in, c.options())
	return err
}

func (c copying) takeDirectory(container string, in io.Reader) error {
	if c.to == "-" {
		if term.IsTerminal(int(os.Stdout.Fd())) {
			return errors.New("it is a directory, and its archive is nothing for a terminal; write it into a file or a pipe")
		}
		return transfer.Raw(c.a.printer.Out(), in, c.options())
	}
	top := c.to
	if info, err := os.Stat(top); err == nil && info.IsDir() && nameOf(c.from) != "" {
		top = filepath.Join(top, nameOf(c.from))
	}
	if err := os.Mkdir(top, 0o777); err != nil && !errors.Is(err, fs.ErrExist) { // less the umask, as mkdir(1)
		return err
	}
	at, err := os.OpenRoot(top)
	if err != nil {
		return err
	}
	defer at.Close()
	report, err := transfer.Unpack(at, in, c.options())
	c.skipped(container, report)
	return err
}

func orHere(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}
