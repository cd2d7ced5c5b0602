package mask

import "slices"

// The tables of what is visible. Paths are relative to the host's root; globs are those of path.Match. A name that stands in none of
// them is hidden at /, in /var, /var/lib and /var/spool, and shown elsewhere.

// topShown are the names at / that come from the host.
func topShown() []string {
	return []string{"usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32", "etc", "var", "opt"}
}

// topEmpty are the directories at / that every container has, empty, whether the host has them or not.
func topEmpty() []string {
	return []string{"boot", "dev", "home", "media", "mnt", "proc", "root", "run", "srv", "sys", "tmp"}
}

// varShown are the names in /var that come from the host; lock and run only as links into /run.
func varShown() []string { return []string{"cache", "empty", "lib", "lock", "run", "spool"} }

// spoolShown are the names in /var/spool that come from the host, as links only.
func spoolShown() []string { return []string{"mail"} }

// libShown are the names in /var/lib that come from the host: databases of packages, and what packages keep about themselves.
func libShown() []string {
	return []string{
		"alternatives", "app-info", "apt", "aspell", "binfmts", "ca-certificates-java", "command-not-found", "dictionaries-common", "dnf",
		"dpkg", "emacsen-common", "fontconfig", "ghc", "git", "ispell", "locales", "man-db", "misc", "pacman", "pam", "python", "python3",
		"rpm", "sgml-base", "shells.state", "swcatalog", "tex-common", "texmf", "ucf", "vim", "xml-core", "yum", "zypp",
	}
}

// nameless are the paths of which a container does not see the name either: nothing inside looks for what is sysctr's, and whoever finds it
// would know where to look for more.
func nameless() []string {
	return slices.Concat([]string{"etc/sysctr", "var/lib/sysctr"}, dropIns(), ownFiles())
}

// ownFiles are where sysctr itself is installed, by 'make install' or by a package. No container needs it, and one that saw it would be older than the
// host after each upgrade of sysctr.
func ownFiles() []string {
	var all []string
	for _, prefix := range []string{"usr/local/", "usr/"} {
		for _, p := range []string{
			"bin/sysctr", "lib/sysctr", "share/bash-completion/completions/sysctr", "share/zsh/site-functions/_sysctr",
			"share/fish/vendor_completions.d/sysctr.fish", "share/man/man5/sysctr-profile.5", "share/man/man7/sysctr.7", "share/man/man7/sysctr-patch.7",
			"share/man/man8/sysctr.8",
		} {
			all = append(all, prefix+p)
		}
	}
	return all
}

// ownGlobs are those of sysctr's own files of which there are many.
func ownGlobs() []string {
	var all []string
	for _, prefix := range []string{"usr/local/", "usr/"} {
		all = append(all, prefix+`lib/systemd/system/sysctr[\-.@]*`, prefix+"share/man/man8/sysctr-*.8")
	}
	return all
}

// dropIns are sysctr's own in the configuration of package managers: those of a container have nobody to tell.
func dropIns() []string {
	return []string{
		"etc/apt/apt.conf.d/00sysctr", "etc/dpkg/dpkg.cfg.d/sysctr", "etc/dnf/plugins/post-transaction-actions.d/sysctr.action",
		"etc/dnf/libdnf5-plugins/actions.d/sysctr.actions", "etc/pacman.d/hooks/zz-sysctr.hook", "etc/apk/commit_hooks.d/sysctr",
		"etc/cron.d/sysctr", "etc/needrestart/conf.d/sysctr.conf",
	}
}

// secret is one glob of them, with what it covers for a human.
type secret struct{ glob, what string }

// secrets are the globs that no profile can lift.
func secrets() []secret {
	var all []secret
	add := func(what string, globs ...string) {
		for _, g := range globs {
			all = append(all, secret{g, what})
		}
	}
	add("identity", identityPaths()...)
	add("secrets", secretPaths()...)
	add("state", statePaths()...)
	add("the running system", "dev", "proc", "sys", "run", "var/run", "var/lock", "tmp", "var/tmp", "boot", "efi", "lost+found")
	add("home directories", "root", "home")
	add("logs", "var/log")
	add("the containers", "etc/sysctr", "var/lib/sysctr")
	add("the watch for patches", dropIns()...)
	add("sysctr itself", slices.Concat(ownFiles(), ownGlobs())...)
	return all
}

