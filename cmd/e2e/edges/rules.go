package edges

// module is the prefix of our own import paths.
const module = "github.com/sysctr/sysctr/"

const (
	fileLines     = 300
	functionLines = 40
)

// rules is what the tree is held to.
type rules struct {
	// folders lists for each folder with Go code the folders it may import; "below/..." means below and all under it.
	folders map[string][]string
	// foreign lists for each module of others (or "C", which is cgo) the folders whose shipped code may import it; nil means all.
	foreign map[string][]string
	// testOnly are modules of others that only test files may import.
	testOnly []string
	// testHelp are folders that every test file may import.
	testHelp []string
	// calls lists for each function of package unix or syscall the folders whose shipped code may call it.
	calls map[string][]string
	// top is what the top level holds, besides names that begin with a dot.
	top []string
}

// design returns the rules of the design, section 4.
//
// long: a table
func design() rules {
	return rules{
		folders: map[string][]string{
			"cmd/sysctr":    {"cmd"},
			"cmd":           {"cmd/output", "cmd/transfer", "profiles/...", "overlay/...", "hooks/...", "systemd", "manager/..."},
			"cmd/output":    {"profiles/name"},
			"cmd/transfer":  {},
			"cmd/e2e":       {"cmd/e2e/need"},
			"cmd/e2e/need":  {},
			"cmd/e2e/edges": {},
			"cmd/e2e/qemu":  {},

			// What breaks sysctr on purpose looks at everything that it leaves.
			"cmd/e2e/faults": {"profiles/...", "manager/lxc", "manager/record", "manager/idrange", "manager/alive"},

			// The benchmark prepares containers that sysctr does not know, so it reaches below the command line.
			"cmd/e2e/bench/run":   {"cmd/e2e/bench"},
			"cmd/e2e/bench":       {"cmd/e2e/bench/floor", "profiles", "overlay/...", "manager/lxc", "manager/record", "manager/idrange", "manager/alive"},
			"cmd/e2e/bench/floor": {"overlay", "overlay/mount", "manager/lxc", "manager/idrange"},

			"profiles/name": {},
			"profiles":      {"profiles/name"},

			"overlay/beneath": {},
			"overlay":         {},
			"overlay/mount":   {"overlay"},
			"overlay/mask":    {"overlay", "overlay/beneath", "profiles"},
			"overlay/delta":   {"overlay", "overlay/beneath"},

			"hooks/pkgdb":      {},
			"hooks/generation": {"hooks/pkgdb"},
			"hooks":            {},

			"systemd":     {"profiles/name"},
			"systemd/ask": {},

			"manager/record":   {"profiles/...", "manager/idrange", "manager/alive"},
			"manager/idrange":  {},
			"manager/alive":    {},
			"manager/lxc":      {"profiles/...", "overlay/...", "systemd/ask", "manager/record", "manager/idrange", "manager/alive"},
			"manager/evidence": {"overlay/beneath", "manager/alive"},
			"manager/shadow":   {"overlay/delta", "hooks/..."},
			"manager/patch":    {"hooks/...", "manager/evidence", "manager/shadow"},
			"manager/roll":     {"profiles/...", "manager/record"},
			"manager/network":  {"profiles/..."},
			"manager/volume":   {"profiles/..."},
			"manager":          {"profiles/...", "overlay/...", "hooks/...", "systemd", "manager/..."},
		},
		foreign: map[string][]string{
			"C":                                {"manager/lxc"},
			"github.com/lxc/go-lxc":            {"manager/lxc", "cmd/e2e/bench/floor"}, // floor: what sysctr's start is compared with
			"gopkg.in/yaml.v3":                 {"profiles", "cmd/output"},
			"github.com/coreos/go-systemd/v22": {"systemd"},
			"github.com/godbus/dbus/v5":        {"systemd", "systemd/ask"}, // ask: tests only
			"github.com/spf13/cobra":           {"cmd"},
			"github.com/google/nftables":       {"manager/network"},
			"github.com/vishvananda/netlink":   {"manager/network"},
			"github.com/mdlayher/netlink":      {"manager/network"}, // nftables' own, for the size of its buffers
			"golang.org/x/term":                {"cmd", "cmd/output"},
			"golang.org/x/sys":                 nil,
			"golang.org/x/sync":                nil,
		},
		testOnly: []string{"github.com/google/go-cmp", "github.com/rogpeppe/go-internal"},
		testHelp: []string{"cmd/e2e", "cmd/e2e/need"},
		calls:    mountCalls("overlay/mount", "cmd/e2e", "cmd/e2e/need", "cmd/e2e/bench", "cmd/e2e/faults"), // private namespaces, and calls that are made to fail
		top: []string{
			"cmd", "hooks", "systemd", "ansible", "profiles", "overlay", "manager",
			"go.mod", "go.sum", "README.md", "Makefile", "LICENSE", "CHANGELOG.md",
			"bin", // built, and ignored by git
		},
	}
}

// mountCalls allows the system calls that change a mount table to folders alone, by name and by number.
func mountCalls(folders ...string) map[string][]string {
	calls := make(map[string][]string)
	for _, name := range []string{
		"Mount", "Unmount", "Fsopen", "Fspick", "Fsmount", "FsconfigSetString", "FsconfigSetFlag", "FsconfigSetFd", "FsconfigSetPath", "FsconfigSetBinary",
		"FsconfigCreate", "FsconfigReconfigure", "OpenTree", "MoveMount", "MountSetattr", "PivotRoot", "SYS_MOUNT", "SYS_UMOUNT2", "SYS_FSOPEN",
		"SYS_FSPICK", "SYS_FSMOUNT", "SYS_FSCONFIG", "SYS_OPEN_TREE", "SYS_MOVE_MOUNT", "SYS_MOUNT_SETATTR", "SYS_PIVOT_ROOT",
	} {
		calls[name] = folders
	}
	return calls
}
