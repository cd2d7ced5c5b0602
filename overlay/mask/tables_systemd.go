package mask

// unitDirs are the directories of the host whose unit files a container sees, the first that has a unit wins.
func unitDirs() []string {
	return []string{"usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// generatorDirs are the directories of systemd.generator(7) below which the host may have some.
func generatorDirs() []string {
	return []string{"usr/local/lib/systemd/system-generators", "usr/lib/systemd/system-generators", "lib/systemd/system-generators"}
}

// generatorsKept run in a container: they only read the command line of its own systemd.
func generatorsKept() []string { return []string{"systemd-debug-generator"} }

// unitsMasked are units that /usr/lib itself pulls in, and that belong to the host or fail in a user namespace. A profile that enables
// one of them gets it.
func unitsMasked() []string {
	return []string{
		"dev-hugepages.mount", "getty-static.service", "getty@tty1.service", "kmod-static-nodes.service", "modprobe@.service",
		"proc-sys-fs-binfmt_misc.automount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount",
		"sys-kernel-tracing.mount", "systemd-binfmt.service", "systemd-firstboot.service",
		"systemd-journald-audit.socket", "systemd-machine-id-commit.service", "systemd-modules-load.service",
		"systemd-remount-fs.service", "systemd-sysctl.service", "systemd-sysusers.service", "systemd-tmpfiles-setup-dev-early.service",
		"systemd-tmpfiles-setup-dev.service", "systemd-udev-settle.service",
		"systemd-udev-trigger.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-udevd.service",
		"systemd-update-utmp-runlevel.service", "systemd-update-utmp.service",
	}
}

// journald keeps the journal in the delta, small, and leaves the kernel's audit alone, which is the host's. Its name sorts last: of several
// drop-ins the last one counts. A file takes all its room at once, on disk and in the page cache, so it gets the least that journald knows.
const (
	journaldFile = "etc/systemd/journald.conf.d/zz-sysctr.conf"
	journaldText = "[Journal]\nStorage=persistent\nSystemMaxUse=16M\nSystemMaxFileSize=512K\nRuntimeMaxUse=1M\nRuntimeMaxFileSize=512K\nAudit=no\n"
)

// The preset enables nothing; of several presets the first match counts.
const (
	presetFile = "etc/systemd/system-preset/00-sysctr.preset"
	presetText = "disable *\n"
)
