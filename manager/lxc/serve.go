package lxc

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// readyTimeout bounds how long a container may take to boot before the starter stops waiting for it; it then goes on, not ready.
const readyTimeout = 2 * time.Minute

// maxBooting bounds how many containers boot at the same time: more of them only take each other's processor, and each holds a socket of
// the starter, whose open descriptors liblxc counts through quadratically.
const maxBooting = 24

// Phase says how far a container of a batch is.
type Phase string

// The phases of an Event, in order. A container's last event is PhaseReady or PhaseFailed.
const (
	PhaseStarted Phase = "started" // runs, verified
	PhaseReady   Phase = "ready"   // has booted
	PhaseFailed  Phase = "failed"  // see Error; it runs if PhaseStarted came before
)

// Event is one line of what a batch starter says on its output, as JSON.
type Event struct {
	Name    string `json:"name"`
	Phase   Phase  `json:"phase"`
	Error   string `json:"error,omitempty"`
	Promise bool   `json:"promise,omitempty"` // the error is a broken promise
	Host    bool   `json:"host,omitempty"`    // the error is the host's: run 'sysctr host init'
}

// errEnded is the cause of a wait that was cut short because the container's init ended.
var errEnded = errors.New("the container ended while it booted")

// Await returns nil when the container is ready and has been recorded as such, and an error when it ends before, or does not boot in time.
// It gives up the notify socket.
func (st *Started) Await(ctx context.Context) error {
	if st.notify == nil {
		return nil
	}
	defer st.notify.close() // the socket file lies in a directory that the next sweep removes
	handle, err := st.Live.Init.Open()
	if err != nil {
		return errEnded
	}
	defer handle.Close()
	timed, stop := context.WithTimeout(ctx, readyTimeout)
	defer stop()
	booting, cancel := context.WithCancelCause(timed)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if handle.Wait(booting) == nil {
			cancel(errEnded)
		}
	}()
	err = st.notify.wait(booting, st.Live.Init.PID)
	cancel(nil)
	<-watched
	switch {
	case err == nil:
		st.Live.Ready = true
		return st.store.Save(st.name, st.Live)
	case errors.Is(context.Cause(booting), errEnded):
		return errEnded
	default:
		return fmt.Errorf("the container runs but has not booted after %v: %w", readyTimeout, err)
	}
}

// abandon gives up the notify socket of a start that failed.
func (st *Started) abandon() error {
	if st.notify == nil {
		return nil
	}
	return st.notify.close()
}

// Serve starts the containers whose names come in on r, one a line, with the given number of workers, and writes an Event for each step
// to w. It returns when r has ended and every container has got its last event. The writer of the names holds the locks, whose file this
// process inherits. When an event cannot be written w is closed, which tells the reader that no more come; the batch goes on.
func (s *Starter) Serve(ctx context.Context, r io.Reader, w io.WriteCloser, workers int) error {
	b := &batch{starter: s, output: w, events: json.NewEncoder(w), booting: make(chan struct{}, maxBooting)}
	names := make(chan string)
	var starting sync.WaitGroup
	for range workers {
		starting.Add(1)
		go func() {
			defer starting.Done()
			for name := range names {
				b.start(ctx, name)
			}
		}()
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		names <- lines.Text()
	}
	close(names)
	starting.Wait()
	b.waiting.Wait()
	return errors.Join(lines.Err(), b.err)
}

// batch is one run of Serve.
type batch struct {
	starter *Starter
	booting chan struct{}
	waiting sync.WaitGroup

	mu     sync.Mutex
	output io.Closer
	events *json.Encoder
	err    error // of the first event that could not be written; none comes after it
}

func (b *batch) start(ctx context.Context, name string) {
	b.booting <- struct{}{}
	started, err := b.starter.Start(ctx, name)
	if err != nil {
		<-b.booting
		b.failed(name, err)
		return
	}
	b.say(Event{Name: name, Phase: PhaseStarted})
	if started.notify == nil {
		<-b.booting
		b.say(Event{Name: name, Phase: PhaseReady})
		return
	}
	b.waiting.Add(1)
	go func() {
		defer b.waiting.Done()
		err := started.Await(ctx)
		<-b.booting
		if err != nil {
			b.failed(name, err)
			return
		}
		b.say(Event{Name: name, Phase: PhaseReady})
	}()
}

func (b *batch) failed(name string, err error) {
	b.say(Event{
		Name: name, Phase: PhaseFailed, Error: err.Error(),
		Promise: errors.Is(err, ErrPromise), Host: errors.Is(err, ErrNotPrepared),
	})
}

// say writes one event. Whoever listens may be gone; the batch goes on without. If not, it must not wait for ever for what was lost.
func (b *batch) say(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return
	}
	if b.err = b.events.Encode(e); b.err != nil {
		_ = b.output.Close() // the first error is the one to tell
	}
}
