package alive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
)

// Freeze stops every process in the group and below from running, and returns when all stand still. It is idempotent. It returns ErrGroup if
// the caller is in the group, ErrUnsupported if nothing mounted can freeze, and ErrNotFrozen, with the error of ctx, if that ends first; the
// group is thawed again then.
func (t Tree) Freeze(ctx context.Context) error {
	if err := t.spareSelf(); err != nil {
		return err
	}
	f, err := t.freezer()
	if err != nil {
		return err
	}
	for pause := (backoff{}); ; {
		// Version 1 stops trying when a fork or a trace came in between; writing it again makes it go on.
		if err := f.write(f.freezeFile(), f.frozenWord()); err != nil {
			return err
		}
		frozen, err := f.frozen()
		if err != nil || frozen {
			return err
		}
		if err := pause.wait(ctx); err != nil {
			return errors.Join(fmt.Errorf("%w: %s: %w", ErrNotFrozen, f.where(), err), f.write(f.freezeFile(), f.thawedWord()))
		}
	}
}

// Thaw lets the processes of the group run again. What the container froze of itself below stays frozen. It is idempotent, and returns
// ErrUnsupported like Freeze.
func (t Tree) Thaw() error {
	f, err := t.freezer()
	if err != nil {
		return err
	}
	return f.write(f.freezeFile(), f.thawedWord())
}

// Frozen reports whether the whole group stands still. One that cannot be frozen, or does not exist, is not.
func (t Tree) Frozen() (bool, error) {
	f, err := t.freezer()
	if errors.Is(err, ErrUnsupported) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	frozen, err := f.frozen()
	if ignorable(err) {
		return false, nil
	}
	return frozen, err
}

// freezer returns the branch that freezes: version 1's controller if it is mounted, as liblxc does, else version 2.
func (t Tree) freezer() (branch, error) {
	for _, b := range t.branches {
		if b.has("freezer") {
			return b, nil
		}
	}
	if t.branches[0].unified() {
		return t.branches[0], nil
	}
	return branch{}, fmt.Errorf("%w: freezer", ErrUnsupported)
}

func (b branch) freezeFile() string {
	if b.unified() {
		return "cgroup.freeze"
	}
	return "freezer.state"
}

func (b branch) frozenWord() string {
	if b.unified() {
		return "1"
	}
	return "FROZEN"
}

func (b branch) thawedWord() string {
	if b.unified() {
		return "0"
	}
	return "THAWED"
}

func (b branch) frozen() (bool, error) {
	if b.unified() {
		value, err := b.event("frozen")
		return value == "1", err
	}
	value, err := b.read("freezer.state")
	return value == "FROZEN", err
}

// thawAll thaws the group and every group below, which a container may have frozen by itself.
func (t Tree) thawAll() error {
	for _, b := range t.branches {
		if !b.has("freezer") {
			continue // version 2 lets a frozen process be killed
		}
		err := b.each(func(dir *os.File) error {
			if err := writeAt(dir, "freezer.state", "THAWED"); err != nil && !ignorable(err) {
				return fmt.Errorf("thaw cgroup %s: %w", b.where(), err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// event returns one value of the group's cgroup.events, which only version 2 has; "" if it is not there.
func (b branch) event(name string) (string, error) {
	content, err := b.read("cgroup.events")
	return fieldOf(content, name), err
}

// read returns the text of a file of the branch's own group without the space around it.
func (b branch) read(name string) (string, error) {
	dir, err := b.open()
	if err != nil {
		return "", err
	}
	content, err := readAt(dir, name)
	if err = errors.Join(err, dir.Close()); err != nil {
		return "", fmt.Errorf("read %s: %w", path.Join(b.where(), name), err)
	}
	return string(bytes.TrimSpace(content)), nil
}

// fieldOf returns the value of a line "NAME VALUE"; "" if there is none.
func fieldOf(content, name string) string {
	for line := range strings.Lines(content) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
