package lxc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay/mount"
)

// StarterVerb is the hidden verb of sysctr under which Spawn runs it again as a starter: it makes a Starter and calls Serve on its standard
// input and output.
const StarterVerb = "_starter"

// LockDescriptor is where a spawned starter finds the lock file that it inherits: the locks of the command that spawned it hold until both
// have ended.
const LockDescriptor = 3

// Client is the caller's end of a batch starter. It is safe for concurrent use.
type Client struct {
	cmd    *exec.Cmd
	names  io.WriteCloser
	stderr *tail
	read   chan struct{} // closed when the starter's output has ended
	gone   chan struct{} // closed when it has ended, after which failed says how
	failed error

	mu      sync.Mutex
	waiting map[string]chan Event
	ended   bool
}

// Spawn runs binary again as a starter: in a session and a mount namespace of its own, with no environment but a PATH without newuidmap.
// The starter finishes what it was handed even when the caller dies. Close it.
func Spawn(binary string, d Dirs, locks *os.File) (*Client, error) {
	c := &Client{waiting: map[string]chan Event{}, read: make(chan struct{}), gone: make(chan struct{}), stderr: &tail{}}
	var err error
	if c.cmd, err = Isolated(binary, d, StarterVerb); err != nil {
		return nil, err
	}
	c.cmd.Stderr = c.stderr
	c.cmd.ExtraFiles = []*os.File{locks}
	names, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("run the starter: %w", err)
	}
	events, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("run the starter: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the starter: %w", err)
	}
	c.names = names
	go c.listen(events)
	return c, nil
}

// Isolated returns the command that runs binary again with a hidden verb, in a session and a mount namespace of its own and with nothing of
// our environment. It outlives its caller.
func Isolated(binary string, d Dirs, args ...string) (*exec.Cmd, error) {
	outer, err := mount.Outer()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, args...) //nolint:noctx // it outlives the caller on purpose
	cmd.Env = []string{"PATH=" + d.Path(), outer}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNS}
	return cmd, nil
}

// Start has the container started and returns when it is ready, or with started's help earlier: started, if not nil, is called when it runs.
// When ctx ends first, the start goes on in the starter and Start returns ctx's error.
func (c *Client) Start(ctx context.Context, name string, started func()) error {
	events, err := c.ask(name)
	if err != nil {
		return err
	}
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok:
				return c.died()
			case e.Phase == PhaseReady:
				return nil
			case e.Phase == PhaseFailed:
				return e.err()
			case started != nil:
				started()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close tells the starter that no more names come and waits until it has finished.
func (c *Client) Close() error {
	err := c.names.Close()
	<-c.read
	<-c.gone
	switch {
	case c.failed != nil:
		return fmt.Errorf("the starter failed: %w%s", c.failed, c.stderr)
	case errors.Is(err, os.ErrClosed): // it has ended before
		return nil
	}
	return err
}

func (c *Client) ask(name string) (<-chan Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return nil, c.died()
	}
	events := make(chan Event, 2) // a container has at most two events
	c.waiting[name] = events
	if _, err := io.WriteString(c.names, name+"\n"); err != nil {
		delete(c.waiting, name)
		return nil, c.died()
	}
	return events, nil
}

// listen hands each event to whoever waits for its container.
func (c *Client) listen(r io.Reader) {
	defer close(c.read)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		c.mu.Lock()
		if events, ok := c.waiting[e.Name]; ok {
			events <- e
			if e.Phase != PhaseStarted {
				delete(c.waiting, e.Name)
			}
		}
		c.mu.Unlock()
	}
	go func() {
		c.failed = c.cmd.Wait()
		close(c.gone)
	}()
	const lastWords = time.Second // one that lives on without an output has none
	select {
	case <-c.gone: // and all that it has said is there
	case <-time.After(lastWords):
	}
	c.end()
	_, _ = io.Copy(io.Discard, r) // after a line that no starter writes, it must not hang in the next
}

// end tells all who wait that no more events come.
func (c *Client) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, events := range c.waiting {
		close(events)
	}
}

func (c *Client) died() error {
	return fmt.Errorf("the starter ended before it was done; run the same command again%s", c.stderr)
}

func (e Event) err() error {
	switch {
	case e.Promise:
		return fmt.Errorf("%w%s", ErrPromise, strings.TrimPrefix(e.Error, ErrPromise.Error()))
	case e.Host:
		return fmt.Errorf("%w%s", ErrNotPrepared, strings.TrimPrefix(e.Error, ErrNotPrepared.Error()))
	default:
		return errors.New(e.Error)
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const most = 4096
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if len(t.text) > most {
		t.text = t.text[len(t.text)-most:]
	}
	return len(p), nil
}

// String is empty or ": " and the text.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if text := strings.TrimSpace(string(t.text)); text != "" {
		return ": " + text
	}
	return ""
}
