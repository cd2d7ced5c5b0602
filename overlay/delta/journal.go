package delta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/beneath"
)

const (
	journalName   = "journal.json"
	journalFormat = 1
	maxJournal    = 8 << 20
)

// Journal is what one Reset takes, written before it takes anything. The part of Moves[n] becomes the entry called n (decimal) beside the
// journal.
type Journal struct {
	Format int       `json:"format"`
	Made   time.Time `json:"made"`
	Moves  []Move    `json:"moves"`
}

// Move is one part of a delta that a Reset takes.
type Move struct {
	Point string `json:"point"` // mount point of the host filesystem whose layer it is of
	// Path is relative to the upper; "." is the whole upper. In JSON it is base64: a name may have any bytes.
	Path []byte `json:"path"`
	// Inode tells the part from what a container may have made in its place since.
	Inode uint64 `json:"inode"`
}

// String is the path as the container names it.
func (m Move) String() string { return absolute(m.Point, string(m.Path)) }

// source is the path of the part in the delta.
func (m Move) source() string { return absolute(upper(m.Point), string(m.Path)) }

// Encode returns the journal as it is stored. The error wraps beneath.ErrTooLarge if it has too many parts.
func (j Journal) Encode() ([]byte, error) {
	text, err := json.MarshalIndent(j, "", " ")
	if err == nil && len(text) >= maxJournal {
		err = fmt.Errorf("%w: reset fewer paths at a time, or a directory above them", beneath.ErrTooLarge)
	}
	return append(text, '\n'), err
}

// ParseJournal reads a stored journal. Every part of what it returns is a clean path that stays in a delta. The error wraps ErrFormat for a
// format of another version and ErrDamaged for anything else.
func ParseJournal(text []byte) (Journal, error) {
	var head struct {
		Format int `json:"format"`
	}
	if len(text) > maxJournal {
		return Journal{}, fmt.Errorf("%w: the journal has more than %d bytes", ErrDamaged, maxJournal)
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return Journal{}, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if head.Format != journalFormat {
		return Journal{}, fmt.Errorf("%w (format %d)", ErrFormat, head.Format)
	}
	var j Journal
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&j); err != nil {
		return Journal{}, fmt.Errorf("%w: %v", ErrDamaged, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Journal{}, fmt.Errorf("%w: there is something behind the journal", ErrDamaged)
	}
	for _, m := range j.Moves {
		if err := m.check(); err != nil {
			return Journal{}, fmt.Errorf("%w: %v", ErrDamaged, err)
		}
	}
	return j, nil
}

func (m Move) check() error {
	if err := checkPath(m.Point); err != nil {
		return err
	}
	if name, isFurther := strings.CutPrefix(overlay.DeltaDir("", m.Point), "fs/"); isFurther {
		if point, err := pointOf(name); err != nil || point != m.Point {
			return fmt.Errorf("%q cannot be a mount point of a delta", m.Point)
		}
	}
	return beneath.Check(string(m.Path))
}

// checkPath returns an error that wraps ErrPath for what is no absolute, clean path or longer than any program can name.
func checkPath(p string) error {
	if !path.IsAbs(p) || path.Clean(p) != p || strings.IndexByte(p, 0) >= 0 || len(p) >= unix.PathMax {
		return fmt.Errorf("%w: %.200q", ErrPath, p)
	}
	return nil
}