func identityPaths() []string {
	return []string{
		"etc/machine-id", "etc/hostname", "etc/hosts", "etc/mailname", "etc/hostid", "etc/nvme", "etc/iscsi", "etc/ssh/ssh_host_*",
		"var/lib/dbus", "var/lib/systemd", "var/lib/NetworkManager", "var/lib/dhcp*", "var/lib/cloud", "etc/cloud",
	}
}

func secretPaths() []string {
	return []string{
		"etc/shadow", "etc/gshadow", "etc/shadow-", "etc/gshadow-", "etc/passwd-", "etc/group-", "etc/subuid-", "etc/subgid-",
		"etc/sudoers", "etc/sudoers.d", "etc/security/opasswd", "etc/.pwd.lock",
		"etc/ssl/private", "etc/letsencrypt", "etc/pki/tls/private", "etc/pki/consumer", "etc/pki/entitlement", "etc/rhsm", "etc/acme",
		"etc/apache2/ssl", "etc/nginx/ssl", "etc/krb5.keytab", "etc/krb5kdc", "etc/sssd", "etc/ipa", "etc/samba", "etc/nslcd.conf",
		"etc/ldap.secret", "etc/libnss-ldap*", "etc/pam_ldap*", "etc/ldap/slapd.d",
		"etc/NetworkManager/system-connections", "etc/netplan", "etc/wpa_supplicant", "etc/ppp/*-secrets", "etc/wireguard", "etc/openvpn",
		"etc/ipsec.*", "etc/swanctl", "etc/tinc", "etc/mysql/debian.cnf", "etc/bind/rndc.key", "etc/snmp", "etc/bacula", "etc/zabbix",
		"etc/rabbitmq", "etc/redis", "etc/dovecot", "etc/postfix/sasl*", "etc/msmtprc", "etc/exim4/passwd.client",
		"etc/kubernetes", "etc/docker", "etc/containerd", "etc/crio", "etc/rancher", "etc/etcd", "etc/consul*", "etc/vault*", "etc/nomad*",
		"etc/salt", "etc/puppetlabs", "etc/chef", "etc/ansible", "etc/apt/auth.conf", "etc/apt/auth.conf.d",
	}
}

func statePaths() []string {
	var all []string
	for _, name := range []string{
		"private", "machines", "portables", "docker", "containerd", "containers", "kubelet", "etcd", "lxc", "lxcfs", "lxd", "incus",
		"libvirt", "samba", "sss", "krb5kdc", "tor", "bacula", "rabbitmq", "tpm", "swtpm",
	} {
		all = append(all, "var/lib/"+name)
	}
	return append(all, "var/spool/cron", "var/backups", "var/crash")
}

// etcHidden are the globs below /etc that are hidden unless a profile shares them; secrets are hidden besides.
func etcHidden() []string {
	return []string{
		"etc/aliases", "etc/aliases.db", "etc/multipath", "etc/multipath.conf", "etc/exports", "etc/exports.d", "etc/mdadm", "etc/mdadm.conf",
		"etc/lvm", "etc/auto.*", "etc/autofs*", "etc/pip.conf", "etc/npmrc", "etc/lxc", "etc/postgresql", "etc/ssh/sshd_config.d",
		"etc/cron.d", "etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly", "etc/cron.monthly", "etc/crontab", "etc/anacrontab",
		"etc/rc[0-6S].d", "etc/rc.d/rc[0-6].d", "etc/rc.local", "etc/rc.d/rc.local",
		"etc/network/interfaces", "etc/network/interfaces.d", "etc/sysconfig/network-scripts",
		"etc/systemd/system", "etc/systemd/system.control", "etc/systemd/system.attached", "etc/systemd/system-generators",
		"etc/systemd/system-preset", "etc/systemd/journald.conf.d", "etc/systemd/user", "etc/systemd/network",
	}
}

// emptied are files that stand empty in place of the host's.
func emptied() []string { return []string{"etc/fstab", "etc/crypttab"} }

// hiddenElsewhere are the globs outside of /etc and of the listed directories that are hidden unless a profile shares them.
func hiddenElsewhere() []string { return []string{"var/cache/apt/archives"} }
