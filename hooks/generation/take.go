package generation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

// attempts is how often a look at the host is made anew because the database changed under it.
const attempts = 3

// state is a look at the host before it has a number.
type state struct {
	snapshot  *Snapshot
	signature signature  // nil: an equal one proves nothing
	packs     packs      // what was stored before
	fresh     []*content // what was not
}

// Current returns what a start that mounts after this call has to keep: the newest generation, if the package database is what it was then, else
// one that is taken now. While the host is mixed, nothing is taken: the newest generation before that is the start's. It costs a few calls of the
// kernel when nothing changed. Call it once for a batch of starts.
//
// With an error, the Info is nevertheless one that a start may keep: a generation that is too old, or 0, only means more to look at later.
func (s *Store) Current(ctx context.Context, source Source) (Info, error) {
	info, ok, err := s.current(ctx, source)
	if ok || err != nil {
		return info, err
	}
	release, err := s.lock(ctx)
	if err != nil {
		return info, err
	}
	defer release()                                               //nolint:errcheck // nothing is written through it
	if info, ok, err = s.current(ctx, source); ok || err != nil { // somebody else may have taken it meanwhile
		return info, err
	}
	st, err := s.look(ctx, source)
	if err != nil {
		return info, err
	}
	if st.snapshot.Mixed {
		info.Mixed, info.Reason = true, st.snapshot.Reason
		return info, nil
	}
	if err := s.keep(st); err != nil {
		return info, fmt.Errorf("keep a generation: %w", err)
	}
	return st.snapshot.Info, nil
}

// Restless says in words why a start that mounts now would be mixed; empty if it would not. It takes nothing, and is as cheap as Current is unless
// packages have changed since the newest generation.
func (s *Store) Restless(ctx context.Context, source Source) (string, error) {
	info, _, err := s.current(ctx, source)
	return info.Reason, err
}

// current is Current as far as it is cheap; ok says that it is the answer.
func (s *Store) current(ctx context.Context, source Source) (info Info, ok bool, err error) {
	h, highest, err := s.newest()
	if err != nil {
		return Info{Mixed: true, Reason: "it is not known whether the package manager is at rest"}, false, err
	}
	info = Info{Number: h.Number, Taken: h.Taken}
	info.Reason, err = source.busy(ctx)
	if info.Reason != "" || err != nil {
		info.Mixed = true
		return info, true, err
	}
	marks, _, err := source.sign()
	if err != nil || h.Number == highest && h.Number > 0 && h.Signature.equal(marks) && h.Scope == source.Scope && h.Release == source.Release {
		return info, true, err
	}
	info.Reason, err = source.restless(ctx)
	info.Mixed = info.Reason != "" || err != nil
	return info, info.Mixed, err
}

// Take returns what is true of the host now. A host at rest is a generation: the newest one, if nothing but the package manager's own files is
// different from it, else the next, which is stored. What is seen of a mixed host is no generation: its Number is 0, and it is not stored.
func (s *Store) Take(ctx context.Context, source Source) (*Snapshot, error) {
	release, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release() //nolint:errcheck // nothing is written through it
	st, err := s.look(ctx, source)
	if err != nil {
		return nil, err
	}
	if !st.snapshot.Mixed {
		if err := s.keep(st); err != nil {
			return nil, fmt.Errorf("keep a generation: %w", err)
		}
	}
	s.archive.add(st.fresh)
	return st.snapshot, s.fill(st.snapshot, st.packs.of(st.snapshot.packages))
}

// look reads the host until nothing changed under it.
func (s *Store) look(ctx context.Context, source Source) (state, error) {
	var st state
	for range attempts {
		again, calm, err := s.lookOnce(ctx, source)
		if errors.Is(err, pkgdb.ErrChanged) {
			continue
		}
		if st = again; calm || err != nil || st.snapshot.Mixed {
			return st, err
		}
	}
	if st.snapshot == nil {
		return st, fmt.Errorf("look at the host %d times: %w", attempts, pkgdb.ErrChanged)
	}
	st.snapshot.Mixed, st.snapshot.Reason = true, fmt.Sprintf("%s changed each of %d times while it was read", source.DB.Name(), attempts)
	return st, nil
}

// lookOnce reads the host; calm says that the package database did not change meanwhile.
func (s *Store) lookOnce(ctx context.Context, source Source) (st state, calm bool, err error) {
	taken := time.Now()
	before, settled, err := source.sign()
	if err != nil {
		return st, false, err
	}
	reason, err := source.restless(ctx)
	if err != nil {
		return st, false, err
	}
	packages, err := source.packages(ctx)
	if err != nil {
		return st, false, err
	}
	if st.packs, err = s.packs(); err == nil {
		st.fresh, err = st.packs.fresh(ctx, source.DB, packages)
	}
	if err != nil {
		return st, false, err
	}
	x, shows, err := source.index(ctx)
	if err != nil {
		return st, false, err
	}
	after, _, err := source.sign()
	if err != nil {
		return st, false, err
	}
	if reason == "" {
		reason, err = source.busy(ctx)
	}
	st.snapshot = &Snapshot{
		Info:    Info{Taken: taken.UTC().Round(0), Mixed: reason != "", Reason: reason},
		Release: source.Release, Scope: source.Scope, Shows: shows, packages: packages, index: x, archive: s.archive,
	}
	if settled {
		st.signature = before
	}
	return st, before.equal(after), err
}

// digest is equal for two states that are one generation.
func (st state) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q\n", st.snapshot.Release, st.snapshot.Shows)
	for _, p := range st.snapshot.packages {
		fmt.Fprintf(h, "%q %q %q %q %q %q\n", p.Name, p.Arch, p.Version, p.Status, p.Identity, p.Content)
	}
	fmt.Fprintln(h, st.snapshot.index.digest())
	return hex.EncodeToString(h.Sum(nil))
}
