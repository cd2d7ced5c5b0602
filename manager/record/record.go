package record

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// Format is the format of records that this version writes and the only one it reads.
const Format = 1

// MaxSize bounds a record file, in bytes.
const MaxSize = 1 << 20

// Record is what is stored of one container. It says all that is needed to start it; what it is doing now is in Live.
type Record struct {
	// Format is the version of this very structure, see the constant of that name.
	Format int `json:"format"`
	// Name is also that of the directory the record lies in.
	Name string `json:"name"`
	// ID is 128 random bits in hexadecimal. It tells a container from a later one of the same name.
	ID string `json:"id"`
	// MachineID is what the container has as /etc/machine-id (machine-id(5)), 32 hexadecimal digits.
	MachineID string `json:"machine_id"`
	// Created is in UTC and whole seconds.
	Created time.Time `json:"created"`
	// Range is the host's ids that the container's are mapped to; zero where nothing is mapped (isolation privileged).
	Range idrange.Range `json:"range,omitzero"`
	// Born is the number of the newest generation of the host when the container was made, 0 if there was none: what changed on the host
	// since then may be hidden by its delta.
	Born int `json:"born,omitempty"`
	// Network are the container's places in the managed network, by what network.Claim calls them.
	Network map[string]int `json:"network,omitempty"`
	Spec    profiles.Spec  `json:"spec"`
}

// New returns the record of a container that is to be made now, with fresh random ids.
func New(name string, spec profiles.Spec, r idrange.Range, now time.Time) Record {
	return Record{
		Format: Format, Name: name, ID: randomHex(16), MachineID: machineID(),
		Created: now.UTC().Truncate(time.Second), Range: r, Spec: spec,
	}
}

// Check returns an error unless the record can be stored and a container started from it: it wraps ErrFormat, name.ErrName or ErrDamaged,
// and what Spec.Validate says.
func (r Record) Check() error {
	if r.Format != Format {
		return fmt.Errorf("%w: format %d", ErrFormat, r.Format)
	}
	if err := name.Check(r.Name); err != nil {
		return err
	}
	switch {
	case !isHex128(r.ID):
		return fmt.Errorf("%w: id %.40q is not 32 hexadecimal digits", ErrDamaged, r.ID)
	case !isHex128(r.MachineID):
		return fmt.Errorf("%w: machine id %.40q is not 32 hexadecimal digits", ErrDamaged, r.MachineID)
	case r.Created.IsZero() || r.Created.Location() != time.UTC || r.Created.Nanosecond() != 0:
		return fmt.Errorf("%w: creation time %v is not in UTC and whole seconds", ErrDamaged, r.Created)
	}
	if r.Born < 0 {
		return fmt.Errorf("%w: %d is no generation", ErrDamaged, r.Born)
	}
	for key, index := range r.Network {
		if key == "" || len(key) > maxText || index < 1 || index > 1<<16 {
			return fmt.Errorf("%w: %.80q has the place %d in the network", ErrDamaged, key, index)
		}
	}
	if err := r.Spec.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return r.checkRange()
}

// checkRange holds the range against the isolation. A wrong one would make a container more privileged than its record says.
func (r Record) checkRange() error {
	if r.Spec.Isolation == profiles.Privileged {
		if !r.Range.IsZero() {
			return fmt.Errorf("%w: a privileged container has no id range, and this one has %v", ErrDamaged, r.Range)
		}
		return nil
	}
	if err := r.Range.Check(); err != nil {
		return fmt.Errorf("%w: isolation %s: %w", ErrDamaged, r.Spec.Isolation, err)
	}
	return nil
}

// encode returns the text of the record file.
func (r Record) encode() ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	content = append(content, '\n')
	if len(content) > MaxSize {
		return nil, fmt.Errorf("%w: it would have %d bytes, at most %d are allowed; make the spec smaller", ErrDamaged, len(content), MaxSize)
	}
	return content, nil
}

// decode reads the text of a record file that lies in the directory called dir.
func decode(content []byte, dir string) (Record, error) {
	var r Record
	if err := decodeStrict(content, Format, &r); err != nil {
		return Record{}, err
	}
	if r.Name != dir {
		return Record{}, fmt.Errorf("%w: it is of %.80q and lies in the directory of %s", ErrDamaged, r.Name, dir)
	}
	return r, r.Check()
}

// checkFormat returns ErrFormat if the text is of another format, and ErrDamaged if it is of none.
func checkFormat(content []byte, format int) error {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(content, &head); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if head.Format <= 0 {
		return fmt.Errorf("%w: it has no format", ErrDamaged)
	}
	if head.Format != format {
		return fmt.Errorf("%w: format %d", ErrFormat, head.Format)
	}
	return nil
}

// decodeStrict reads one JSON document of a known format into out; no key may be unknown.
func decodeStrict(content []byte, format int, out any) error {
	if err := checkFormat(content, format); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// decodeRange reads the id range alone, whatever the format.
func decodeRange(content []byte) (idrange.Range, error) {
	var head struct {
		Range idrange.Range `json:"range"`
	}
	if err := json.Unmarshal(content, &head); err != nil {
		return idrange.Range{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return head.Range, nil
}

// decodeNetwork reads the places in the network alone, whatever the format.
func decodeNetwork(content []byte) (map[string]int, error) {
	var head struct {
		Network map[string]int `json:"network"`
	}
	if err := json.Unmarshal(content, &head); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return head.Network, nil
}

func isHex128(s string) bool {
	return len(s) == 32 && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

func randomHex(bytes int) string {
	random := make([]byte, bytes)
	_, _ = rand.Read(random) // never fails
	return hex.EncodeToString(random)
}

// machineID returns a random id in the form that systemd makes them: that of a version 4 UUID.
func machineID() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	random[6] = random[6]&0x0f | 0x40
	random[8] = random[8]&0x3f | 0x80
	return hex.EncodeToString(random)
}
