# Runs in the virtual machine at each boot, see TestQEMU. It prints facts, one a line; the test says which it wants.
set -u

states() { # states WORD: one line of all containers
	echo "$1 $(sysctr list -o json | sed -n 's/^ *"\(name\|state\)": "\(.*\)",$/\2/p; s/^ *"ready": \(.*\),$/\1,/p' | tr '\n' ' ' | sed 's/ $//')"
}
at() { echo "at $(cut -d. -f1 /proc/uptime)s: $1"; } # where the time goes
init() { sysctr list "$1" -o json | sed -n 's/^ *"pid": \([0-9]*\),$/\1/p'; }
sealed() { # sealed FILE...: what web1 makes of them
	local out code
	for file; do
		out=$(sysctr exec web1 -- cat "$file" 2>&1) && code=0 || code=$?
		echo "sealed $file: $out; $code"
	done
}

reach() { # reach SUMMARY COMMAND...: whether one echo request is answered
	local summary=$1 answer
	shift
	answer=$("$@" 2>&1)
	echo "net $summary $(grep -o '[01] received' <<<"$answer" || echo "$answer")"
}

echo "boot $BOOT"
if [ "$BOOT" = 2 ]; then
	at booted
	states ready
	echo "state $(systemctl is-system-running)"
	echo "delta $(sysctr exec web1 -- cat /var/kept)"
	reach "web1 to web2" sysctr exec web1 -- ping -c1 -W10 web2
	sealed /etc/secret
	cat /srv/given
	ls /run/volatile 2>/dev/null || echo "/run is new"
	exit 0
fi

at booted
echo "kernel $(uname -r)"
echo "cgroup $(stat -fc %T /sys/fs/cgroup) $(cat /sys/fs/cgroup/cgroup.controllers)"
echo "apparmor module $(cat /sys/module/apparmor/parameters/enabled)"
echo "newuidmap $(command -v newuidmap)"
echo "state $(systemctl is-system-running || systemctl --failed --plain --no-legend)"
echo "root $(findmnt -no FSTYPE /)"
cat /srv/given
touch /run/volatile
truncate -s 32M /srv/opt.img && mkfs.ext4 -q /srv/opt.img && mount -o loop /srv/opt.img /opt || exit 1
echo open >/etc/closed
sysctr host init && sysctr doctor -o wide || exit 1
at prepared
sysctr create web1 web2 --set autostart=true --set limits.memory=128M --set limits.pids=300 || exit 1
sysctr create web3 || exit 1
sysctr create cmd1 --profile command --set 'command=[/bin/sleep, 100000]' || exit 1
at created
sysctr start all || exit 1
at started
states ready
sysctr exec 'web<1..3>' --fold -- systemctl is-system-running
sysctr exec all --fold -- id -u

at entered
pid=$(init web1)
echo "uid web1 $(echo $(cat "/proc/$pid/uid_map"))"
echo "owner web1 $(sysctr exec web1 -- stat -c '%u %g %a %n' /usr/bin/passwd)"
for name in web1 cmd1; do echo "apparmor $name $(tr -d '\0' <"/proc/$(init $name)/attr/current")"; done

# After the start, so that nothing but the rule can seal them.
(umask 077 && echo secret >/etc/secret && echo secret >/opt/secret)
(umask 022 && echo open >/etc/twin && echo open >/opt/twin)
chmod 600 /etc/closed
sealed /etc/secret /etc/twin /opt/secret /opt/twin /etc/closed
echo "hashes $(sysctr exec web1 -- grep -c ':[$]' /etc/shadow)"

reach "web1 to web2" sysctr exec web1 -- ping -c1 -W10 web2
reach "web1 to cmd1, by full name" sysctr exec web1 -- ping -c1 -W10 cmd1.sysctr
reach "web1 to web2, IPv6" sysctr exec web1 -- ping -6 -c1 -W10 web2
reach "the host to web3" ping -c1 -W10 web3
echo "net holds $(sysctr net show | sed -n 's/^Missing: *//p')"
at sealed
group=/sys/fs/cgroup$(sed -n 's,/init.scope$,,; s/^0:://p' "/proc/$pid/cgroup")
echo "limit memory $(cat "$group/memory.max" "$group/memory.swap.max" | tr '\n' ' ')pids $(cat "$group/pids.max")"
sysctr exec web1 -- python3 -c 'bytearray(300 << 20)'
echo "alloc $?"
sysctr exec web1 -- python3 -c '
import os, signal
children = []
try:
    while len(children) < 1000:
        pid = os.fork()
        if pid == 0:
            signal.pause()
        children.append(pid)
except BlockingIOError:
    print("bomb stopped at", len(children), "of 1000")
for pid in children:
    os.kill(pid, signal.SIGKILL)
'
states after
sysctr exec web1 -- sh -c 'echo mine >/var/kept' && echo "delta $(sysctr exec web1 -- cat /var/kept)"

at limited
systemctl stop sysctr@web3
echo "stopped $(states '' | sed 's/.*\(web3 .*\),$/\1,/; s/^ *//') $(systemctl is-active sysctr@web3)"
# A monitor that is killed leaves its container's policy in the kernel.
sysctr create gone1 --profile command --set 'command=[/bin/sleep, 100000]' --set restart=never && sysctr start gone1
kill -9 "$(systemctl show sysctr@gone1 -p MainPID --value)"
sysctr exec web2 -- cat /etc/twin >/dev/null
echo new >/etc/twin.new && chmod 644 /etc/twin.new && mv /etc/twin.new /etc/twin
cache() { stat -c %Y /var/cache/lxc/apparmor/*/lxc-"$1"_* 2>/dev/null | tr '\n' ' '; } # when its policy was compiled
compiled=$(cache web2)
kill -9 "$(systemctl show sysctr@web2 -p MainPID --value)"
sysctr wait web2 --timeout 2m
for _ in $(seq 60); do healed=$(sysctr exec web2 -- cat /etc/twin 2>/dev/null) && break || sleep 1; done
echo "healed $healed"
[ -n "$compiled" ] && [ "$compiled" = "$(cache web2)" ] && echo "compiled once"
at healed
sysctr destroy gone1 --yes --force
echo "policies of gone1: $(grep -c gone1 /sys/kernel/security/apparmor/profiles) $(ls /sys/kernel/security/apparmor/policy/namespaces | grep -c gone1) $(cache gone1)"
umount /opt # not in fstab
