#!/bin/bash
# Runs inside the virtual machine at every boot. The second disk is a tar of what the test hands over: /e2e/script, /e2e/boots and files of
# its own. All that the story prints goes to ttyS1 raw; the line "e2e: exit N" ends it.
exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo
state=/var/lib/e2e
mkdir -p $state
boot=$(($(cat $state/boot 2>/dev/null || echo 0) + 1))
echo $boot >$state/boot.new && mv $state/boot.new $state/boot && sync
echo "e2e: boot $boot"

if [ $boot = 1 ]; then
	# The exit status of tar alone says whether all arrived: the disk is longer than the archive.
	tar -x -f /dev/vdb -C / --numeric-owner || { echo "e2e: exit 125"; systemctl poweroff -ff >/dev/null; }
	systemctl daemon-reload
fi
systemctl is-system-running --wait >/dev/null

export BOOT=$boot HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
cd / && bash /e2e/script
code=$?
sync
if [ $code = 0 ] && [ $boot -lt "$(cat /e2e/boots)" ]; then
	systemctl --no-block reboot
	exit
fi
echo "e2e: exit $code"
# The disk is thrown away: nothing is worth an orderly shutdown.
systemctl poweroff -ff >/dev/null
