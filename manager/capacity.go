package manager

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/sysctr/sysctr/profiles"
)

// ErrCapacity refuses to make more containers than the host is known to hold.
var ErrCapacity = errors.New("the host cannot hold as many containers")

// Kind is what of a container decides how much it takes of a host at rest.
type Kind string

// The kinds. Each container is of one of the first two, which are those of the built-in profiles, and of some of the others besides.
const (
	System        Kind = "system"         // boots systemd
	Command       Kind = "command"        // runs one program
	Private       Kind = "private"        // has a range of ids of its own, whose root owns its user namespace
	RootedSystem  Kind = "rooted system"  // its user namespace is the host's own, or owned by the host's root
	RootedCommand Kind = "rooted command" // the same
	Port          Kind = "port"           // each of its managed interfaces
)

// KindOf returns the kind of the containers of a spec.
func KindOf(s profiles.Spec) Kind {
	if len(s.Command) > 0 {
		return Command
	}
	return System
}

// Fleet counts something by kind: containers, or what one container of each takes.
type Fleet map[Kind]int64

// FleetOf is so many containers of one spec.
func FleetOf(s profiles.Spec, n int64) Fleet {
	fleet := Fleet{KindOf(s): n}
	switch {
	case s.Isolation == profiles.Private:
		fleet[Private] = n
	case KindOf(s) == Command:
		fleet[RootedCommand] = n
	default:
		fleet[RootedSystem] = n
	}
	if each := managed(s); each > 0 {
		fleet[Port] = n * each
	}
	return fleet
}

// Resource is something of the host that all containers share, and what one container at rest takes of it. What the kernel limits for each user
// (inotify and namespaces) it charges also to the owner of the user namespace in which it is made (see inc_ucount in the kernel's kernel/ucount.c).
// That is a user of the container's own where its range is; the others share root's limit with each other and with the host.
type Resource struct {
	Name   string // for people, in the plural
	Sysctl string // sysctl(8) key of the limit, empty for what is not one
	Each   Fleet  // what one container takes
	From   string // where that figure comes from
	Host   int64  // what is left to the host itself
	Want   int64  // what host init raises the limit to; 0 if it does not, because the machine bounds it or it is the administrator's
	Left   bool   // the supply is what is free now, so that existing containers have their part already
	Soft   bool   // containers that want more than is free now get it at the cost of others: warned of only
	Bytes  bool
	Remedy string // where there is no sysctl
}

