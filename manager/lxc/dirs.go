package lxc

import "path/filepath"

// Dirs are the two directories of sysctr, /var/lib/sysctr and /run/sysctr, and what lies where in them.
type Dirs struct{ State, Run string }

// DefaultDirs are the directories of a host. They are constants of the product: liblxc knows a container by the literal path.
func DefaultDirs() Dirs { return Dirs{State: "/var/lib/sysctr", Run: "/run/sysctr"} }

// Delta is the container's own layer.
func (d Dirs) Delta(name string) string {
	return filepath.Join(d.State, "containers", name, "delta")
}

// Seed is the container's generated layer.
func (d Dirs) Seed(name string) string { return filepath.Join(d.Run, "seed", name) }

// Console is the file that keeps what is written to the container's console, over all its runs; see Config.Console.
func (d Dirs) Console(name string) string {
	return filepath.Join(d.State, "containers", name, "console.log")
}

// Masks is where the cached masks are.
func (d Dirs) Masks() string { return filepath.Join(d.Run, "mask") }

// LXC is liblxc's directory, one subdirectory per container with its configuration and log.
func (d Dirs) LXC() string { return filepath.Join(d.Run, "lxc") }

// libraryLocks is liblxc's own lock directory when it is run by root.
const libraryLocks = "/run/lxc/lock"

// libraryLocks is where liblxc puts its lock files of our containers; it never removes them.
func (d Dirs) libraryLocks() string { return filepath.Join(libraryLocks, d.LXC()) }

// Root is where a container's root is attached in the starter's mount namespace.
func (d Dirs) Root(name string) string { return filepath.Join(d.Run, "rootfs", name) }

// Notify is the directory that is bound to /dev/.sysctr of a container.
func (d Dirs) Notify(name string) string { return filepath.Join(d.Run, "containers", name, "notify") }

// Host is where package managers leave their mark. Only a prepared host has it, and no container.
func (d Dirs) Host() string { return filepath.Join(d.Run, "host") }

// Lock is the lock file.
func (d Dirs) Lock() string { return filepath.Join(d.Run, "lock") }

// Path is the PATH of starters: liblxc runs newuidmap if it finds it, which is slow and insists on ranges in /etc/subuid; here it finds
// apparmor_parser and nothing else.
func (d Dirs) Path() string { return filepath.Join(d.Run, "bin") }

// Network is the directory with the hosts file and resolv.conf that containers share.
func (d Dirs) Network() string { return filepath.Join(d.Run, "network") }

// Canary is the visible directory of the host in which the self-test plants its files.
func (d Dirs) Canary() string { return "/var/cache/sysctr" }
