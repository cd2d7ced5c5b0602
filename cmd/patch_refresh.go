package cmd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/sysctr/sysctr/cmd/output"
	"github.com/sysctr/sysctr/hooks"
	"github.com/sysctr/sysctr/hooks/pkgdb"
	"github.com/sysctr/sysctr/manager"
	"github.com/sysctr/sysctr/manager/roll"
	"github.com/sysctr/sysctr/profiles"
)

type refreshOptions struct {
	settle         time.Duration
	wait, detached bool
}

func (a *app) patchRefresh() *cobra.Command {
	var o refreshOptions
	c := &cobra.Command{
		Use: "refresh", Short: "Wait until the package manager has finished, and follow what it changed", Args: cobra.NoArgs,
		Long: `Takes the mark that package managers leave (see sysctr-hook(8)) and waits until none of them has
worked for a while: runs that follow each other are one. While packages are half installed it holds,
and goes on when somebody has finished them. Then it looks at what has changed and does what the
policy allows. What changes meanwhile is looked at afterwards; at once while the roll only waits.

It takes no lock of a package manager and can be ended at any time; the next one goes on. Of several
at once one works, and it looks again for the others. What fails is tried again for some minutes.
sysctr-refresh.service runs it.

` + output.ExitStatus(output.ExitError, output.ExitUsage, output.ExitHost),
		RunE: func(c *cobra.Command, _ []string) error {
			if o.detached {
				return detached()
			}
			if os.Geteuid() != 0 {
				return &output.Error{Message: "containers are root's", Hint: "run it with sudo"}
			}
			if !c.Flags().Changed("settle") {
				config, err := profiles.ReadConfig(a.etc + "/sysctr/config.yaml")
				if err != nil {
					return err
				}
				o.settle = time.Duration(config.Policy.Settle)
			}
			if o.settle < 0 {
				return usage(fmt.Errorf("--settle %v: want no less than 0s", o.settle))
			}
			return a.refresh(c.Context(), o)
		},
	}
	c.Flags().DurationVar(&o.settle, "settle", 0, "how long no package manager may have worked (default: the configuration's, 30s)")
	c.Flags().BoolVar(&o.wait, "wait", false, "wait for a refresh that is at work, instead of having it look once more")
	c.Flags().BoolVar(&o.detached, "detached", false, "give up what was inherited of the caller (for the script)")
	if err := c.Flags().MarkHidden("detached"); err != nil {
		panic(err) // it is there
	}
	return c
}

func (a *app) refresh(ctx context.Context, o refreshOptions) error {
	db, err := pkgdb.Detect("/")
	if err != nil {
		return &output.Error{Exit: output.ExitHost, Err: err}
	}
	r := hooks.Refresh{
		Clock: hooks.WallClock{}, Dir: hooks.Dir(a.dirs.Host()), Packages: packages{db}, Wait: o.wait, Settle: o.settle, Say: a.printer.Say,
		Again: a.passing,
		Look:  func(ctx context.Context) error { current(); return a.follow(ctx) },
	}
	ran, err := r.Run(ctx)
	if err == nil && !ran {
		a.printer.Say("another refresh is at work, and will look once more")
	}
	return a.unprepared(err)
}

// passing says whether what an error is about may pass by itself: bad configuration and a gate that stopped a roll are for a human.
func (a *app) passing(err error) bool {
	exit := output.ExitOf(a.translate(err))
	return exit == output.ExitError || exit == output.ExitBusy
}

// detached goes on as a refresh that keeps nothing of who started it: no descriptor, directory or variable. Shells close no descriptor
// above the ninth.
func detached() error {
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("give up descriptors: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("leave the caller's directory: %w", err)
	}
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	return fmt.Errorf("execute the refresh: %w", unix.Exec(self(), []string{"sysctr", "patch", "refresh"}, env))
}

// packages is the package database as a refresh wants it.
type packages struct{ db pkgdb.Database }