// Resources are what the capacity of a host is made of. What a container takes was measured on Debian 12 (systemd 252, liblxc 5.0, Linux 6.18)
// over ten containers of each built-in profile, and is rounded up; a test measures it again.
//
// long: a table
func Resources() []Resource {
	return []Resource{
		{
			Name: "id ranges", Each: Fleet{Private: 1}, From: "its own; none with isolation: shared",
			Remedy: "destroy containers, or give them isolation: shared",
		},
		{
			Name: "inotify instances", Sysctl: "fs.inotify.max_user_instances", Each: Fleet{RootedSystem: 7}, Host: 64, Want: 32768,
			From: "PID 1 has five, logind and dbus-daemon one each",
		},
		{
			Name: "inotify watches", Sysctl: "fs.inotify.max_user_watches", Each: Fleet{RootedSystem: 32}, Host: 4096, Want: 1 << 20,
			From: "21 at rest",
		},
		{
			Name: "terminals", Sysctl: "kernel.pty.max", Each: Fleet{System: 1, Command: 1}, Host: 1024, Want: 8192,
			From: "the console; the host alone has kernel.pty.reserve",
		},
		{
			Name: "process ids", Sysctl: "kernel.pid_max", Each: Fleet{System: 5, Command: 3}, Host: 2048, Want: 1 << 22,
			From: "at rest, with LXC's monitor; limits.pids is how many a container may have",
		},
		{
			Name: "threads", Sysctl: "kernel.threads-max", Each: Fleet{System: 5, Command: 3}, Host: 1024,
			From: "at rest, with LXC's monitor",
		},
		{
			Name: "open files", Sysctl: "fs.file-max", Each: Fleet{System: 128, Command: 64}, Host: 8192,
			From: "112 and 45 at rest, most of them of LXC's monitor",
		},
		{
			Name: "user namespaces", Sysctl: "user.max_user_namespaces", Each: Fleet{RootedSystem: 2, RootedCommand: 2}, Host: 64,
			From: "its own, and the one that its base is mapped by",
		},
		{
			Name: "mount namespaces", Sysctl: "user.max_mnt_namespaces", Each: Fleet{RootedSystem: 3, RootedCommand: 2}, Host: 64,
			From: "its own, its starter's, and one for each service with a sandbox",
		},
		{
			Name: "network namespaces", Sysctl: "user.max_net_namespaces", Each: Fleet{RootedSystem: 1, RootedCommand: 1}, Host: 64,
			From: "its own",
		},
		{
			Name: "pid namespaces", Sysctl: "user.max_pid_namespaces", Each: Fleet{RootedSystem: 1, RootedCommand: 1}, Host: 64,
			From: "its own",
		},
		{
			Name: "uts namespaces", Sysctl: "user.max_uts_namespaces", Each: Fleet{RootedSystem: 2, RootedCommand: 1}, Host: 64,
			From: "its own, and one for each service that may not set the host name",
		},
		{
			Name: "ipc namespaces", Sysctl: "user.max_ipc_namespaces", Each: Fleet{RootedSystem: 1, RootedCommand: 1}, Host: 64,
			From: "its own",
		},
		{
			Name: "cgroup namespaces", Sysctl: "user.max_cgroup_namespaces", Each: Fleet{RootedSystem: 1, RootedCommand: 1}, Host: 64,
			From: "its own",
		},
		{
			Name: "addresses", Each: Fleet{Port: 1}, From: "one place in the managed network for each managed interface",
			Remedy: "write a larger network.ipv4 into /etc/sysctr/config.yaml, or give containers another network",
		},
		{
			Name: "ports of the bridge", Each: Fleet{Port: 1}, From: "the kernel's bound for each bridge, of containers that run",
			Remedy: "give some containers an interface of type bridge, on one of your own, or network: none",
		},
		{
			Name: "memory", Each: Fleet{System: 10 << 20, Command: 2 << 20}, Host: 128 << 20, Bytes: true, Remedy: "add memory or swap",
			From: "8 MB inside and 2 MB of LXC's monitor; 0.7 MB and 0.7 MB. Swap counts, since idle containers can be there",
		},
		{
			Name: "available memory", Each: Fleet{System: 10 << 20, Command: 2 << 20}, Host: 64 << 20, Bytes: true, Left: true, Soft: true,
			From: "as memory", Remedy: "stop something, or add memory",
		},
		{
			Name: "disk space", Each: Fleet{System: 1536 << 10, Command: 384 << 10}, Host: 256 << 20, Bytes: true, Left: true,
			From: "a delta after its first boot: 700 KB and 300 KB, the journal and the reserve among them", Remedy: "make room on the filesystem of the state directory",
		},
		{
			Name: "inodes", Each: Fleet{System: 160, Command: 48}, Host: 4096, Left: true,
			From: "a delta after its first boot: 113 files and 6, and 35 of the reserve", Remedy: "make room on the filesystem of the state directory",
		},
	}
}

// Supply is how much of each resource, by its name, a host has. What could not be read is not in it, and refuses nothing.
type Supply map[string]int64

// Room is what a fleet leaves of a resource.
type Room struct {
	Resource
	Have int64 // all of it
	Free int64 // what is left when the host and the fleet have theirs; negative if it is too little
}

