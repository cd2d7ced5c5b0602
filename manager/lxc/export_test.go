package lxc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/sysctr/sysctr/overlay/mask"
)

// What tests look at from inside.
var (
	CheckTrailer = checkTrailer
	Listen       = listen
	Orphans      = orphans
)

// Policy is the system call policy.
func Policy() []byte { return policy }

// Wait and Close are those of the notify socket.
func (n *notify) Wait(ctx context.Context, init int) error { return n.wait(ctx, init) }

func (n *notify) Close() error { return n.close() }

// Promised is what a container must look like.
type Promised = promised

// Verify checks the promises of a running container.
var Verify = verify

// Promise makes every start of the starter check other promises than it should.
func (s *Starter) Promise(change func(*Promised)) {
	s.check = func(pid int, p promised) error {
		change(&p)
		return verify(pid, p)
	}
}

// ExecWithin is Exec with another time for entering.
func (p *Program) ExecWithin(deadline time.Duration) func(context.Context, Attach, Streams) (int, error) {
	return func(ctx context.Context, a Attach, s Streams) (int, error) { return p.execWithin(ctx, a, s, deadline) }
}

// WithEnv is the program with more of an environment.
func (p *Program) WithEnv(env ...string) *Program {
	return &Program{name: p.name, file: p.file, env: env}
}

// Copy is the program in memory.
func (p *Program) Copy() *os.File { return p.copy }

// Canary returns the paths of the starter's own canary, whose name nothing else tells.
func (s *Starter) Canary() []string {
	name := regexp.MustCompile("canary-[0-9a-f]{16}").FindString(fmt.Sprintf("%+v", s.canary))
	return []string{filepath.Join(s.Dirs.Canary(), name+".sealed"), filepath.Join(s.Dirs.Canary(), name+".twin")}
}

// LauncherVerb is the argument under which the test binary is a launcher.
const LauncherVerb = launcherVerb

// Patience makes the starter wait for a launcher no longer than this.
func (s *Starter) Patience(d time.Duration) { s.launchers.patience = d }

// Launch has liblxc start what is configured.
func (s *Starter) Launch(name string, argv ...string) error {
	_, err := s.launch(name, argv)
	return err
}

// Launchers are the process ids of the starter's idle launchers.
func (s *Starter) Launchers() []int {
	var pids []int
	for _, l := range s.launchers.idle {
		pids = append(pids, l.cmd.Process.Pid)
	}
	return pids
}

// Masks is a cache of masks that goes by one look at the host for as long as age.
func Masks(c mask.Cache, age time.Duration) interface {
	Get(r mask.Rules, shift mask.Shift, mounts []string) (mask.Set, error)
} {
	return &masks{Cache: c, age: age}
}

// UntilEscape copies what is typed.
var UntilEscape = untilEscape

// Mend and GiveBack are the two ends of a delta's reserve.
var (
	Mend     = mend
	GiveBack = giveBack
)