func (p packages) Busy(ctx context.Context) (string, error) {
	busy, err := p.db.Busy(ctx)
	if err != nil || !busy.Held {
		return "", err
	}
	who := "somebody"
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", busy.PID)); err == nil && busy.PID > 0 {
		who = fmt.Sprintf("%s (pid %d)", output.CleanLine(strings.TrimSpace(string(comm))), busy.PID)
	}
	return who + " holds " + busy.Lock, nil
}

func (p packages) Unclean(ctx context.Context) ([]string, error) {
	problems, err := p.db.Clean(ctx)
	var said []string
	for i, problem := range problems {
		if i == maxSaid {
			said = append(said, fmt.Sprintf("and %d more", len(problems)-i))
			break
		}
		said = append(said, output.CleanLine(problem.String()))
	}
	return said, err
}

// maxSaid is how many problems one message names.
const maxSaid = 5

// renewed names the file of the program that a refresh has executed in its own place, so that no file system on which that cannot be told makes it
// do so for ever.
const renewed = "SYSCTR_RENEWED"

// current has a refresh go on as the program that is installed by now, and begin anew, if that is another one: what follows a patch should be of
// one version, that of the units. On an error, as of a host without the program, the one that runs goes on.
func current() {
	var own, installed unix.Stat_t
	if unix.Stat("/proc/self/exe", &own) != nil || unix.Stat(self(), &installed) != nil || own.Dev == installed.Dev && own.Ino == installed.Ino {
		return
	}
	mark := strconv.FormatUint(installed.Ino, 10)
	if os.Getenv(renewed) != mark && os.Setenv(renewed, mark) == nil {
		_ = unix.Exec(self(), os.Args, os.Environ()) // returns only with an error
	}
}

// follow looks at every container, and rolls those to which the policy says so. A roll that was interrupted is finished first; one that a gate has
// stopped stays so until somebody resumes it.
func (a *app) follow(ctx context.Context) error {
	m, done, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer done()
	w, err := m.Observe()
	if err != nil {
		return err
	}
	p, mixed, err := a.planRoll(ctx, m, w, manager.RollOptions{})
	if err != nil {
		return err
	}
	if mixed {
		return hooks.Dir(a.dirs.Host()).Poke("refresh") // it settles again
	}
	r, err := roll.New("", p, time.Now())
	if err != nil {
		return err
	}
	a.sayLeft(r)
	_, active, err := m.Rolls().Active()
	if err != nil {
		return err
	}
	switch {
	case r.Count(roll.Pending) > 0:
		if err := m.Rolls().Submit(p); err != nil {
			return err
		}
	case !active:
		return nil
	}
	return a.escort(ctx, m)
}

// sayLeft tells of those that somebody has to decide about.
func (a *app) sayLeft(r roll.Roll) {
	for _, m := range r.Members {
		if m.State == roll.Skipped && !m.Resting && (m.Action == roll.Wait || m.Action == roll.Restart && m.Patch.Mode == profiles.Notify) {
			a.printer.Warn("%s: %s: %s", m.Name, m.Reason, output.Clean(strings.Join(m.Reasons, "; ")))
		}
	}
}

// lookAgain is how long a roll that only waits keeps a refresh from looking though nobody asks for it: as long as a lost hook would.
const lookAgain = time.Hour

// escort carries out a roll. While it only waits, for a window or for a human, other containers must not wait with it for what is changed meanwhile:
// then it is left where it is, the mark is there, and the refresh begins anew.
func (a *app) escort(ctx context.Context, m *manager.Manager) error {
	dir, begun := hooks.Dir(a.dirs.Host()), time.Now()
	err := a.drive(ctx, m, func() bool {
		marked, err := dir.Marked()
		return marked || err != nil || time.Since(begun) > lookAgain
	})
	switch {
	case errors.Is(err, roll.ErrWaits):
		a.printer.Say("%s; looking again", output.Clean(err.Error()))
		return dir.Poke("refresh")
	case errors.Is(err, roll.ErrBusy):
		a.printer.Say("the roll that is under way takes it up")
		return nil
	}
	return err
}