// Rooms returns, in the order of Resources, what a fleet leaves of each resource that is known.
func (s Supply) Rooms(fleet Fleet) []Room {
	var rooms []Room
	for _, r := range Resources() {
		have, known := s[r.Name]
		if !known {
			continue
		}
		free := have - r.Host
		if !r.Left {
			free -= r.Takes(fleet)
		}
		rooms = append(rooms, Room{Resource: r, Have: have, Free: free})
	}
	return rooms
}

// Takes is what a fleet at rest takes of the resource.
func (r Resource) Takes(fleet Fleet) int64 {
	var sum int64
	for kind, n := range fleet {
		sum += n * r.Each[kind]
	}
	return sum
}

// More is how many further containers of one spec fit, math.MaxInt64 if they take nothing.
func (r Room) More(spec profiles.Spec) int64 {
	each := r.Takes(FleetOf(spec, 1))
	if each == 0 {
		return math.MaxInt64
	}
	return max(r.Free, 0) / each
}

// Fits tells whether the containers of one more fleet fit.
func (r Room) Fits(more Fleet) bool {
	takes := r.Takes(more)
	return takes == 0 || takes <= r.Free
}

// title names the limit with its value, as the administrator finds it.
func (r Room) title() string {
	value := strconv.FormatInt(r.Have, 10) + " "
	if r.Bytes {
		value = size(r.Have) + " of "
	}
	switch {
	case r.Sysctl != "":
		return r.Sysctl + " is " + strconv.FormatInt(r.Have, 10)
	case r.Left:
		return value + r.Name + " left"
	default:
		return value + r.Name
	}
}

// enough says how many more containers of a spec there is room for.
func (r Room) enough(spec profiles.Spec) string {
	const many = 1000000
	kind, more := KindOf(spec), r.More(spec)
	switch {
	case more == math.MaxInt64:
		return fmt.Sprintf("of which these %s containers take none", kind)
	case more > many:
		return fmt.Sprintf("enough for over a million more %s containers", kind)
	default:
		return fmt.Sprintf("enough for %d more %s containers", more, kind)
	}
}

// remedy says what to do where a resource is too small by so much.
func (r Room) remedy(short int64) string {
	switch {
	case r.Want > r.Have && r.Want-r.Have >= short:
		return fmt.Sprintf("run 'sysctr host init': it raises it to %d", r.Want)
	case r.Sysctl != "":
		return fmt.Sprintf("raise it with sysctl(8): %s = %d", r.Sysctl, r.Have+short)
	default:
		return r.Remedy
	}
}

// size writes bytes for people.
func size(bytes int64) string {
	const mega = 1 << 20
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GB", float64(bytes)/(1<<30))
	}
	return fmt.Sprintf("%d MB", bytes/mega)
}

// Refuse returns an error wrapping ErrCapacity, with the name and value of the first limit that a fleet and n containers of a spec beside it
// exceed, and what to do about it; nil if all of them fit. What is merely free now refuses nothing: it changes, and the kernel says when it is
// used up.
func (s Supply) Refuse(fleet Fleet, spec profiles.Spec, n int64) error {
	more := FleetOf(spec, n)
	for _, room := range s.Rooms(fleet) {
		if !room.Left && !room.Fits(more) {
			return fmt.Errorf("%w: %s, %s, and these are %d; %s",
				ErrCapacity, room.title(), room.enough(spec), n, room.remedy(room.Takes(more)-room.Free))
		}
	}
	return nil
}

// Fleet counts the containers of the world. One whose record cannot be read counts as what takes most.
func (w World) Fleet() Fleet {
	fleet := Fleet{}
	for _, c := range w.Containers {
		for kind, n := range FleetOf(c.Record.Spec, 1) {
			fleet[kind] += n
		}
		if c.Err != nil {
			fleet[Private]++
		}
	}
	return fleet
}

// Makes is how many containers a plan of creations makes.
func (p Plan) Makes() int64 {
	var n int64
	for _, s := range p.Steps {
		if s.Action == Create && s.Err == nil {
			n++
		}
	}
	return n
}
