package manager

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/sysctr/sysctr/hooks/generation"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mask"
)

// openGenerations opens the archive of generations and describes this host. It is cheap.
func openGenerations(d lxc.Dirs) (*generation.Store, generation.Source, error) {
	store, err := generation.Open(filepath.Join(d.State, "generations"))
	if err != nil {
		return nil, generation.Source{}, err
	}
	filesystems, err := baseFilesystems(d)
	if err != nil {
		return nil, generation.Source{}, err
	}
	source, err := HostSource("/", filesystems, func() ([]mask.Rules, error) { return rulesOf(d) })
	return store, source, err
}

// baseFilesystems are those of the host that belong to the base.
func baseFilesystems(d lxc.Dirs) ([]overlay.Filesystem, error) {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return overlay.Filesystems(table, d.State)
}

// rulesOf are the rules of all containers. Records that cannot be used have none: their containers do not start.
func rulesOf(d lxc.Dirs) ([]mask.Rules, error) {
	entries, err := record.Open(d.State).List()
	if err != nil {
		return nil, err
	}
	rules := make([]mask.Rules, len(entries))
	for i, e := range entries {
		rules[i] = lxc.Rules(e.Record.Spec)
	}
	return rules, nil
}

// generationsInUse returns whether a start or a delta goes back to a generation.
func (m *Manager) generationsInUse() func(int) bool {
	used := sync.OnceValues(func() (map[int]bool, error) {
		w, err := m.Observe()
		used := map[int]bool{}
		for _, c := range w.Containers {
			mounted, _ := strconv.Atoi(c.Live.Generation)
			used[mounted], used[c.Record.Born] = true, true
		}
		return used, err
	})
	return func(number int) bool {
		numbers, err := used()
		return err != nil || numbers[number]
	}
}

// retake has the newest generation show what new containers see besides, so that their first start is on one that does. Without it they are
// unknown until they are restarted.
func retake(ctx context.Context, d lxc.Dirs) {
	store, source, err := openGenerations(d)
	if err == nil {
		_, _ = store.Take(ctx, source) // see above
	}
}

// bornOn is the number of the newest generation of the host, 0 if there is none or it cannot be told: then everything counts as changed since.
func bornOn(ctx context.Context, d lxc.Dirs) int {
	store, source, err := openGenerations(d)
	if err != nil {
		return 0
	}
	info, _ := store.Current(ctx, source) // with an error it is one that is too old, which is safe
	return info.Number
}

// restless returns what says why a start would be mixed at the moment of each call, "" if it would not. That it cannot be told is no rest.
func restless(d lxc.Dirs) func(context.Context) string {
	open := sync.OnceValues(func() (func(context.Context) (string, error), error) {
		store, source, err := openGenerations(d)
		return func(ctx context.Context) (string, error) { return store.Restless(ctx, source) }, err
	})
	return func(ctx context.Context) string {
		look, err := open()
		var reason string
		if err == nil {
			reason, err = look(ctx)
		}
		if err != nil {
			return "it cannot be told: " + err.Error()
		}
		return reason
	}
}

// present returns what names the generation of the host at the moment of each call, for starts; see lxc.Options. Where it cannot be told the
// name is empty, which is never taken for good.
func present(d lxc.Dirs) func(context.Context) string {
	open := sync.OnceValues(func() (func(context.Context) (generation.Info, error), error) {
		store, source, err := openGenerations(d)
		return func(ctx context.Context) (generation.Info, error) { return store.Current(ctx, source) }, err
	})
	return func(ctx context.Context) string {
		current, err := open()
		if err != nil {
			return ""
		}
		info, _ := current(ctx) // with an error it is one that a start may keep all the same
		switch {
		case info.Mixed:
			return record.Mixed
		case info.Number == 0:
			return ""
		}
		return strconv.Itoa(info.Number)
	}
}
