package lxc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// armor is where the kernel's AppArmor is told what to do, see apparmor(7) and Documentation/admin-guide/LSM/apparmor.rst.
const armor = "/sys/kernel/security/apparmor"

// removePolicy takes the policy that liblxc generated for a container out of the kernel, with the policy namespace for what the container
// itself loads. A monitor does that when its container has ended, but not one that was killed. Idempotent; nothing to do on a host without
// AppArmor.
func removePolicy(d Dirs, name string) error {
	profile := "lxc-" + name + "_<" + d.LXC() + ">"
	remove, err := os.OpenFile(filepath.Join(armor, ".remove"), os.O_WRONLY, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, err = remove.WriteString(profile)
		err = errors.Join(ignoreAbsent(err), remove.Close())
	}
	// A name of a namespace has no slash: liblxc's own way around.
	namespace := filepath.Join(armor, "policy", "namespaces", strings.ReplaceAll(profile, "/", "-"))
	return errors.Join(err, ignoreAbsent(unix.Rmdir(namespace)))
}

func ignoreAbsent(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}
