package output

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/sysctr/sysctr/profiles/name"
)

// How much output Fold keeps, in bytes: of one container, and of all together where FoldLimits does not say otherwise.
const (
	FoldEach  = 1 << 20
	FoldTotal = 64 << 20
)

// FoldLimits bound the memory of a Fold, in bytes. Zero values mean FoldEach and FoldTotal.
type FoldLimits struct{ Each, Total int }

// Fold collects the output of one command in many containers and prints identical output once, under the names it came from. What is
// beyond the limits is dropped with a note, but still compared: two outputs are identical if every byte and the exit status are. It is
// safe for concurrent use.
type Fold struct {
	limits FoldLimits

	mu     sync.Mutex
	kept   int // bytes in all buffers
	open   map[string]*foldOutput
	blocks map[foldKey]*foldBlock
}

// foldOutput is the output of a container whose command still runs.
type foldOutput struct {
	kept  []byte
	total int64
	sum   hash.Hash
}

// foldKey is what makes two outputs identical; ended is false for a command of which no end was told.
type foldKey struct {
	sum    [sha256.Size]byte
	status int
	ended  bool
}

// foldBlock is the output of all containers with the same key.
type foldBlock struct {
	names []string
	kept  []byte
	total int64
}

// NewFold returns an empty Fold.
func NewFold(l FoldLimits) *Fold {
	if l.Each <= 0 {
		l.Each = FoldEach
	}
	if l.Total <= 0 {
		l.Total = FoldTotal
	}
	return &Fold{limits: l, open: map[string]*foldOutput{}, blocks: map[foldKey]*foldBlock{}}
}

// Writer returns where the output of the container goes; several writers of one name share one output, in the order of their writes.
// Writing never fails.
func (f *Fold) Writer(container string) io.Writer {
	return foldWriter{fold: f, name: container}
}

type foldWriter struct {
	fold *Fold
	name string
}

// Write keeps as much of b as the limits allow.
func (w foldWriter) Write(b []byte) (int, error) {
	f := w.fold
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.output(w.name)
	o.total += int64(len(b))
	o.sum.Write(b)
	// What follows a gap would look as if it belonged there.
	if o.total-int64(len(b)) > int64(len(o.kept)) {
		return len(b), nil
	}
	room := max(min(f.limits.Each-len(o.kept), f.limits.Total-f.kept), 0)
	kept := b[:min(room, len(b))]
	o.kept = append(o.kept, kept...)
	f.kept += len(kept)
	return len(b), nil
}

// output returns what is collected of a container. The lock is held.
func (f *Fold) output(container string) *foldOutput {
	o := f.open[container]
	if o == nil {
		o = &foldOutput{sum: sha256.New()}
		f.open[container] = o
	}
	return o
}

// End tells the exit status of the container's command. Nothing is written for it afterwards.
func (f *Fold) End(container string, status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settle(container, status, true)
}

// settle puts an output to the identical ones and frees what is kept twice. The lock is held.
func (f *Fold) settle(container string, status int, ended bool) {
	o := f.output(container)
	delete(f.open, container)
	key := foldKey{status: status, ended: ended}
	o.sum.Sum(key.sum[:0])
	b := f.blocks[key]
	if b == nil {
		f.blocks[key] = &foldBlock{names: []string{container}, kept: o.kept, total: o.total}
		return
	}
	b.names = append(b.names, container)
	if len(o.kept) > len(b.kept) {
		b.kept, o.kept = o.kept, b.kept
	}
	f.kept -= len(o.kept)
}

// Print writes one block for each distinct output, in the natural order of the first names, and empties the Fold. A block is a line with
// the names and, below, the output indented by two blanks, so that no output can look like such a line. Containers without End are
// shown as not ended.
func (f *Fold) Print(to *Stream) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for container := range f.open {
		f.settle(container, 0, false)
	}
	keys := make([]foldKey, 0, len(f.blocks))
	for key, b := range f.blocks {
		slices.SortFunc(b.names, name.Compare)
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b foldKey) int {
		return name.Compare(f.blocks[a].names[0], f.blocks[b].names[0])
	})
	for _, key := range keys {
		if _, err := to.Write(f.blocks[key].text(key, to.Terminal())); err != nil {
			return fmt.Errorf("write the output of %s: %w", Compact(f.blocks[key].names), err)
		}
	}
	clear(f.blocks)
	f.kept = 0
	return nil
}

// text returns the block as it is printed.
func (b *foldBlock) text(key foldKey, terminal bool) []byte {
	out := []byte(b.heading(key) + "\n")
	lines := bytes.Split(b.kept, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	for _, line := range lines {
		out = append(out, "  "...)
		out = append(out, shown(line, terminal)...)
		out = append(out, '\n')
	}
	return out
}

// heading returns the first line: the names, how many they are, how the command ended.
func (b *foldBlock) heading(key foldKey) string {
	var notes []string
	if len(b.names) > 1 {
		notes = append(notes, fmt.Sprintf("%d containers", len(b.names)))
	}
	switch {
	case !key.ended:
		notes = append(notes, "not ended")
	case key.status != 0:
		notes = append(notes, fmt.Sprintf("status %d", key.status))
	}
	kept := int64(len(b.kept))
	switch {
	case b.total == 0:
		notes = append(notes, "no output")
	case kept < b.total:
		notes = append(notes, fmt.Sprintf("only the first %s of %s kept", Size(kept), Size(b.total)))
	}
	head := Clean(Compact(b.names))
	if len(notes) > 0 {
		head += " (" + strings.Join(notes, ", ") + ")"
	}
	return head + ":"
}
