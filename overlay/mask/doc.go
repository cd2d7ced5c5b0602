// Package mask decides what of the host a container sees, and writes it down as layers for overlayfs.
//
// It reads the host below a root that is given to it, decides, and returns two trees as data; a writer makes directories of them on a
// tmpfs, a cache keeps these directories until the host they were made from changes, and a canary proves on the mounted stack that the
// kernel enforces what the trees only assume. Nothing here mounts, and nothing here writes to the host except the canary's two files.
//
// # Words
//
//   - mask: the tree below which parts of the base disappear. A whiteout hides a name, an opaque directory hides what is in it, a file or
//     a link stands in place of the host's. It is read with credentials that own nothing, so all of it is readable by everybody.
//   - common: the generated tree of a profile that lies above the mask: accounts without humans, locks, log files, what only root reads.
//   - seed: the generated tree of one container: machine-id, hostname, hosts.
//   - veil: one path of the host that the mask hides. A firm veil cannot be lifted by a profile's share list.
//   - input: a path of the host that a tree was made from, as it was then. While all inputs are as they were, the trees hold.
//   - shift: what is added to every owner where the tmpfs cannot be idmapped (before Linux 6.3).
//   - generation: a numbered directory of the cache, with one mask and one common; never edited once it has its number.
//
// # What is decided
//
// Of / only usr, bin, sbin, lib*, etc, var and opt are the host's; of /var, /var/lib and /var/spool only lists of names; of /etc all but
// a list. So a name that nobody thought of is hidden at / and in /var, and the rule of the two overlays (a file that other users cannot
// read cannot be opened) holds for the rest. No unit that the host enables is enabled in a container; unit files still come from the host.
//
// # A lifecycle
//
//	set, err := mask.Cache{Dir: "/run/sysctr/mask", Root: "/"}.Get(rules, mask.Shift{}, []string{"var"})
//	err = mask.Write("/run/sysctr/seed/web7", mask.Seed(identity), mask.Shift{})
//	canary, err := mask.Plant(mask.CanaryDir)
//	// mount the inner overlay over set.Mask and the base, then
//	err = canary.Check(inner)
//	err = canary.Remove()
package mask
