package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/profiles"
	"github.com/sysctr/sysctr/profiles/name"
)

// LiveFormat is the format of live states that this version writes and the only one it reads.
const LiveFormat = 1

const (
	liveFile = "live.json"
	maxLive  = 2 << 20 // bytes; most of it is the spec
	maxText  = 512     // bytes of one text in it
)

// Phase is what was written down last of a container's way through its life. It says what somebody set out to do; Observe says what is.
type Phase string

// The phases. A container that is at rest has no live state, or one that names nothing alive.
const (
	PhaseStarting Phase = "starting"
	PhaseRunning  Phase = "running"
	PhaseStopping Phase = "stopping"
)

// Mixed is the generation of a start during which the host's packages were changing: what it shows may be of both states.
const Mixed = "mixed"

// Live is what is known of a container since its last start. It is of one boot of the host and lies on a tmpfs.
type Live struct {
	Format int    `json:"format"`
	Boot   string `json:"boot"` // alive.BootID of the boot it is of; Save fills it in
	Phase  Phase  `json:"phase"`
	// Ready is whether the container said so, or runs a command that has nothing to say.
	Ready bool `json:"ready"`
	// Init is the container's PID 1 as the host sees it, Monitor liblxc's process above it, Starter who mounts and starts it.
	Init    alive.Process `json:"init,omitzero"`
	Monitor alive.Process `json:"monitor,omitzero"`
	Starter alive.Process `json:"starter,omitzero"`
	// Started is when the start began, in UTC: after Generation was taken, before anything was mounted.
	Started time.Time `json:"started"`
	// Generation is the state of the host's package database that was mounted, a number or Mixed, "" if that could not be told; Mask is the name of the
	// directory of the mask in use, relative to that of all masks; it may not be pruned.
	Generation string `json:"generation,omitempty"`
	Mask       string `json:"mask,omitempty"`
	// Spec is what the container runs with: that of its record when it started, with what was changed alive since. Where the record's
	// differs, a restart is pending.
	Spec profiles.Spec `json:"spec,omitzero"`
	// Unit is whether it was started by its systemd unit and must be stopped through it.
	Unit bool `json:"unit,omitempty"`
	// Cgroup holds the container's processes, MonitorCgroup its monitor, and PivotCgroup the monitor for the moment in which it removes the
	// other two; it is empty where containers share one for that.
	Cgroup        alive.Group `json:"cgroup,omitempty"`
	MonitorCgroup alive.Group `json:"monitor_cgroup,omitempty"`
	PivotCgroup   alive.Group `json:"pivot_cgroup,omitempty"`
	// Tries is how often in a row it has been started again by itself after a run that was too short.
	Tries int `json:"tries,omitempty"`
	// Stopped is why it is stopped or stops, as a clause for a human.
	Stopped string `json:"stopped,omitempty"`
}

// Check returns an error wrapping ErrFormat or ErrDamaged unless the live state can be used.
func (l Live) Check() error {
	if l.Format != LiveFormat {
		return fmt.Errorf("%w: format %d", ErrFormat, l.Format)
	}
	if err := alive.CheckBootID(l.Boot); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if l.Phase != PhaseStarting && l.Phase != PhaseRunning && l.Phase != PhaseStopping {
		return fmt.Errorf("%w: unknown phase %.40q", ErrDamaged, l.Phase)
	}
	for _, p := range []alive.Process{l.Init, l.Monitor, l.Starter} {
		if p.PID < 0 || p.PID > 1<<30 || p.PID == 0 && p.Start != 0 {
			return fmt.Errorf("%w: %d is no process id", ErrDamaged, p.PID)
		}
	}
	for _, text := range []string{l.Generation, l.Mask, l.Stopped} {
		if err := checkText(text); err != nil {
			return err
		}
	}
	if l.Mask != "" && (!filepath.IsLocal(l.Mask) || filepath.Clean(l.Mask) != l.Mask) {
		return fmt.Errorf("%w: mask %.40q is not a path below the masks", ErrDamaged, l.Mask)
	}
	if err := errors.Join(l.Cgroup.Check(), l.MonitorCgroup.Check(), l.PivotCgroup.Check()); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return nil
}

// checkText refuses what would spoil a terminal or a table.
func checkText(s string) error {
	if len(s) > maxText || !utf8.ValidString(s) {
		return fmt.Errorf("%w: text too long or not UTF-8: %.40q", ErrDamaged, s)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%w: control character in %.40q", ErrDamaged, s)
		}
	}
	return nil
}

// LiveStore is the live states below one run directory.
type LiveStore struct {
	dir  string // RUN/containers
	boot string
}

// OpenLive returns the live states below a run directory, an absolute path such as /run/sysctr, as of the boot with this id. It touches
// nothing.
func OpenLive(run, boot string) LiveStore {
	return LiveStore{dir: filepath.Join(run, "containers"), boot: boot}
}

// Dir returns the directory of the container below the run directory. It need not exist.
func (s LiveStore) Dir(name string) string { return filepath.Join(s.dir, name) }

// Load returns the live state of a container. The error wraps fs.ErrNotExist if there is none, or it is of another boot and so
// says nothing; ErrFormat; or ErrDamaged.
func (s LiveStore) Load(container string) (Live, error) {
	if err := name.Check(container); err != nil {
		return Live{}, err
	}
	dir, err := os.Open(s.dir)
	if err != nil {
		return Live{}, fmt.Errorf("load live state: %w", err)
	}
	content, err := readRegular(dir, filepath.Join(container, liveFile), maxLive)
	var l Live
	if err == nil {
		err = decodeStrict(content, LiveFormat, &l)
	}
	if err == nil {
		err = l.Check()
	}
	if err == nil && l.Boot != s.boot {
		err = fmt.Errorf("%w: it is of an earlier boot", fs.ErrNotExist)
	}
	if err = errors.Join(err, dir.Close()); err != nil {
		return Live{}, fmt.Errorf("load %s: %w", filepath.Join(s.Dir(container), liveFile), err)
	}
	return l, nil
}

// Save replaces the live state of a container, atomically but not durably, and makes its directory, mode 0711, if need be. It fills in Format
// and Boot.
func (s LiveStore) Save(container string, l Live) error {
	if err := name.Check(container); err != nil {
		return err
	}
	l.Format, l.Boot = LiveFormat, s.boot
	if err := l.Check(); err != nil {
		return fmt.Errorf("save live state: %w", err)
	}
	content, err := json.MarshalIndent(l, "", "\t")
	if err != nil {
		return fmt.Errorf("save live state: %w", err)
	}
	if len(content) > maxLive {
		return fmt.Errorf("save live state: %w: more than %d bytes", ErrDamaged, maxLive)
	}
	if err := os.MkdirAll(s.Dir(container), 0o711); err != nil {
		return fmt.Errorf("save live state: %w", err)
	}
	path := filepath.Join(s.Dir(container), liveFile)
	if err := RemoveTemps(path); err != nil {
		return fmt.Errorf("save live state: %w", err)
	}
	return writeFile(path, append(content, '\n'), 0o600, false)
}

// Remove takes the live state of a container away, with its directory if nothing else is in it. It is idempotent.
func (s LiveStore) Remove(container string) error {
	if err := name.Check(container); err != nil {
		return err
	}
	path := filepath.Join(s.Dir(container), liveFile)
	err := RemoveTemps(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove live state: %w", err)
	}
	_ = os.Remove(s.Dir(container)) // fails where others keep their files, and that is fine
	return nil
}
