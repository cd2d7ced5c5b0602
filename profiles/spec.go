package profiles

// Spec is a profile resolved for one container: inert, complete and comparable. It is stored in the record as JSON, so it is outside input
// each time it is loaded: call Validate before it is used. Every field of the JSON has the name of the profile's key.
type Spec struct {
	// Profile is the name of the profile the spec was resolved from.
	Profile string `json:"profile"`
	// Set are the --set values that were laid over the profile, KEY=VALUE, in their order, so that the spec can be resolved anew when the
	// profile has changed. They say how the spec came about and not what it is: Equal and Diff leave them out.
	Set         []string `json:"set,omitempty"`
	Description string   `json:"description,omitempty"`
	// Init is the argv of PID 1 of a system container, Command what a command container runs below liblxc's init. Exactly one is set.
	Init        []string          `json:"init,omitempty"`
	Command     []string          `json:"command,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`
	Isolation   Isolation         `json:"isolation"`
	// Units are the systemd units that are enabled in the container, with their suffix; the unit files are the host's. Only with Init.
	Units []string `json:"units,omitempty"`
	// Hide and Share are absolute clean paths, hidden from the container in addition to the default, or shown although hidden by default.
	Hide  []string `json:"hide,omitempty"`
	Share []string `json:"share,omitempty"`
	// Mounts are bind mounts from the host, made in this order.
	Mounts []Mount `json:"mounts,omitempty"`
	Limits Limits  `json:"limits"`
	// Drop are capabilities taken away besides those that no container has, lower case and without "cap_".
	Drop      []string `json:"drop,omitempty"`
	Autostart bool     `json:"autostart"`
	// Priority is 0 to 100; higher starts first and stops last.
	Priority int      `json:"priority"`
	Stop     Stop     `json:"stop"`
	Tags     []string `json:"tags,omitempty"`
	Restart  Restart  `json:"restart"`

	// Network are the interfaces besides the loopback.
	Network []Interface `json:"network,omitempty"`
	// Ports are in the form that ParsePort reads.
	Ports []string `json:"ports,omitempty"`

	// The following are validated and kept, and are acted upon by later versions; Warnings says so where one is set.
	Volumes []Volume `json:"volumes,omitempty"`
	Patch   Patch    `json:"patch"`
	Usr     Usr      `json:"usr"`
}

// Isolation says which user ids of the host the container's ids are.
type Isolation string

// The isolations. Private is the default; Privileged must be written out, and Warnings says what it means.
const (
	Private    Isolation = "private"    // a range of 65536 ids of its own
	Shared     Isolation = "shared"     // one range for all containers of this isolation
	Privileged Isolation = "privileged" // no user namespace: root inside is root of the host
)

// Mount is one bind mount from the host.
type Mount struct {
	// Source is an absolute clean path of the host, Target one in the container.
	Source string `json:"source"`
	Target string `json:"target"`
	// ReadOnly is the default in a profile.
	ReadOnly bool `json:"readonly"`
	// Create says what to make of a missing target: CreateDir, CreateFile, or nothing if empty.
	Create Create `json:"create,omitempty"`
}

// Create says what a missing mount target is made as.
type Create string

// What a missing mount target is made as.
const (
	CreateDir  Create = "dir"
	CreateFile Create = "file"
)

// Limits are the resource limits of the container as a whole. Zero means no limit, except Pids, which always has one.
type Limits struct {
	Memory int64 `json:"memory,omitempty"` // bytes
	CPU    int64 `json:"cpu,omitempty"`    // thousandths of one core
	Pids   int64 `json:"pids"`             // processes and threads
}

// Stop says how the container is asked to end, and how long it may take before it is killed.
type Stop struct {
	// Signal is sent to the container's PID 1 as the host sees it; SignalNumber translates it.
	Signal  string   `json:"signal"`
	Timeout Duration `json:"timeout"`
}

// Restart says when a container that ended by itself is started again.
type Restart string

