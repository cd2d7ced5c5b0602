package mount

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
)

// mountPaths is the way of kernels before 6.13: the idmapped base and the inner overlay are attached below RunDir/attach while the outer
// is made, and layers are given as paths. The thread with the mounter's credentials is in the same mount namespace, since the whole
// process is.
func (s *Session) mountPaths(root *Root, stack overlay.Stack, userns *os.File, target string) error {
	work, err := os.MkdirTemp(s.attachDir(), "*")
	if err != nil {
		return fmt.Errorf("make room for the layers (was the run directory prepared?): %w", err)
	}
	defer os.Remove(work)
	if err := os.Chmod(work, 0o711); err != nil { // the mounter walks through
		return err
	}
	baseAt, innerAt := filepath.Join(work, "base"), filepath.Join(work, "inner")
	for _, dir := range []string{baseAt, innerAt} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		defer os.Remove(dir) // Remove, never RemoveAll: the host's root was mounted here
	}
	if err := attachBase(stack.Base, userns, baseAt); err != nil {
		return err
	}
	defer func() { _ = detach(baseAt) }() // the overlays hold it by themselves
	if err := s.innerAt(stack.Mask, baseAt, innerAt); err != nil {
		return fmt.Errorf("inner overlay: %w", err)
	}
	defer func() { _ = detach(innerAt) }()
	inner, err := os.OpenFile(innerAt, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	root.inners[stack.Point] = inner
	if err := outerAt(stack, innerAt, target); err != nil {
		return fmt.Errorf("outer overlay: %w", err)
	}
	return nil
}

func (s *Session) attachDir() string { return filepath.Join(s.config.RunDir, "attach") }

func attachBase(point string, userns *os.File, at string) error {
	base, err := clone(point, userns)
	if err != nil {
		return err
	}
	defer base.Close()
	return attach(base, at)
}

func (s *Session) innerAt(mask, base, at string) error {
	data := join("lowerdir="+escape(mask)+":"+escape(base), overlay.Options())
	return s.creator.run(func() error {
		if err := unix.Mount("sysctr", at, "overlay", unix.MS_RDONLY|unix.MS_NODEV, data); err != nil {
			return fmt.Errorf("mount %q: %w (the kernel log has the reason)", data, err)
		}
		return nil
	})
}

func outerAt(stack overlay.Stack, inner, target string) error {
	var lower []string
	for _, dir := range []string{stack.Seed, stack.Common} {
		if _, err := os.Lstat(dir); err == nil && dir != "" {
			lower = append(lower, escape(dir))
		}
	}
	lower = append(lower, escape(inner))
	data := join("lowerdir="+strings.Join(lower, ":")+",upperdir="+escape(stack.Upper)+",workdir="+escape(stack.Work), overlay.Options())
	if len(data) >= os.Getpagesize() {
		return fmt.Errorf("the layers need %d bytes of mount options and the kernel takes %d; use shorter paths", len(data), os.Getpagesize()-1)
	}
	if err := unix.Mount("sysctr", target, "overlay", unix.MS_NODEV, data); err != nil {
		return fmt.Errorf("mount %q: %w (the kernel log has the reason)", data, err)
	}
	return nil
}

// escape writes a path for overlayfs's option string, where a colon ends a layer and a comma an option.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`, `,`, `\,`).Replace(path)
}

func join(layers string, options []overlay.Option) string {
	for _, o := range options {
		layers += "," + o.Key + "=" + o.Value
	}
	return layers
}
