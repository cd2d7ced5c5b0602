package mask

// blank is an empty file or directory that common holds so that programs find it with the mode they insist on.
type blank struct {
	path  string
	kind  Kind
	mode  uint32
	group string // of a new one, if the host has such a group; what the host has keeps its owner
	need  string // made only if the host has this; empty for always
}

// blanks are what programs need and the rule of the two overlays hides, or the mask has emptied.
func blanks() []blank {
	return []blank{
		{path: "tmp", kind: Dir, mode: 0o1777},
		{path: "var/tmp", kind: Dir, mode: 0o1777},
		{path: "root", kind: Opaque, mode: 0o700},
		{path: "etc/.pwd.lock", kind: File, mode: 0o600},
		{path: "etc/resolv.conf", kind: File, mode: 0o644},
		{path: "etc/security/opasswd", kind: File, mode: 0o600, need: "etc/security"},
		{path: "etc/subgid", kind: File, mode: 0o644},
		{path: "etc/subuid", kind: File, mode: 0o644},
		{path: "etc/polkit-1/rules.d", kind: Opaque, mode: 0o700, need: "etc/polkit-1/rules.d"},
		{path: "usr/share/polkit-1/rules.d", kind: Opaque, mode: 0o700, need: "usr/share/polkit-1/rules.d"},
		{path: "var/lib/dpkg/lock", kind: File, mode: 0o640, need: "var/lib/dpkg"},
		{path: "var/lib/dpkg/lock-frontend", kind: File, mode: 0o640, need: "var/lib/dpkg"},
		{path: "var/lib/dpkg/triggers/Lock", kind: File, mode: 0o600, need: "var/lib/dpkg/triggers"},
		{path: "var/lib/apt/lists/lock", kind: File, mode: 0o640, need: "var/lib/apt/lists"},
		{path: "var/lib/apt/lists/partial", kind: Opaque, mode: 0o700, need: "var/lib/apt/lists"},
		{path: "var/cache/apt/archives/lock", kind: File, mode: 0o640, need: "var/cache/apt/archives"},
		{path: "var/cache/apt/archives/partial", kind: Dir, mode: 0o700, need: "var/cache/apt/archives"},
		{path: "var/cache/debconf/passwords.dat", kind: File, mode: 0o600, need: "var/cache/debconf"},
		{path: "var/cache/ldconfig", kind: Opaque, mode: 0o700, need: "var/cache/ldconfig"},
		{path: "var/cache/private", kind: Dir, mode: 0o700},
		{path: "var/lib/private", kind: Dir, mode: 0o700},
		{path: "var/log/apt", kind: Dir, mode: 0o755, need: "var/lib/apt"},
		{path: "var/log/journal", kind: Dir, mode: 0o2755, group: "systemd-journal"},
		{path: "var/log/private", kind: Dir, mode: 0o700},
		{path: "var/log/btmp", kind: File, mode: 0o660, group: "utmp"},
		{path: "var/log/lastlog", kind: File, mode: 0o664, group: "utmp"},
		{path: "var/log/wtmp", kind: File, mode: 0o664, group: "utmp"},
	}
}

// programs are executables that distributions let others run but not read, or only a group run, and that containers need: overlayfs opens
// what it executes with the mounter's credentials. Each is copied where the host's mode is such, and only then.
func programs() []string {
	return []string{
		"usr/lib/dbus-1.0/dbus-daemon-launch-helper", "usr/libexec/dbus-1/dbus-daemon-launch-helper",
		"usr/libexec/dbus-daemon-launch-helper", "lib/dbus-1/dbus-daemon-launch-helper",
		"usr/bin/su", "usr/bin/sudo", "usr/bin/passwd", "usr/sbin/unix_chkpwd", "usr/bin/pkexec", "usr/lib/polkit-1/polkit-agent-helper-1",
		"usr/libexec/utempter/utempter", "usr/sbin/userhelper",
	}
}

// sudoersHead and sudoersTail frame the lines for the administrators' groups that the host has.
const (
	sudoersHead = "Defaults\tenv_reset\n" +
		"Defaults\tsecure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n" +
		"root\tALL=(ALL:ALL) ALL\n"
	sudoersTail = "@includedir /etc/sudoers.d\n"
)
