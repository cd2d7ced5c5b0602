package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/manager/record"
)

const mebi = 1 << 20

// sharers is how many containers are looked at for the library pages that they share.
const sharers = 20

// memory measures what a container holds of the machine's memory, by kind, and how far the containers share libraries.
func (s *stage) memory(ctx context.Context) error {
	s.report.head("memory of %d containers, each: control groups of payload and monitor, page tables and other kernel memory included", s.N)
	for _, kind := range []struct {
		profile string
		goal    float64
		shared  bool
	}{{"command", 1.5, false}, {"system", 8, true}} {
		err := s.memoryOf(ctx, kind.profile, kind.goal, kind.shared)
		_, destroyErr := s.sysctr(ctx, "destroy", s.target("memory", s.N), "--yes", "--force")
		if err := errors.Join(err, destroyErr); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) memoryOf(ctx context.Context, profile string, goal float64, shared bool) error {
	available, err := memAvailable()
	if err != nil {
		return err
	}
	if _, err := s.sysctr(ctx, "create", s.target("memory", s.N), "--profile", profile); err != nil {
		return err
	}
	if _, err := s.sysctr(ctx, "start", s.target("memory", s.N)); err != nil {
		return err
	}
	host, err := lxc.OpenHost(lxc.DefaultDirs())
	if err != nil {
		return err
	}
	lives, err := s.lives(host.Live)
	if err != nil {
		return err
	}
	used, err := settled(ctx, host.Layout, lives)
	if err != nil {
		return err
	}
	now, err := memAvailable()
	if err != nil {
		return err
	}
	s.printMemory(profile, goal, used, Sample{(available - now) / float64(s.N) / mebi})
	if shared {
		return s.sharing(lives)
	}
	return nil
}

func (s *stage) printMemory(profile string, goal float64, u usage, lost Sample) {
	both := make(Sample, len(u.payload))
	for i := range both {
		both[i] = u.payload[i] + u.monitor[i]
	}
	s.report.goal(profile, both, "MiB", goal)
	s.report.line("   payload", u.payload, "MiB")
	s.report.line("   monitor", u.monitor, "MiB")
	s.report.say("   %-43s %s MiB each, whoever else used or freed memory meanwhile", "MemAvailable went down by", figure(lost[0], lost[0]))
}

func (s *stage) lives(store record.LiveStore) ([]record.Live, error) {
	lives := make([]record.Live, 0, s.N)
	for _, name := range s.names("memory", s.N) {
		live, err := store.Load(name)
		if err != nil {
			return nil, err
		}
		lives = append(lives, live)
	}
	return lives, nil
}

// usage is what containers hold, in MiB, one value per container.
type usage struct{ payload, monitor Sample }

// settled reads the usage of containers until it changes by less than 1 % in half a second: what has just booted still works a little.
func settled(ctx context.Context, layout alive.Layout, lives []record.Live) (usage, error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	var before float64
	for range 20 {
		u, err := read(layout, lives)
		if err != nil {
			return u, err
		}
		now := u.payload.Sum() + u.monitor.Sum()
		if now > 0.99*before && now < 1.01*before {
			return u, nil
		}
		before = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return u, ctx.Err()
		}
	}
	return read(layout, lives)
}

func read(layout alive.Layout, lives []record.Live) (usage, error) {
	var u usage
	for _, live := range lives {
		payload, err := memoryIn(layout, live.Cgroup)
		if err != nil {
			return u, err
		}
		monitor, err := memoryIn(layout, live.MonitorCgroup)
		if err != nil {
			return u, err
		}
		u.payload, u.monitor = append(u.payload, payload), append(u.monitor, monitor)
	}
	return u, nil
}

func memoryIn(layout alive.Layout, group alive.Group) (float64, error) {
	tree, err := layout.Tree(group)
	if err != nil {
		return 0, err
	}
	memory := tree.Usage().Memory
	if !memory.OK {
		return 0, errors.New("no control group counts memory here")
	}
	return float64(memory.Value) / mebi, nil
}

// memAvailable returns what the kernel thinks could be used, in bytes, see proc_meminfo(5).
func memAvailable() (float64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	kib, ok := Field(string(text), "MemAvailable")
	if !ok {
		return 0, errors.New("no MemAvailable in /proc/meminfo")
	}
	return kib * 1024, nil
}

// sharing prints how much of libc's pages each init really pays for.
func (s *stage) sharing(lives []record.Live) error {
	var whole, own Sample
	for _, live := range lives[:min(sharers, len(lives))] {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", live.Init.PID))
		if err != nil {
			return err
		}
		rss, pss := Mapped(string(text), "/libc.so.6")
		whole, own = append(whole, rss), append(own, pss)
	}
	s.report.line(fmt.Sprintf("   libc in the init of %d of them: resident (Rss)", len(whole)), whole, "KiB")
	s.report.line("   its share of those pages (Pss)", own, "KiB")
	return nil
}