// The restart policies; OnFailure is the default. A reboot from inside always starts the container anew.
const (
	OnFailure Restart = "on-failure"
	Always    Restart = "always"
	Never     Restart = "never"
)

// Interface is one network interface of the container. A spec without any has only the loopback.
type Interface struct {
	Name string `json:"name"`
	// Type is Managed (sysctr's own bridge), Bridge (an existing one) or Macvlan.
	Type Link `json:"type"`
	// Parent is the host's bridge, or the interface below a macvlan; empty for Managed.
	Parent string `json:"parent,omitempty"`
	// Addresses are in CIDR notation; empty leaves it to the pool (Managed) or to the container's own DHCP client.
	Addresses []string `json:"addresses,omitempty"`
	// Gateways are the routers that fixed addresses of a bridge or macvlan leave their network by; a managed interface has the host.
	Gateways []string `json:"gateways,omitempty"`
	MAC      string   `json:"mac,omitempty"`
	MTU      int      `json:"mtu,omitempty"`
	DNS      []string `json:"dns,omitempty"`
	// Isolated keeps the container from its neighbours on the managed bridge.
	Isolated bool `json:"isolated,omitempty"`
	// Open are the host's own ports that the container may reach, in the form that ParseService reads; none by default.
	Open []string `json:"open,omitempty"`
}

// Link is how an interface is connected.
type Link string

// The kinds of interfaces.
const (
	Managed Link = "managed"
	Bridge  Link = "bridge"
	Macvlan Link = "macvlan"
)

// Volume is a named directory that outlives the container.
type Volume struct {
	Name     string `json:"name"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readonly,omitempty"`
}

// Patch is what happens to the container after the host was patched. What it leaves empty is for the host's policy to say: Policy.For gives
// what holds.
type Patch struct {
	Mode  PatchMode  `json:"mode,omitempty"`
	Scope PatchScope `json:"scope,omitempty"`
	// MaxLag is how long an unaffected container may keep an older mount.
	MaxLag Duration `json:"max_lag,omitempty"`
	// MaxUnavailable is how many containers of the profile a roll may take down at once.
	MaxUnavailable Amount `json:"max_unavailable,omitempty"`
	// After are targets: a roll restarts this container after those.
	After []string `json:"after,omitempty"`
	// Window are the times at which a roll may restart it, as ParseWindow reads them.
	Window []string `json:"window,omitempty"`
	// Cooldown is how long after its last start a roll leaves it alone.
	Cooldown Duration `json:"cooldown,omitempty"`
	// Probe is run inside after a restart; the container is healthy when it exits 0 within ProbeTimeout.
	Probe        []string `json:"probe,omitempty"`
	ProbeTimeout Duration `json:"probe_timeout,omitempty"`
	// Packages says for single packages of the host what a change of theirs asks for.
	Packages map[string]Reaction `json:"packages,omitempty"`
}

// PatchMode says who decides about restarts after a patch.
type PatchMode string

// The patch modes; Auto is the default. Notify and Manual leave it to a command, and Notify says so; Off is left out even then.
const (
	Auto   PatchMode = "auto"
	Notify PatchMode = "notify"
	Manual PatchMode = "manual"
	Off    PatchMode = "off"
)

// PatchScope says which containers a patch restarts.
type PatchScope string

// The patch scopes; Affected is the default.
const (
	Affected PatchScope = "affected"
	All      PatchScope = "all"
)

// Reaction is what the change of one package asks for.
type Reaction string

// The reactions to the change of a package.
const (
	ReactRestart Reaction = "restart"
	ReactLazy    Reaction = "lazy"
	ReactIgnore  Reaction = "ignore"
)

// Usr says how the container gets the host's /usr.
type Usr string

// The ways of /usr. UsrOverlay is the default; UsrShared binds it read-only.
const (
	UsrOverlay Usr = "overlay"
	UsrShared  Usr = "shared"
)
