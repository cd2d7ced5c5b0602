package profiles_test

import (
	"strings"
	"testing"

	"github.com/sysctr/sysctr/profiles"
)

// Each line of input is a profile that is refused for its value; want is in the message.
func TestValuesThatAreRefused(t *testing.T) {
	long := strings.Repeat("a", 300)
	tests := []struct{ input, want string }{
		{"description: " + long, "longer than 200 bytes"},
		{"init: []", "must not be empty"},
		{"command: []", "must not be empty"},
		{"command: sleep", `command[0]: "sleep" is not an absolute path`},
		{"command: [/bin/x, 5]", `command[1]: must be a text, not the number "5"`},
		{"init: [/sbin/../x]", `"/sbin/../x" is not a clean path (write "/x")`},
		{"init: [/a" + strings.Repeat(", x", 64) + "]", "65 arguments, and 64 are allowed"},
		{"environment: {1A: x}", `environment.1A: "1A" is not the name of a variable`},
		{"environment: {A-B: x}", `"A-B" is not the name of a variable`},
		{"environment: {NOTIFY_SOCKET: x}", "NOTIFY_SOCKET is set by sysctr"},
		{"environment: {container: lxc}", "container is set by sysctr"},
		{"environment: {A: " + strings.Repeat("x", 4097) + "}", "longer than 4096 bytes"},
		{"isolation: public", `"public" is not known (known are private, shared, privileged)`},
		{"isolation: privilged", `did you mean "privileged"?`},
		{"units: [a/b]", `"a/b.service" is not a unit's name`},
		{"units: [foo.mount]", `unit "foo.mount" is of a kind that cannot be enabled here`},
		{"units: [getty@]", `"getty@.service" is a template`},
		{"units: [foo@.service]", `unit "foo@.service" is a template (write an instance of it: foo@NAME.service)`},
		{"{command: /bin/x, units: [ssh]}", "a container that runs a command has no systemd for units"},
		{"hide: [/usr]", "a container cannot live without /usr"},
		{"hide: [/]", "a container cannot live without /"},
		{"hide: [/srv/]", `"/srv/" is not a clean path (write "/srv")`},
		{"hide: [/" + long + "]", "a part of the path is longer than 255 bytes"},
		{"{hide: [/srv], share: [/srv]}", `share[0]: "/srv" is in hide, too`},
		{"mounts: [{source: /a}]", `mounts[0].target: "" is not an absolute path`},
		{"mounts: [{source: a, target: /b}]", `mounts[0].source: "a" is not an absolute path`},
		{"mounts: [{source: /, target: /b}]", `mounts[0].source: "/" cannot be mounted: it would bring in /etc/gshadow`},
		{"mounts: [{source: /etc, target: /b}]", "it would bring in /etc/gshadow"},
		{"mounts: [{source: /var/lib/sysctr/containers/db1/delta, target: /b}]", "it would bring in /var/lib/sysctr"},
		{"mounts: [{source: /proc/1/root, target: /b}]", "it would bring in /proc"},
		{"mounts: [{source: /a, target: /usr}]", `nothing can be mounted at "/usr"`},
		{"mounts: [{source: /a, target: /proc/sys}]", `nothing can be mounted at "/proc/sys"`},
		{"mounts: [{source: /a, target: /dev/.sysctr/notify}]", `nothing can be mounted at "/dev/.sysctr/notify"`},
		{"mounts: [{source: /a, target: /b, create: true}]", "must be a text"},
		{"mounts: [{source: /a, target: /b, create: fifo}]", `mounts[0].create: "fifo" is not known`},
		{"limits: {memory: 4K}", "limits.memory: 4K is not between 8M and 1024T"},
		{"limits: {memory: 1.5G}", "is not a size"},
		{"limits: {memory: -1}", "is not a size"},
		{"limits: {memory: 99999999999999999999}", "must be a size"},
		{"limits: {memory: 9999999999T}", "is not a size"},
		{"limits: {memory: 512MB}", "is not a size"},
		{"limits: {cpu: 0}", "is not a number of cores"},
		{"limits: {cpu: 1.2345}", "is not a number of cores"},
		{"limits: {cpu: 1e3}", "is not a number of cores"},
		{"limits: {cpu: .5}", "is not a number of cores"},
		{"limits: {cpu: .inf}", "is not a number of cores"},
		{"limits: {cpu: 9000}", "9000 is not between 0.01 and 8192 cores"},
		{"limits: {pids: 0}", "0 is not between 16 and 4194304"},
		{"limits: {pids: none}", "must be a whole number"},
		{"drop: [sys_root]", "drop[0]"},
		{"drop: [CAP_SYS_TIME]", `did you mean "sys_time"?`},
		{"priority: 101", "101 is not between 0 and 100"},
		{"priority: -1", "-1 is not between 0 and 100"},
		{"stop: {signal: SIGKILL}", `stop.signal: "SIGKILL" is not a signal that stops a container`},
		{"stop: {signal: SIGRTMIN+31}", "is not between SIGRTMIN+1 and SIGRTMIN+30"},
		{"stop: {signal: SIGRTMIN+03}", "is not between SIGRTMIN+1 and SIGRTMIN+30"},
		{"stop: {timeout: 30}", "stop.timeout: must be a duration such as 30s"},
		{"stop: {timeout: 1m30s}", "is not a duration"},
		{"stop: {timeout: 0s}", "0s leaves no time to stop"},
		{"stop: {timeout: 2h}", "2h is not between 1s and 1h"},
		{"stop: {timeout: 99999999999999999d}", "is not a duration"},
		{"tags: [A]", `tags[0]: bad name "A"`},
		{"tags: [all]", "the word is reserved"},
		{"restart: on-failre", `did you mean "on-failure"?`},
		{"network: [{type: managed}]", `network[0].name: "" is not the name of an interface`},
		{"network: [{name: lo, type: managed}]", `"lo" is taken`},
		{"network: [{name: eth0, type: veth}]", "known are managed, bridge, macvlan"},
		{"network: [{name: eth0, type: bridge}]", `network[0].parent: "" is not the name of an interface`},
		{"network: [{name: eth0, type: managed, parent: br0}]", "a managed interface has no parent"},
		{"network: [{name: a/b, type: managed}]", `"a/b" is not the name of an interface`},
		{"network: [{name: eth0, type: managed, mtu: 10}]", "10 is not between 576 and 65535"},
		{"network: [{name: eth0, type: managed, mac: '01:00:5e:00:00:01'}]", "is not the address of one interface"},
		{"network: [{name: a, type: managed, mac: '02:00:00:00:00:01'}, {name: b, type: managed, mac: '02:00:00:00:00:01'}]", "is taken"},
		{"network: [{name: eth0, type: managed, addresses: [10.0.0.1]}]", "is not an address with its prefix length"},
		{"network: [{name: eth0, type: managed, dns: [dns.example]}]", "is not the address of a name server"},
		{"network: [{name: a, type: managed, addresses: [10.1.0.2/16, 10.1.0.3/16]}]", "a managed interface has one address of each kind"},
		{"network: [{name: a, type: managed, addresses: [10.1.0.2/16], gateways: [10.1.0.1]}]", "a managed interface has the host"},
		{"network: [{name: a, type: bridge, parent: br0, addresses: [10.1.0.2/24], gateways: [10.1.1.1]}]", "is not another address in the network of one of the addresses"},
		{"network: [{name: a, type: bridge, parent: br0, gateways: [10.1.0.1]}]", "is not another address in the network of one of the addresses"},
		{"network: [{name: a, type: macvlan, parent: br0, isolated: true}]", "only managed interfaces can be"},
		{"network: [{name: a, type: bridge, parent: br0, open: ['53/udp']}]", "what a bridge reaches is not sysctr's to say"},
		{"network: [{name: a, type: managed, open: [dns]}]", "is not a port: write PORT[/tcp|/udp], such as 5432 or 53/udp"},
		{"network: [{name: a, type: managed, open: [0]}]", "must be"},
		{"network: [{name: a, type: managed, open: ['0/udp']}]", "is not a port"},
		{"network: [{name: a, type: managed, open: ['53/sctp']}]", "is not a port"},
		{"network: off", "must be a list"},
		{"ports: ['80']", "is not a port"},
		{"ports: ['0:80']", "is not a port"},
		{"ports: ['65536:80']", "is not a port"},
		{"ports: ['80:80/sctp']", "is not a port"},
		{"ports: ['::1:80:80']", "is not a port"},
		{"ports: ['[10.0.0.1]:80:80']", "is not a port"},
		{"ports: ['{80+m}:80']", "is not a port"},
		{"ports: ['host:80:80']", "is not a port"},
		{"ports: ['80:80', '80:81/tcp']", `ports[1]: the host's port of "80:81/tcp" is taken`},
		{"volumes: [{name: A, target: /a}]", `bad name "A"`},
		{"{volumes: [{name: a, target: /t}], mounts: [{source: /s, target: /t}]}", `volumes[0].target: something else is mounted at "/t"`},
		{"patch: {mode: of}", `patch.mode: "of" is not known (did you mean "off"?)`},
		{"patch: {scope: some}", "known are affected, all"},
		{"patch: {max_lag: 1s}", "1s is not between 1h and 365d"},
		{"patch: {max_unavailable: -1}", `"-1" is not an amount`},
		{"patch: {max_unavailable: 0}", `"0" is not an amount`},
		{"patch: {max_unavailable: 101%}", `"101%" is not an amount`},
		{"patch: {after: ['state:running']}", `"state:running" changes while a roll goes on`},
		{"patch: {after: [A]}", `bad name "A"`},
		{"patch: {window: ['Mon 25:00-26:00']}", "is not a window"},
		{"patch: {cooldown: 31d}", "31d is not between 0s and 30d"},
		{"patch: {probe_timeout: 1ms}", "1ms is not between 1s and 1h"},
		{"patch: {probe: curl}", `patch.probe[0]: "curl" is not an absolute path`},
		{"patch: {packages: {a/b: lazy}}", "is not the name of a package"},
		{"patch: {packages: {bash: never}}", "known are restart, lazy, ignore"},
		{"usr: bind", "known are overlay, shared"},
		{"tags: [" + numbered("t%d, ", 257) + "]", "257 entries, and 256 are allowed"},
	}
	for _, test := range tests {
		t.Run(test.input[:min(40, len(test.input))], func(t *testing.T) {
			_, err := profiles.Parse("web.yaml", []byte(test.input))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%.80s: got\n%v\nwant it to contain\n%s", test.input, err, test.want)
			}
		})
	}
}

func TestMandatoryCannotBeShared(t *testing.T) {
	for _, m := range profiles.Mandatory() {
		for _, p := range []string{m, m + "/below", above(m)} {
			_, err := profiles.Parse("web.yaml", []byte("share: ["+p+"]"))
			if err == nil || !strings.Contains(err.Error(), "cannot be shown") {
				t.Errorf("share of %s: error is %v", p, err)
			}
		}
		if _, err := profiles.Parse("web.yaml", []byte("share: ["+m+"x]")); err != nil {
			t.Errorf("a neighbour that only begins like %s: %v", m, err)
		}
	}
	profiles.Mandatory()[0] = "/changed"
	if profiles.Mandatory()[0] == "/changed" {
		t.Error("a caller can change the list")
	}
}

func above(p string) string {
	return p[:max(1, strings.LastIndex(p, "/"))]
}
