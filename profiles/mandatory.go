package profiles

import "strings"

// Mandatory gives the paths of the host that no profile can show: every mask has to hide at least what the host has at and below them, or
// to replace it with what sysctr generates. They are identity, credentials, other people's data, and the host's own management.
func Mandatory() []string {
	return []string{
		"/boot", "/dev", "/home", "/proc", "/root", "/run", "/sys", "/tmp",
		"/etc/group-", "/etc/gshadow", "/etc/gshadow-", "/etc/machine-id", "/etc/passwd-", "/etc/security/opasswd", "/etc/shadow",
		"/etc/shadow-", "/etc/ssh", "/etc/ssl/private", "/etc/sudoers", "/etc/sysctr", "/etc/systemd/system",
		"/var/lib/containers", "/var/lib/docker", "/var/lib/incus", "/var/lib/lxc", "/var/lib/lxd", "/var/lib/machines",
		"/var/lib/private", "/var/lib/sysctr", "/var/lib/systemd", "/var/tmp",
	}
}

// vital are the paths a container cannot live without: they can neither be hidden nor mounted over as a whole.
func vital() []string {
	return []string{
		"/", "/bin", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys", "/usr", "/usr/bin", "/usr/lib",
		"/usr/sbin", "/var", "/var/lib",
	}
}

// sealed are the paths of the host that no mount brings into a container, neither themselves nor with a directory above: kernel interfaces
// that are not the container's own, credentials, and what belongs to all containers.
func sealed() []string {
	return []string{"/etc/gshadow", "/etc/shadow", "/proc", "/run/sysctr", "/sys", "/var/lib/lxc", "/var/lib/sysctr"}
}

// reserved are the paths in a container that belong to its own kernel interfaces and to sysctr; nothing is mounted at or below.
func reserved() []string {
	return []string{"/dev/.sysctr", "/proc", "/sys"}
}

// within says whether path is dir or lies below it. Both are absolute and clean.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir+"/")
}

// touching gives the first of list that is path, lies below it, or has it below.
func touching(path string, list []string) (string, bool) {
	for _, other := range list {
		if within(path, other) || within(other, path) {
			return other, true
		}
	}
	return "", false
}
