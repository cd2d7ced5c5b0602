package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/cmd/transfer"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

type copyOptions struct {
	targeting
	archive  bool
	limit    int64
	parallel int
	dryRun   bool
}

func (a *app) cpCommand() *cobra.Command {
	var o copyOptions
	c := &cobra.Command{
		Use: "cp SRC DST", Short: "Copy files into or out of containers", Args: cobra.ExactArgs(2),
		Long: `Copies a file or a directory. One of SRC and DST is TARGET:/path in a container, the other a path of
the host; what begins with / or . is always the host's. Into several containers is possible, out of
one only. What exists as a directory gets the copy inside, under its own name (dir/. means what is
in it). The container must run: its end is cp's own tar inside, with no more rights than it has.

With - for the host's path, a file is its bytes and a directory is a tar archive: an archive from
the standard input is unpacked into an existing directory.

Copies belong to root, on the host without setuid; --archive keeps owners by number, all modes and
times, and devices never come out. An archive from a container that tries to leave DST is refused.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitPartial, output.ExitNoMatch, output.ExitInterrupted),
		Example: "  sysctr cp ./index.html @web:/srv/www/\n  sysctr cp web7:/var/log/nginx ./logs\n" +
			"  sysctr cp web7:/etc/hosts -\n  sysctr cp web1:/srv/www - | sysctr cp - web2:/srv/www",
		RunE: func(c *cobra.Command, args []string) error { return a.cp(c.Context(), args[0], args[1], &o) },
	}
	o.flag(c)
	f := c.Flags()
	f.BoolVarP(&o.archive, "archive", "a", false, "keep owners by number, all mode bits and times")
	f.Int64Var(&o.limit, "limit", transfer.DefaultBytes, "the most bytes that may come out of a container")
	f.IntVar(&o.parallel, "parallel", concurrency(), "how many containers at a time")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be done, and do nothing")
	return c
}

// place is one end of a copy.
type place struct {
	targets string // empty for the host
	path    string // in a container absolute; on the host "-" is a standard stream
}

// parsePlace tells a path in a container from one of the host.
func parsePlace(text string) (place, error) {
	at := strings.Index(text, ":/")
	switch {
	case text == "":
		return place{}, errors.New("a path is empty")
	case strings.ContainsRune(text, 0) || len(text) > 8192:
		return place{}, errors.New("a path has a NUL or is too long")
	case strings.HasPrefix(text, "/") || strings.HasPrefix(text, "."):
		return place{path: text}, nil
	case at > 0:
		return place{targets: text[:at], path: text[at+1:]}, nil
	case strings.Contains(text, ":"):
		return place{}, fmt.Errorf("%q is neither: a path in a container is absolute (web7:/path), one of the host begins with ./", text)
	default:
		return place{path: text}, nil
	}
}

func (a *app) cp(ctx context.Context, src, dst string, o *copyOptions) error {
	from, fromErr := parsePlace(src)
	to, toErr := parsePlace(dst)
	if err := errors.Join(fromErr, toErr); err != nil {
		return usage(err)
	}
	switch {
	case from.targets == "" && to.targets == "":
		return usage(errors.New("neither end is in a container: write TARGET:/path"))
	case from.targets != "" && to.targets != "":
		return usage(errors.New("both ends are in containers; copy through a pipe: sysctr cp a:/x - | sysctr cp - b:/y"))
	case o.limit <= 0:
		return usage(fmt.Errorf("--limit is %d; it is a number of bytes", o.limit))
	}
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w, names, err := o.choose(ctx, m, []string{from.targets + to.targets})
	if err != nil {
		return err
	}
	job := copying{a: a, copyOptions: o, m: m, world: w, from: from.path, to: to.path}
	if from.targets != "" {
		return job.out(ctx, names)
	}
	return job.intoAll(ctx, names)
}

// copying is one run of the verb.
type copying struct {
	*copyOptions
	a        *app
	m        *manager.Manager
	world    manager.World
	from, to string
}

// options are those of the host's end.
func (c copying) options() transfer.Options {
	return transfer.Options{Archive: c.archive, Bytes: c.limit}
}

// inside runs a script in a container with words as its arguments. What it says on standard error is the reason of its failure.
func (c copying) inside(ctx context.Context, container, script string, words []string, in io.Reader, out io.Writer) error {
	if found, _ := c.world.Find(container); found.Status.State != record.Running {
		return fmt.Errorf("%w: it is %s", lxc.ErrNotRunning, found.Status.State)
	}
	complaint := &head{left: 2048}
	attach := lxc.Attach{Name: container, Argv: append([]string{"/bin/sh", "-c", script, "cp"}, words...)}
	status, err := c.m.Exec(ctx, attach, lxc.Streams{In: in, Out: out, Err: complaint})
	if err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("cp inside ended with status %d: %s", status, orNothing(complaint.String()))
	}
	return nil
}

func orNothing(text string) string {
	if text = strings.TrimSpace(text); text == "" {
		return "it said nothing"
	}
	return text
}

// head keeps the beginning of what is written to it. It is safe for concurrent use.
type head struct {
	mu   sync.Mutex
	left int
	text strings.Builder
}

// Write takes everything.
func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(h.left, len(b))
	h.left -= n
	h.text.Write(b[:n])
	return len(b), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.String()
}

// skipped tells what was left out.
func (c copying) skipped(container string, r transfer.Report) {
	if r.Skipped > 0 {
		c.a.printer.Warn("%s: left out %d that are neither file, directory nor link, such as %s", container, r.Skipped, output.Compact(r.Some))
	}
}

// outcome is the result for one container.
func (c copying) outcome(container string, err error) manager.Outcome {
	found, _ := c.world.Find(container)
	return manager.Outcome{
		Step: manager.Step{Name: container, Action: "copy", Err: err}, Changed: err == nil, Status: found.Status,
	}
}
