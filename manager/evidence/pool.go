package evidence

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
)

const (
	defaultDeadline = 10 * time.Second
	reapDeadline    = time.Second // for a killed child to end; one that hangs in the kernel is left behind
)

// Look looks at every subject and returns a report for each, by name. What goes wrong makes a subject unknown, never the whole: a deadline,
// the end of ctx, children that cannot be run. binary is this program. It needs root, in the host's pid and mount namespaces.
func Look(ctx context.Context, binary string, subjects []Subject, changed []Changed, o Options) map[string]Report {
	if o.Deadline <= 0 {
		o.Deadline = defaultDeadline
	}
	if o.Parallel <= 0 {
		o.Parallel = runtime.NumCPU()
	}
	p := &pool{binary: binary, task: task{Root: o.Root, Changed: packChanged(changed)}, deadline: o.Deadline}
	next := make(chan Subject)
	reports := make(map[string]Report, len(subjects))
	var mu sync.Mutex
	var workers sync.WaitGroup
	for range min(o.Parallel, len(subjects)) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var c *child
			for s := range next {
				var report Report
				c, report = p.look(ctx, c, s)
				mu.Lock()
				reports[s.Name] = report
				mu.Unlock()
			}
			c.kill()
		}()
	}
	for _, s := range subjects {
		next <- s
	}
	close(next)
	workers.Wait()
	return reports
}

// pool is what all children have in common.
type pool struct {
	binary   string
	task     task
	deadline time.Duration
}

// look hands a subject to the child, or to a new one where there is none, and returns the child if it is good for another.
func (p *pool) look(ctx context.Context, c *child, s Subject) (*child, Report) {
	ctx, cancel := context.WithTimeout(ctx, p.deadline)
	defer cancel()
	report, err := Report{}, ctx.Err()
	if err == nil && c == nil {
		c, err = p.start(ctx)
	}
	if err == nil {
		report, err = c.ask(ctx, s)
	}
	if err == nil {
		return c, report
	}
	said := c.kill()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %v: something in it blocks whoever looks", p.deadline)
	case said != "":
		err = fmt.Errorf("%w: %s", err, said)
	}
	return nil, Report{Unknown: clip(err.Error())}
}

// child is one running child. A nil child is none.
type child struct {
	cmd     *exec.Cmd
	in, out *os.File
	lines   *bufio.Reader
	stderr  *os.File
}

func (p *pool) start(ctx context.Context) (c *child, err error) {
	c = &child{cmd: exec.Command(p.binary, Verb)} //nolint:noctx // killed by kill, which waits no longer than it should
	c.cmd.Env = []string{"GOMAXPROCS=1"}
	c.cmd.Dir = "/"
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var theirs [3]*os.File
	defer func() {
		for _, f := range theirs {
			_ = f.Close() // nil or the child's own now
		}
		if err != nil {
			c.kill()
			c, err = nil, fmt.Errorf("run the one that looks: %w", err)
		}
	}()
	var pipes [3]error
	theirs[0], c.in, pipes[0] = os.Pipe()
	c.out, theirs[1], pipes[1] = os.Pipe()
	c.stderr, theirs[2], pipes[2] = os.Pipe()
	if err := errors.Join(pipes[:]...); err != nil {
		return c, err
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	if err := c.cmd.Start(); err != nil {
		return c, err
	}
	c.lines = bufio.NewReaderSize(c.out, 64<<10)
	defer c.within(ctx)()
	return c, send(c.in, p.task)
}

// within ends what is read from and written to the child with ctx, until the function that it returns is called.
func (c *child) within(ctx context.Context) func() {
	stop := context.AfterFunc(ctx, func() {
		past := time.Unix(1, 0)
		_ = errors.Join(c.in.SetDeadline(past), c.out.SetDeadline(past)) // the child is killed next
	})
	return func() { stop() }
}

// ask has the child look at one subject.
func (c *child) ask(ctx context.Context, s Subject) (Report, error) {
	defer c.within(ctx)()
	if err := send(c.in, s); err != nil {
		return Report{}, err
	}
	var r Report
	if err := receive(c.lines, maxAnswer, &r); err != nil {
		return Report{}, fmt.Errorf("read the answer: %w", err)
	}
	return r, r.unpack()
}

// kill ends the child and returns what it said on standard error. One that hangs in the kernel (a FUSE server that has read a request and does
// not answer holds whoever asked, signals or not) cannot be waited for: it ends when the container does.
func (c *child) kill() string {
	if c == nil {
		return ""
	}
	said := ""
	if c.cmd.Process != nil {
		_ = c.cmd.Process.Kill() // fails only for one that has ended
		if c.ended() {
			_ = c.cmd.Wait() // killed, which is no news
			said = c.said()
		}
	}
	for _, f := range []*os.File{c.in, c.out, c.stderr} {
		_ = f.Close() // nothing is read or written any more
	}
	return said
}

// ended waits for a killed child, but not for ever.
func (c *child) ended() bool {
	process, err := alive.Look(c.cmd.Process.Pid)
	var handle *alive.Handle
	if err == nil {
		handle, err = process.Open()
	}
	if err != nil {
		return errors.Is(err, alive.ErrGone)
	}
	defer handle.Close()
	ctx, cancel := context.WithTimeout(context.Background(), reapDeadline)
	defer cancel()
	return handle.Wait(ctx) == nil
}

// said returns the last line of a few that an ended child wrote on standard error.
func (c *child) said() string {
	text := make([]byte, 4096)
	if err := c.stderr.SetReadDeadline(time.Now().Add(reapDeadline)); err != nil {
		return ""
	}
	n, _ := c.stderr.Read(text) // nothing is nothing said
	return string(text[:n])
}
