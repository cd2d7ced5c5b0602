// Package network gives containers of managed interfaces their addresses, names, way out and published ports. What it decides is pure; what it
// does to the host is in effects.go alone: one bridge and two tables of nftables, both named here, made anew whenever they are asked for.
//
// The network is the managed bridge with its two subnets. An index is the place of an address in them: 1 is the host, a container's interface
// has one from 2 on, and its IPv4 and IPv6 address, its MAC and the name of its port all follow from it. A port is the host's end of a
// container's veth pair. An endpoint is one interface with all of these. Published says which port of the host is handed to which endpoint.
//
// Names need no daemon. The hosts file of containers (HostsFile) belongs into a directory that every container has as a read-only mount, with
// /etc/hosts a link into it: renamed into place, it is new in all running containers at once, and whatever reads names through the C library's
// "files" has it, before the network is up and without a port to attack. The host has the same lines as a block of its own /etc/hosts. A name
// server would be a process to keep alive and to patch, and machined's resolver answers on the host only.
//
// Rules and names follow from what all containers ask for (Claim), whether they run or not, so that a start and a stop leave them alone. The ports are
// liblxc's to make at each start, and go with the container. One such end takes 42 ms of waiting for the kernel when they come one after the other;
// side by side they wait together, and a restart of a hundred takes no longer than without a network. A namespace that outlives the container would
// spare even that, and belong to the host's user namespace: its root could not administer it.
//
// What it does not do: the forward chains of the host's other tables may still refuse what ours let pass, such as Docker's; where bridged packets
// pass the rules of routed ones (br_netfilter), a container reaches its own published port only by its own address; and a port published on ::1 cannot be handed on.
package network
