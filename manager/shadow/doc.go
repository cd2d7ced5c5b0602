// Package shadow decides what an entry of a container's delta, or of its seed, does to the file of the host that lies below it: of what class it
// is, whether it keeps a patch of the host from the container, how bad that is, and what would heal it. It is pure: package manager gathers the
// facts, and nothing here reads or changes anything.
//
// Words:
//
//	entry    one path of a delta or seed that lies over something of the host
//	shadow   what an entry is to the host's file
//	changes  what changed on the host since the delta was born; where that is not known, everything has
//	hides    a new process in the container, on fresh mounts, would not get the host's bytes for a path that changed
//	vendor   whoever made a package; vendor digests are those that archived generations of the package database name for a path
//
// # The rule
//
// A shadow hides a patch if what lies below it changed on the host since the delta was born, and the container shows other bytes. What changed
// may be the path itself, something below a directory that is replaced, removed or opaque, or what the host's link at the path leads to.
// Equality is one of bytes. Digests of other generations only tell where bytes come from. In doubt (a file too large to be compared, a delta
// whose birth is not known) it hides.
//
// These never hide anything: what has the host's bytes (redundant, metadata), the container's own package database, and the container's own
// files. Of what has the host's bytes there is one exception: where the host took a mode or owner away, as from a setuid program, an entry that
// still has the old one hides that.
//
// A developer's own library in /usr/local/lib, or a line of theirs in /etc/ld.so.conf.d, can make programs load it in place of the host's. That
// is their own file, which they made on purpose and have to patch themselves, and no shadow: its path has nothing of the host below it.
//
// # Derived files
//
// Programs make them from others, in the container too. An index (ld.so.cache) only names files, and what it names is judged by itself, so it
// never hides: at worst a stale one does not know a file that is new. All others, such as the bundle of certificates, hold the bytes of what they
// were made from. They hide like any file if the host's own has changed: a certificate that the host no longer trusts may still be in it.
//
// # Accounts
//
// What lies below are generated files without humans, so bytes say nothing. The container's own hide if the host's changed and they lack an
// account or group that the generated ones have, or have it with another id, home or shell.
package shadow
