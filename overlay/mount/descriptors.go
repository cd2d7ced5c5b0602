package mount

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/overlay"
)

// mountDescriptors hands all layers over as descriptors. The inner overlay is never attached: its descriptor is the outer's last layer.
func (s *Session) mountDescriptors(root *Root, stack overlay.Stack, userns *os.File, target string) error {
	base, err := clone(stack.Base, userns)
	if err != nil {
		return err
	}
	defer base.Close() // overlayfs holds its layers by itself
	tree, err := clone(s.config.RunDir, userns)
	if err != nil {
		return err
	}
	defer tree.Close()

	mask, err := s.layers(tree, stack.Mask)
	defer closeAll(mask)
	if err != nil {
		return err
	}
	if len(mask) == 0 {
		return fmt.Errorf("the mask %s is not there", stack.Mask)
	}
	inner, err := s.inner(append(mask, base))
	if err != nil {
		return fmt.Errorf("inner overlay: %w", err)
	}
	root.inners[stack.Point] = inner

	upper, err := s.layers(tree, stack.Seed, stack.Common)
	defer closeAll(upper)
	if err != nil {
		return err
	}
	outer, err := outerOverlay(append(upper, inner), stack)
	if err != nil {
		return fmt.Errorf("outer overlay: %w", err)
	}
	defer outer.Close()
	return attach(outer, target)
}

// layers opens those of the directories that exist, all below the run directory. The caller closes them, also on error.
func (s *Session) layers(tree *os.File, dirs ...string) ([]*os.File, error) {
	var open []*os.File
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		rel, err := filepath.Rel(s.config.RunDir, dir)
		if err != nil {
			return open, fmt.Errorf("the layer %s is not below %s: %w", dir, s.config.RunDir, err)
		}
		f, err := layer(tree, rel)
		if err != nil {
			return open, err
		}
		if f != nil {
			open = append(open, f)
		}
	}
	return open, nil
}

// inner makes the read-only overlay of layers, top first. Only the creation itself runs with the mounter's credentials: overlayfs keeps
// those of whoever creates the superblock.
func (s *Session) inner(layers []*os.File) (*os.File, error) {
	config, err := configure(layers)
	if err != nil {
		return nil, err
	}
	defer unix.Close(config)
	create := func() error { return unix.FsconfigCreate(config) }
	if err := s.creator.run(create); err != nil {
		return nil, explain(config, err)
	}
	return mounted(config, unix.MOUNT_ATTR_RDONLY|unix.MOUNT_ATTR_NODEV)
}

// outerOverlay makes the overlay that a container sees, with the credentials of the starter: it writes to the delta.
func outerOverlay(layers []*os.File, stack overlay.Stack) (*os.File, error) {
	config, err := configure(layers)
	if err != nil {
		return nil, err
	}
	defer unix.Close(config)
	// Unlike a layer's descriptor these are texts, in which overlayfs takes a backslash for an escape.
	for _, o := range []overlay.Option{{Key: "upperdir", Value: escape(stack.Upper)}, {Key: "workdir", Value: escape(stack.Work)}} {
		if err := unix.FsconfigSetString(config, o.Key, o.Value); err != nil {
			return nil, fmt.Errorf("set %s=%s: %w", o.Key, o.Value, explain(config, err))
		}
	}
	if err := unix.FsconfigCreate(config); err != nil {
		return nil, explain(config, err)
	}
	return mounted(config, unix.MOUNT_ATTR_NODEV)
}

// configure opens an overlay context with our options and the lower layers, top first.
func configure(layers []*os.File) (int, error) {
	config, err := unix.Fsopen("overlay", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open overlayfs (is the module loaded?): %w", err)
	}
	for _, f := range layers {
		if err := unix.FsconfigSetFd(config, "lowerdir+", int(f.Fd())); err != nil {
			err = fmt.Errorf("add the layer %s: %w", f.Name(), explain(config, err))
			_ = unix.Close(config)
			return -1, err
		}
	}
	for _, o := range append(overlay.Options(), overlay.Option{Key: "source", Value: "sysctr"}) {
		if err := unix.FsconfigSetString(config, o.Key, o.Value); err != nil {
			err = fmt.Errorf("set %s=%s: %w", o.Key, o.Value, explain(config, err))
			_ = unix.Close(config)
			return -1, err
		}
	}
	return config, nil
}

func mounted(config, attributes int) (*os.File, error) {
	n, err := unix.Fsmount(config, unix.FSMOUNT_CLOEXEC, attributes)
	if err != nil {
		return nil, fmt.Errorf("make the mount: %w", err)
	}
	return os.NewFile(uintptr(n), "overlay"), nil
}

// explain adds what the kernel wrote into the context's log (fsopen(2)); it is the only place where overlayfs says what it did not like.
func explain(config int, err error) error {
	buf := make([]byte, 512)
	n, readErr := unix.Read(config, buf)
	if readErr != nil || n <= 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, trimLog(buf[:n]))
}

// trimLog drops the level ("e ") and the newline of one message.
func trimLog(b []byte) string {
	if len(b) > 2 && b[1] == ' ' {
		b = b[2:]
	}
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return string(b)
}
