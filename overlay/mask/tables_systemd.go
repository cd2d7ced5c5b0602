package mask

// unitDirs are the directories of the host whose unit files a container sees, the first that has a unit wins.
func unitDirs() []string {
	return []string{"usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}
}

// generatorDirs are the directories of systemd.generator(7) below which the host may have some.
func generatorDirs() []string {
	return []string{"usr/local/lib/systemd/system-generators", "usr/lib/systemd/system-generators", "lib/systemd/system-generators"}
}

// argumentsGenerator only reads the arguments of the container's own systemd (systemd.mask=, systemd.wants=), and runs where it has some.
const argumentsGenerator = "systemd-debug-generator"

// unitsMasked are units that /usr/lib itself pulls in, and that belong to the host or fail in a user namespace. A profile that enables
// one of them gets it.
func unitsMasked() []string {
	return []string{
		"dev-hugepages.mount", "getty-static.service", "getty@tty1.service", "kmod-static-nodes.service", "modprobe@.service",
		"proc-sys-fs-binfmt_misc.automount", "sys-fs-fuse-connections.mount", "sys-kernel-config.mount", "sys-kernel-debug.mount",
		"sys-kernel-tracing.mount", "systemd-binfmt.service", "systemd-firstboot.service",
		"systemd-journal-flush.service", "systemd-journald-audit.socket", "systemd-machine-id-commit.service", "systemd-modules-load.service",
		"systemd-remount-fs.service", "systemd-sysctl.service", "systemd-sysusers.service", "systemd-tmpfiles-setup-dev-early.service",
		"systemd-tmpfiles-setup-dev.service", "systemd-udev-settle.service",
		"systemd-udev-trigger.service", "systemd-udevd-control.socket", "systemd-udevd-kernel.socket", "systemd-udevd.service",
		"systemd-update-utmp-runlevel.service", "systemd-update-utmp.service",
	}
}

// unitsIdle are units that /usr/lib itself pulls in and that find nothing to do in a container: disks, firmware, the machine's own entropy.
func unitsIdle() []string {
	return []string{
		"cryptsetup.target", "integritysetup.target", "systemd-pcrphase-sysinit.service", "systemd-pcrphase.service",
		"systemd-random-seed.service", "systemd-repart.service", "veritysetup.target",
	}
}

// dependenciesMasked are links of /usr/lib that start a service with the container although it need not: logind, a third of a boot, starts when a
// login or loginctl first asks for it over D-Bus. A profile that enables such a service starts it at once.
func dependenciesMasked() []string {
	return []string{"multi-user.target.wants/systemd-logind.service"}
}

// systemTexts are files that stand in place of the host's or beside them.
func systemTexts() map[string]string {
	return map[string]string{
		// The journal is kept in the delta, small, and leaves the kernel's audit alone, which is the host's. The name sorts last: of several
		// drop-ins the last one counts. A file takes all its room at once, on disk and in the page cache, so it gets the least that journald knows.
		"etc/systemd/journald.conf.d/zz-sysctr.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=16M\nSystemMaxFileSize=512K\n" +
			"RuntimeMaxUse=1M\nRuntimeMaxFileSize=512K\nAudit=no\n",
		// The mark by which journald knows that it may write to /var is there before it: it keeps the journal in the delta from the first line on,
		// without one in /run first and a program that has it moved. access(2) is all that asks for the mark, so a link to a socket will do.
		units + "/systemd-journald-dev-log.socket.d/00-sysctr.conf": "[Socket]\nSymlinks=/run/systemd/journal/flushed\n",
		// A boot is over before anybody could be refused a login, so the file that says so is neither made nor removed by a program of its own.
		"etc/tmpfiles.d/systemd-nologin.conf":                     "",
		units + "/systemd-user-sessions.service.d/00-sysctr.conf": "[Unit]\nConditionPathExists=/run/nologin\n",
		// Nobody hands credentials to a container; taking none in costs a mount namespace and a file system.
		units + "/systemd-tmpfiles-setup.service.d/00-sysctr.conf": "[Service]\nLoadCredential=\n",
		// Enables nothing; of several presets the first match counts.
		"etc/systemd/system-preset/00-sysctr.preset": "disable *\n",
		// Users whose services run without a login need logind at once. Nothing is executed where there are none.
		units + "/" + lingerService: "[Unit]\nDescription=Users Whose Services Run Without a Login\n" +
			"ConditionDirectoryNotEmpty=/var/lib/systemd/linger\n\n" +
			"[Service]\nType=oneshot\nExecStart=systemctl --no-block start systemd-logind.service\n",
	}
}

const lingerService = "sysctr-linger.service"
