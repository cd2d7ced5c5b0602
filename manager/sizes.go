package manager

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/record"
)

const (
	sizesFile    = "sizes.json"
	maxSizes     = 4 << 20 // bytes of it
	freshSize    = 30 * time.Second
	forgotten    = 24 * time.Hour
	sizesAtOnce  = 2
	sizePatience = 10 * time.Second
)

// Sizes are what deltas take on disk, as last measured. A delta can be so large that measuring it takes minutes, so nobody waits for it: what
// was measured is kept in the run directory, and the oldest figure is the next to be renewed. It is safe for concurrent use.
type Sizes struct {
	m *Manager

	mu    sync.Mutex
	known map[string]measured // by machine id: a name can be another container by now
}

// measured is one measurement. One that was given up has no bytes.
type measured struct {
	Bytes int64     `json:"bytes"`
	OK    bool      `json:"ok"`
	At    time.Time `json:"at"`
}

// Sizes reads what was measured before. A file that cannot be read is as good as none.
func (m *Manager) Sizes() *Sizes {
	s := &Sizes{m: m, known: map[string]measured{}}
	info, err := os.Lstat(s.file())
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSizes {
		return s
	}
	if text, err := os.ReadFile(s.file()); err == nil && json.Unmarshal(text, &s.known) != nil {
		s.known = map[string]measured{}
	}
	return s
}

func (s *Sizes) file() string { return filepath.Join(s.m.Dirs.Run, sizesFile) }

// Of returns the size of a container's delta in bytes, not OK as long as it is not known.
func (s *Sizes) Of(c Container) alive.Figure {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.known[c.Record.MachineID]
	if !k.OK {
		return alive.Figure{}
	}
	return alive.Figure{Value: uint64(k.Bytes), OK: true}
}

// Measure renews the figures that are not fresh, until all are or ctx ends, and keeps them. One delta gets a share of the time that is left.
func (s *Sizes) Measure(ctx context.Context, containers []Container) {
	due := s.due(containers, time.Now())
	work := make(chan Container)
	var workers sync.WaitGroup
	for range sizesAtOnce {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for c := range work {
				s.measure(ctx, c)
			}
		}()
	}
feed:
	for _, c := range due {
		select {
		case work <- c:
		case <-ctx.Done():
			break feed
		}
	}
	close(work)
	workers.Wait()
	if len(due) > 0 {
		s.save()
	}
}

// due returns the containers whose figure is not fresh, those without one and then the oldest first.
func (s *Sizes) due(containers []Container, now time.Time) []Container {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := func(c Container) time.Time { return s.known[c.Record.MachineID].At }
	var due []Container
	for _, c := range containers {
		if age := now.Sub(at(c)); c.Err == nil && (age < 0 || age >= freshSize) {
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b Container) int { return at(a).Compare(at(b)) })
	return due
}

// measure measures one delta. One that takes too long keeps its last figure and goes to the end of the queue; one that was given up because
// nobody waits any more keeps its place.
func (s *Sizes) measure(ctx context.Context, c Container) {
	patience := sizePatience
	if end, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(end)/4)
	}
	share, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	parts, err := s.m.DeltaUsage(share, c.Name)
	if err != nil && ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.known[c.Record.MachineID]
	now.At = time.Now()
	if err == nil {
		now.Bytes, now.OK = parts.Total().Disk, true
	}
	s.known[c.Record.MachineID] = now
}

// save keeps the figures, but not for ever those of containers that are gone. What cannot be kept is measured again.
func (s *Sizes) save() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, k := range s.known {
		if age := time.Since(k.At); age < 0 || age > forgotten {
			delete(s.known, id)
		}
	}
	if text, err := json.Marshal(s.known); err == nil {
		_ = record.WriteFile(s.file(), text, 0o600)
	}
}
