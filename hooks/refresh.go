package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// rhythm is how often a refresh that waits asks again. Locks are cheap to look at, and asking is the only way that takes none.
const rhythm = 500 * time.Millisecond

// PackageManager is what a refresh asks of the host's package manager. It takes no lock.
type PackageManager interface {
	// Busy says who works with it now, "" if nobody does.
	Busy(ctx context.Context) (who string, err error)
	// Unclean says what it left half done, nothing if all is well.
	Unclean(ctx context.Context) (problems []string, err error)
}

// Clock is the time that a refresh waits by.
type Clock interface {
	Now() time.Time
	// Sleep returns nil after d, or the error of ctx before.
	Sleep(ctx context.Context, d time.Duration) error
}

// WallClock is the clock of the host.
type WallClock struct{}

// Now is time.Now.
func (WallClock) Now() time.Time { return time.Now() }

// Sleep is time.Sleep that ends with ctx.
func (WallClock) Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Refresh waits for the package manager and then looks. Its zero fields have no defaults.
type Refresh struct {
	Clock    Clock
	Dir      Dir
	Packages PackageManager
	Wait     bool                                  // for a refresh that is at work, instead of leaving the mark to it
	Settle   time.Duration                         // quiet for so long, to a second; 0 is as soon as nobody works
	Look     func(ctx context.Context) error       // plans and acts on what has changed; asked again when the mark came back meanwhile
	Again    func(err error) bool                  // whether a look that failed so is made again by itself, some times, ever later; nil: none is
	Say      func(format string, arguments ...any) // what it waits for, once each time that it changes
}

// The first and the last pause after a look that failed; each is twice the one before. A mark ends it.
const (
	firstPause = 5 * time.Second
	lastPause  = 32 * firstPause
)

// Run takes the mark, waits and looks, and begins anew if the mark is there again: when it returns nil, no mark was left that nobody will
// answer. If another process is at it, Run has that one look once more and returns false at once, unless it is to wait for it. An error of Look that
// is not to be looked again after ends it, and so does ctx.
// Killed at any instruction, it has left nothing that keeps the next one from working.
func (r Refresh) Run(ctx context.Context) (ran bool, err error) {
	for again := true; again; {
		unlock, err := r.turn(ctx)
		if err != nil || unlock == nil {
			return ran, err
		}
		ran = true
		err = r.once(ctx)
		// Unlocked before the mark is looked at: who found the lock taken has left the mark before.
		if err := errors.Join(err, unlock()); err != nil {
			return ran, err
		}
		if again, err = r.Dir.Marked(); err != nil {
			return ran, err
		}
	}
	return ran, nil
}

// turn takes the lock. If somebody else has it and is not waited for, that one is given the mark, and unlock is nil.
func (r Refresh) turn(ctx context.Context) (unlock func() error, err error) {
	unlock, err = r.Dir.lock()
	for ; r.Wait && unlock == nil && err == nil; unlock, err = r.Dir.lock() {
		if err := r.Clock.Sleep(ctx, rhythm); err != nil {
			return nil, err
		}
	}
	if unlock != nil || err != nil {
		return unlock, err
	}
	if err := r.Dir.Poke("refresh"); err != nil {
		return nil, err
	}
	return r.Dir.lock() // it may have ended before it could see the mark
}

func (r Refresh) once(ctx context.Context) error {
	defer r.Dir.release()
	for pause := firstPause; ; pause *= 2 {
		if err := r.settle(ctx); err != nil {
			return err
		}
		r.Dir.release()
		err := r.Look(ctx)
		if err == nil || ctx.Err() != nil || pause > lastPause || r.Again == nil || !r.Again(err) {
			return err
		}
		r.Say("%v; it is looked again in %v", err, pause)
		r.Dir.hold(fmt.Sprintf("failed, and is to look again: %v", err))
		if err := r.rest(ctx, pause); err != nil {
			return err
		}
	}
}

// rest returns after d, or when there is a mark, or with ctx.
func (r Refresh) rest(ctx context.Context, d time.Duration) error {
	for end := r.Clock.Now().Add(d); r.Clock.Now().Before(end); {
		if marked, err := r.Dir.Marked(); marked || err != nil {
			return err
		}
		if err := r.Clock.Sleep(ctx, rhythm); err != nil {
			return err
		}
	}
	return nil
}

// settle returns when the package manager is clean and has been quiet for long enough, or with ctx.
func (r Refresh) settle(ctx context.Context) error {
	said, held := "", ""
	for quiet := r.Clock.Now(); ; {
		sources, err := r.Dir.Take()
		if err != nil {
			return err
		}
		busy := r.busy(ctx)
		if len(sources) > 0 || busy != "" {
			quiet, held = r.Clock.Now(), "" // somebody may be cleaning it
		}
		if r.Clock.Now().Sub(quiet) >= r.Settle && busy == "" {
			if held = r.unclean(ctx); held == "" {
				return ctx.Err()
			}
			quiet = r.Clock.Now() // not asked again before
		}
		if reason := cmp.Or(busy, held); reason != said {
			said = reason
			r.Dir.hold(reason)
			if reason != "" {
				r.Say("%s", reason)
			}
		}
		if err := r.Clock.Sleep(ctx, rhythm); err != nil {
			return err
		}
	}
}

// busy is who works with the packages, "" for nobody. That it cannot be told is no nobody.
func (r Refresh) busy(ctx context.Context) string {
	who, err := r.Packages.Busy(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("waiting: who works with the packages cannot be told: %v", err)
	case who != "":
		return "waiting: " + who
	}
	return ""
}

// unclean is why nobody may look though nobody works, "" for no reason.
func (r Refresh) unclean(ctx context.Context) string {
	problems, err := r.Packages.Unclean(ctx)
	switch {
	case err != nil:
		return fmt.Sprintf("held: the state of the packages cannot be told: %v", err)
	case len(problems) > 0:
		return "held: " + strings.Join(problems, "; ")
	}
	return ""
}

// lock is held by the one process that refreshes: a lock of the open file, which no child inherits. nil means that another process has it.
func (d Dir) lock() (unlock func() error, err error) {
	file, err := d.lockFile(os.O_CREATE)
	if err != nil {
		return nil, err
	}
	err = unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return nil, file.Close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock refreshes: %w", err), file.Close())
	}
	return file.Close, nil
}

func (d Dir) lockFile(create int) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(string(d), "refresh.lock"), os.O_RDWR|create|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of refreshes: %w", err)
	}
	return file, nil
}

const heldFile = "held"

// hold writes down for others what a refresh waits for. That it cannot be written is no reason not to wait.
func (d Dir) hold(reason string) {
	if reason == "" {
		d.release()
		return
	}
	path := filepath.Join(string(d), heldFile)
	if old, err := read(path); err != nil || old != reason {
		_ = write(path, reason, 0o600)
	}
}

func (d Dir) release() { _ = os.Remove(filepath.Join(string(d), heldFile)) }

// Waits returns what the refresh that runs now waits for: "" if none runs, or if it waits for nothing but the packages to stay quiet.
func (d Dir) Waits() (reason string, err error) {
	file, err := d.lockFile(0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	held := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_GETLK, &held); err != nil || held.Type == unix.F_UNLCK {
		return "", err
	}
	reason, err = read(filepath.Join(string(d), heldFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return reason, err
}
