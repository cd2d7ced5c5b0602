#!/bin/bash
# root.sh KIND OUT: makes OUT, a cached Debian 12 for tests, by mmdebstrap. The sha256 of this file is part of OUT's name, so a change here
# makes it anew. KIND is one of
#   host     a root directory: systemd as PID 1 below LXC, with all that sysctr needs at run time
#   builder  the same with the packages that `make up` installs, for hosts without a network
#   vm       a directory with vmlinuz, initrd and disk.img: the same Debian with its own kernel and AppArmor, for QEMU
# SYSCTR_MIRROR and SYSCTR_SECURITY_MIRROR replace Debian's own servers.
set -euo pipefail
kind=$1 out=$2
mirror=${SYSCTR_MIRROR:-http://deb.debian.org/debian}
security=${SYSCTR_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
packages=systemd,systemd-sysv,systemd-container,dbus,libpam-systemd,libnss-mymachines,polkitd,kmod,procps,iproute2,iputils-ping
packages+=,lxc,liblxc1,libseccomp2,uidmap,sudo,adduser,apt-utils,python3-minimal,ca-certificates,less,attr,acl,e2fsprogs
packages+=,openssl,unattended-upgrades,needrestart

# Each version of OpenSSL that the archive has, for stories of a patch that really was one.
archive='mkdir "$1/srv/debs" && chroot "$1" sh -c "cd /srv/debs && apt-cache madison libssl3 openssl | sort -u |
	while read -r name _ version _; do apt-get -qq -o APT::Sandbox::User=root download \"\$name=\$version\"; done"'

# A server that no host has installed yet, for the story of one that is installed for the containers.
archive+=' && mkdir "$1/srv/nginx" && chroot "$1" sh -c "cd /srv/nginx && apt-get -qq -o APT::Sandbox::User=root download nginx nginx-common"'

# A failed build leaves nothing behind that a later one could take for a root.
work=$(mktemp -d "$out.new-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

debian() { # debian DIR [PACKAGE,...]
	mmdebstrap --quiet --variant=minbase --skip=check/empty --include="$packages${2:+,$2}" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' --customize-hook="$archive" bookworm "$1" - <<-SOURCES
		deb [signed-by=$keyring] $mirror bookworm main
		deb [signed-by=$keyring] $mirror bookworm-updates main
		deb [signed-by=$keyring] $security bookworm-security main
	SOURCES
	# No timer or daemon of the distribution may change the tree or load the machine while a test measures it.
	# udev would coldplug the devices of the machine around a container, systemd-sysctl would change its sysctls.
	local mask=(apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer lxc-net.service lxc.service)
	[ "$kind" = vm ] || mask+=(systemd-udevd.service systemd-udev-trigger.service systemd-sysctl.service systemd-modules-load.service)
	[ "$kind" != vm ] || mask+=(serial-getty@ttyS0.service serial-getty@ttyS1.service)
	local unit
	for unit in "${mask[@]}"; do ln -sf /dev/null "$1/etc/systemd/system/$unit"; done
	echo 'LANG=C.UTF-8' >"$1/etc/default/locale"
	rm -f "$1/etc/resolv.conf" # the building machine's; test hosts have no network
}

case $kind in
host | builder)
	[ "$kind" = host ] || build=gcc,libc6-dev,pkg-config,make,git,liblxc-common,lxc-dev,libseccomp-dev
	debian "$work/root" "${build:-}"
	mv -T "$work/root" "$out"
	;;
vm)
	debian "$work/root" udev,linux-image-cloud-amd64,initramfs-tools,zstd,apparmor
	echo vmhost >"$work/root/etc/hostname"
	here=$(dirname "$0")
	install -D -m 0755 "$here/vm-run.sh" "$work/root/usr/lib/e2e/run"
	install -D -m 0644 "$here/vm-run.service" "$work/root/etc/systemd/system/e2e.service"
	ln -sf ../e2e.service "$work/root/etc/systemd/system/multi-user.target.wants/e2e.service"
	mkdir "$work/vm"
	cp "$work"/root/boot/vmlinuz-* "$work/vm/vmlinuz"
	cp "$work"/root/boot/initrd.img-* "$work/vm/initrd"
	mke2fs -q -t ext4 -E lazy_itable_init=1,lazy_journal_init=1 -d "$work/root" "$work/vm/disk.img" 6G
	mv -T "$work/vm" "$out"
	;;
*)
	echo "root.sh: unknown kind $kind" >&2
	exit 2
	;;
esac
