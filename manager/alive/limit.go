package alive

import (
	"errors"
	"fmt"
	"io/fs"
)

// Setting is one limit of a group: what to write where, by version of cgroups.
type Setting struct {
	Controller string
	Legacy     []Value // of version 1
	Unified    []Value // of version 2
}

// Value is what to write into one file of a group. Optional says that a kernel may not have the file.
type Value struct {
	File, Text string
	Optional   bool
}

// Set writes a setting, at once and for all processes of the group. It returns ErrUnsupported where no mounted hierarchy has the controller,
// and the kernel's own error where the group cannot be limited so, such as EBUSY for memory that is in use (cgroups(7)). Of a setting with
// several values the first may have been written then.
func (t Tree) Set(s Setting) error {
	for _, b := range t.branches {
		if b.has(s.Controller) {
			return b.set(s.Legacy)
		}
	}
	if b := t.branches[0]; b.unified() && t.layout.Unified() {
		return b.set(s.Unified)
	}
	return fmt.Errorf("%w: %s", ErrUnsupported, s.Controller)
}

func (b branch) set(values []Value) error {
	for _, v := range values {
		err := b.write(v.File, v.Text)
		if v.Optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("set %s to %s: %w", v.File, v.Text, err)
		}
	}
	return nil
}
