package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/profiles/name"
)

// What is said to the terminal, see console_codes(4): the other screen, so that the one before comes back, and no cursor.
const (
	screenOpen  = "\x1b[?1049h\x1b[?25l"
	screenClose = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	lineEnd     = "\x1b[K\r\n"
	screenRest  = "\x1b[J"
)

// live draws the table again and again until q, an interrupt or the end of ctx.
func (v *topView) live(ctx context.Context, in, out *os.File) (err error) {
	keys, restore, err := readKeys(in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore()) }()
	if _, err := out.WriteString(screenOpen); err != nil {
		return err
	}
	defer func() { _, closeErr := out.WriteString(screenClose); err = errors.Join(err, closeErr) }()
	ctx, cancel := context.WithCancel(ctx)
	measured := make(chan struct{})
	go func() { v.measure(ctx); close(measured) }()
	defer func() { cancel(); <-measured }()
	return v.loop(ctx, keys, out)
}

// measure renews the sizes of deltas until ctx ends.
func (v *topView) measure(ctx context.Context) {
	for ctx.Err() == nil {
		if found, _, err := v.look(ctx); err == nil {
			v.sizes.Measure(ctx, found)
		}
		select {
		case <-time.After(v.options.interval):
		case <-ctx.Done():
		}
	}
}

func (v *topView) loop(ctx context.Context, keys <-chan byte, out *os.File) error {
	tick := time.NewTicker(v.options.interval)
	defer tick.Stop()
	soon := time.NewTimer(topWindow) // the first rates
	defer soon.Stop()
	found, v1, err := v.look(ctx)
	if err != nil {
		return err
	}
	rows := v.rows(found, v1)
	for {
		if err := v.draw(rows, out); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case k := <-keys:
			if !v.press(k) {
				return nil
			}
			continue
		case <-soon.C:
		case <-tick.C:
		}
		found, now, err := v.look(ctx)
		if err != nil && !errors.Is(err, name.ErrNoMatch) { // that they are all gone can change again
			return err
		}
		rows = v.rows(found, now)
	}
}

// rows compares a sample with the one before and keeps it.
func (v *topView) rows(found []manager.Container, now manager.Sample) []figures {
	rows := figuresOf(found, v.before, now, v.sizes.Of)
	v.before = now
	return rows
}

// press does what a key asks for; false ends the view.
func (v *topView) press(key byte) bool {
	const interrupt, endOfText = 3, 4 // Ctrl-C and Ctrl-D: in raw mode they are only bytes
	switch key {
	case 'q', 'Q', interrupt, endOfText, 0:
		return false
	case 'c':
		v.options.sort = byCPU
	case 'm':
		v.options.sort = byMemory
	case 'p':
		v.options.sort = byPids
	case 'i':
		v.options.sort = byIO
	case 'd':
		v.options.sort = byDelta
	case 'n':
		v.options.sort = byName
	}
	return true
}

// draw writes one screen.
func (v *topView) draw(rows []figures, out *os.File) error {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	v.options.sort.sort(rows)
	_, err = out.WriteString(screen(rows, v.options.sort, time.Now(), width, height))
	return err
}

// screen is a head and as many rows as there is room for.
func screen(rows []figures, by order, now time.Time, width, height int) string {
	var table bytes.Buffer
	printer := output.New(output.Options{Stdout: &table, StdoutColumns: func() int { return width }})
	_ = output.List[figures]{Items: rows, Columns: figureColumns()}.Print(printer, output.FormatTable) // a buffer takes everything
	lines := append([]string{summary(rows, by, now)}, strings.Split(strings.TrimSuffix(table.String(), "\n"), "\n")...)
	var b strings.Builder
	b.WriteString(screenHome)
	for _, line := range lines[:min(len(lines), max(height-1, 1))] {
		b.WriteString(cut(line, width) + lineEnd)
	}
	b.WriteString(screenRest)
	return b.String()
}

// summary is the head of a screen.
func summary(rows []figures, by order, now time.Time) string {
	var running int
	var cpu float64
	var memory, pids int64
	for _, r := range rows {
		if r.State == "running" {
			running++
		}
		cpu += value(r.CPU)
		memory += value(r.Memory)
		pids += value(r.Pids)
	}
	return fmt.Sprintf("%s  %d containers, %d running  cpu %.0f%%  memory %s  pids %d  by %s  (q c m p i d n)",
		now.Format(time.TimeOnly), len(rows), running, cpu, output.Size(memory), pids, by)
}

func value[T any](p *T) T {
	var v T
	if p != nil {
		v = *p
	}
	return v
}

// cut keeps a line of plain text from wrapping.
func cut(line string, width int) string {
	if runes := []rune(line); len(runes) > width {
		return string(runes[:width])
	}
	return line
}

// readKeys puts a terminal into raw mode and hands on what is typed; at its end comes a 0. Without a terminal there are no keys. The goroutine
// may sit in its read for ever and ends with the process.
func readKeys(in *os.File) (<-chan byte, func() error, error) {
	fd := int(in.Fd())
	if !term.IsTerminal(fd) {
		return nil, func() error { return nil }, nil
	}
	old, err := term.MakeRaw(fd)
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", err)
	}
	keys := make(chan byte)
	go func() {
		for key := make([]byte, 1); ; {
			if n, err := in.Read(key); n == 0 || err != nil {
				key[0] = 0
			}
			keys <- key[0]
			if key[0] == 0 {
				return
			}
		}
	}()
	return keys, func() error { return term.Restore(fd, old) }, nil
}
