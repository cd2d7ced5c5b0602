package lxc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/overlay/mount"
)

// TrialVerb is the hidden verb of sysctr under which Trial runs it again; it calls Try in an isolated mount namespace and prints the answer.
const TrialVerb = "_trial"

// Trial has a child mount the layers of a container that does not exist, and prove the canary on them. It returns how the layers are
// mounted on this kernel.
func Trial(binary string, d Dirs) (string, error) {
	cmd, err := Isolated(binary, d, TrialVerb)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", errors.New(text)
	}
	return text, nil
}

// Try does what Trial says, in this process.
func Try(d Dirs, r idrange.Range) (answer string, err error) {
	s, err := NewStarter(Options{Dirs: d})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	userns, err := UserNS(r)
	if err != nil {
		return "", err
	}
	defer userns.Close()
	if err := s.probeOnce(userns); err != nil {
		return "", err
	}
	// The delta lies where real ones do: whether that filesystem can hold one is what is tried. It is named like a draft, so that a sweep
	// takes away what a killed trial leaves.
	delta, err := os.MkdirTemp(filepath.Join(d.State, "containers"), ".new-trial-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, removeTrial(delta)) }()
	at := filepath.Join(d.Run, "rootfs", filepath.Base(delta))
	if err := os.Mkdir(at, 0o711); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.Remove(at)) }()
	if err := s.tryMount(delta, at, userns, r.Start); err != nil {
		return "", err
	}
	if s.idmapped {
		return "by descriptors, idmapped; sealed files stay sealed", nil
	}
	return "by paths, with shifted owners; sealed files stay sealed", nil
}

// tryMount mounts the layers of the root filesystem over a fresh delta, proves the canary on them and unmounts.
func (s *Starter) tryMount(delta, at string, userns *os.File, start uint32) (err error) {
	shift := mask.Shift{}
	if !s.idmapped {
		shift.Base = start
	}
	set, err := s.masks.Get(mask.Rules{System: true}, shift, nil)
	if err != nil {
		return err
	}
	stacks := overlay.Plan(s.base[:1], overlay.Dirs{Delta: delta, Common: set.Common, Mask: set.Mask})
	stacks[0].Seed = "" // it belongs to a container, and there is none
	if err := ensureDelta(stacks[0], start); err != nil {
		return err
	}
	root, err := s.session.Mount(mount.Request{Stacks: stacks, UserNS: userns, At: at})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	return s.seal(root, stacks)
}

// removeTrial removes an unused delta: nothing has ever been written into it but overlayfs's own work directory.
func removeTrial(delta string) error {
	var errs []error
	for _, dir := range []string{"work/work", "work", "upper", "upper" + newUpper, ""} {
		if err := os.Remove(filepath.Join(delta, dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove the trial's delta: %w", err))
		}
	}
	return errors.Join(errs...)
}
