package mount

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Probe tries which way works on this kernel, by a real mount of two empty layers idmapped to userns (nil: not idmapped), and sets the
// session to it. It returns true for descriptors and idmapped layers, false for attached paths and shifted layers. Versions and answers of
// fsconfig(2) lie: Linux 6.1 accepts "lowerdir+" and fails only at the creation.
func (s *Session) Probe(userns *os.File) (bool, error) {
	dir, err := os.MkdirTemp(s.config.RunDir, "probe-")
	if err != nil {
		return false, fmt.Errorf("probe overlayfs: %w", err)
	}
	upper, lower := filepath.Join(dir, "upper"), filepath.Join(dir, "lower")
	defer func() {
		for _, d := range []string{upper, lower, dir} {
			_ = os.Remove(d)
		}
	}()
	for _, d := range []string{upper, lower} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return false, fmt.Errorf("probe overlayfs: %w", err)
		}
	}
	if err := s.probeDescriptors(userns, upper, lower); err != nil {
		s.byPath = true
		return false, nil // a refusal is the answer: this kernel takes paths
	}
	return true, nil
}

func (s *Session) probeDescriptors(userns *os.File, dirs ...string) error {
	tree, err := clone(s.config.RunDir, userns)
	if err != nil {
		return err
	}
	defer tree.Close()
	layers, err := s.layers(tree, dirs...)
	defer closeAll(layers)
	if err != nil {
		return err
	}
	if len(layers) != len(dirs) {
		return errors.New("a probe directory is gone")
	}
	// A mask is read with the mounter's credentials, which cannot enter a 0700 directory; MkdirTemp's parent does not matter, the layers do.
	overlay, err := s.inner(layers)
	if err != nil {
		return err
	}
	return overlay.Close()
}
