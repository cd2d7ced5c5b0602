package lxc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
	"github.com/sysctr/sysctr/overlay/mount"
)

// MounterUser is the system user, with a group of the same name, that owns nothing on the host and mounts the inner overlays.
const MounterUser = "sysctr-base"

// ErrNotPrepared says that the host lacks what 'sysctr host init' makes.
var ErrNotPrepared = errors.New("the host is not prepared; run 'sysctr host init'")

// Options say how a Starter works.
type Options struct {
	Dirs Dirs
	Unit bool // started by systemd as the unit of its one container: control groups below the unit's, no hook after the stop
	// Binary is the absolute path of sysctr itself, which liblxc's monitor runs after a reboot from inside or a failure; unused with Unit.
	Binary string
	Tries  int // see record.Live
	// Generation names the state of the host's packages as it is now, record.Mixed while it changes, "" if that cannot be told. It is asked
	// before and after the mounts of each start, so it has to be cheap. nil: it cannot be told.
	Generation func(context.Context) string
	// Network makes the host ready for what a container's spec asks of the network, and says what that is. nil: containers have the loopback alone.
	Network func(context.Context, record.Record) (Network, error)
}

func (o Options) network() func(context.Context, record.Record) (Network, error) {
	if o.Network == nil {
		return func(context.Context, record.Record) (Network, error) { return Network{}, nil }
	}
	return o.Network
}

func (o Options) generation() func(context.Context) string {
	if o.Generation == nil {
		return func(context.Context) string { return "" }
	}
	return o.Generation
}

// Starter starts containers. It lives in a process and mount namespace of its own (mount.Isolate) and is made for one batch: what it
// probed and planted holds for as long. It is safe for concurrent use.
type Starter struct {
	Host
	unit     bool
	binary   string
	tries    int
	store    record.Store
	session  *mount.Session
	masks    masks
	canary   mask.Canary
	base     []overlay.Filesystem
	apparmor bool
	swap     bool
	check    func(initPID int, p promised) error // verify, except in tests: a promise cannot be broken from outside
	packages func(context.Context) string        // Options.Generation, never nil
	network  func(context.Context, record.Record) (Network, error)

	probe      sync.Once
	probeErr   error
	idmapped   bool // layers can be idmapped; else they are written with shifted owners
	namespaces sharedNS
	launchers  launchers
}

// NewStarter looks at the host, drops a thread to the mounter's credentials and plants the canary. Close takes that back.
func NewStarter(o Options) (*Starter, error) {
	s := &Starter{
		unit: o.Unit, binary: o.Binary, tries: o.Tries, store: record.Open(o.Dirs.State), check: verify, packages: o.generation(), network: o.network(),
		masks: masks{Cache: mask.Cache{Dir: o.Dirs.Masks(), Root: "/"}, age: maskAge},
	}
	mounter, err := Mounter()
	if err != nil {
		return nil, err
	}
	if s.Host, err = OpenHost(o.Dirs); err != nil {
		return nil, err
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	if s.base, err = overlay.Filesystems(table, o.Dirs.State); err != nil {
		return nil, err
	}
	s.apparmor = appArmor()
	s.swap = accountsSwap(s.Layout)
	for _, dir := range []string{"rootfs", "lxc", "seed", "containers", "attach"} {
		if err := os.MkdirAll(filepath.Join(o.Dirs.Run, dir), 0o711); err != nil { // the container's root walks through
			return nil, fmt.Errorf("%w: %w", ErrNotPrepared, err)
		}
	}
	if err := record.WriteFile(s.policyFile(), policy, 0o600); err != nil {
		return nil, fmt.Errorf("write the system call policy: %w", err)
	}
	if err := mask.SweepCanaries(o.Dirs.Canary()); err != nil { // of killed starters
		return nil, err
	}
	if s.canary, err = mask.Plant(o.Dirs.Canary()); err != nil {
		return nil, err
	}
	if s.session, err = mount.Open(mount.Config{RunDir: o.Dirs.Run, Mounter: mounter}); err != nil {
		return nil, errors.Join(err, s.canary.Remove())
	}
	return s, nil
}

// Close removes the canary and unused masks, and ends the starter's thread and launchers. No start may be under way. Containers go on.
func (s *Starter) Close() error {
	s.session.Close()
	s.namespaces.close()
	return errors.Join(s.launchers.close(), s.canary.Remove(), s.sweepMasks())
}

// sweepMasks removes the masks that no container is mounted over any more: each change of the host makes a new one.
func (s *Starter) sweepMasks() error {
	generations, err := filepath.Glob(filepath.Join(s.Dirs.Masks(), "*", "*"))
	if err != nil {
		return err
	}
	keys := map[string]bool{}
	for _, g := range generations {
		keys[filepath.Dir(g)] = true
	}
	if len(generations) == len(keys) { // the newest of each key stays in any case; the common case costs no look at every container
		return nil
	}
	running, err := os.ReadDir(filepath.Join(s.Dirs.Run, "containers"))
	if err != nil {
		return err
	}
	var inUse []string
	for _, entry := range running {
		live, err := s.Live.Load(entry.Name())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil // it may use any of them
		}
		if live.Mask != "" {
			inUse = append(inUse, filepath.Join(s.Dirs.Masks(), live.Mask))
		}
	}
	return s.masks.Sweep(inUse)
}

func (s *Starter) policyFile() string { return filepath.Join(s.Dirs.LXC(), "seccomp.policy") }

// Mounter returns the credentials of MounterUser, or ErrNotPrepared.
func Mounter() (mount.Credentials, error) {
	u, err := user.Lookup(MounterUser)
	if err != nil {
		return mount.Credentials{}, fmt.Errorf("%w: there is no user %s", ErrNotPrepared, MounterUser)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return mount.Credentials{}, fmt.Errorf("look up %s: %w", MounterUser, err)
	}
	return mount.Credentials{UID: uid, GID: gid}, nil
}

// appArmor says whether the kernel confines with AppArmor, see apparmor(7).
func appArmor() bool {
	data, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && len(data) > 0 && data[0] == 'Y'
}

// accountsSwap says whether memory limits can bound swap too: by memory.swap.max, which the root group of cgroup v2 never has, or that of v1.
func accountsSwap(l alive.Layout) bool {
	pattern := "memory.memsw.limit_in_bytes"
	if l.Unified() {
		pattern = "*/memory.swap.max"
	}
	for _, root := range l.Mounts() {
		if found, err := filepath.Glob(filepath.Join(root, pattern)); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

// sharedNS keeps the user namespace of `isolation: shared`, which many containers of a batch map to.
type sharedNS struct {
	mu   sync.Mutex
	open map[idrange.Range]*os.File
}

// get returns the namespace of a range, made once. It stays the owner.
func (n *sharedNS) get(r idrange.Range) (*os.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ns, ok := n.open[r]; ok {
		return ns, nil
	}
	ns, err := UserNS(r)
	if err != nil {
		return nil, err
	}
	if n.open == nil {
		n.open = map[idrange.Range]*os.File{}
	}
	n.open[r] = ns
	return ns, nil
}

func (n *sharedNS) close() {
	for _, ns := range n.open {
		_ = ns.Close()
	}
}
