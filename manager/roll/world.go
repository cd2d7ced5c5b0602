package roll

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// World is all that is seen at one moment.
type World struct {
	// Sights are those of every container there is, by name.
	Sights map[string]Sight
	// Changing is why the host's packages are not at rest, "" if they are: no restart is begun, since it would start over half a change.
	Changing string
	// Marks are what is asked of the roll, Busy are the members that the driver itself has something under way for. Run fills them in.
	Marks Marks
	Busy  map[string]bool
}

// Condition is how a container does.
type Condition string

// The conditions; that of the zero Sight is Gone.
const (
	Gone    Condition = ""        // there is no such container
	Up      Condition = "up"      // runs and is ready
	Sick    Condition = "sick"    // lives, and is not up: not ready, starting, broken
	Down    Condition = "down"    // ended without having been asked to
	Resting Condition = "resting" // stopped or frozen by hand
)

// Sight is what is seen of one container.
type Sight struct {
	Condition Condition
	// Reason is a clause for a human, such as "stopped" or "frozen".
	Reason string
	// Boot identifies its boot: no two starts of any container have the same. Empty where it does not run.
	Boot string
	// Generation is the one it mounted, 0 where that is not known or was mixed.
	Generation int
	// Started is when it was started.
	Started time.Time
	// Restarting says that a restart has stopped it and has not started it again.
	Restarting bool
}

// atRest says whether the container does not run, or is frozen, because somebody wants it so.
func (s Sight) atRest() bool { return s.Condition == Resting && !s.Restarting }

// Marks are what somebody asks of a roll.
type Marks struct {
	Paused, Resume, Abort bool
	// Plan says that a plan waits to be taken in.
	Plan bool
	// Holds are the members that shall not be restarted, and until when; the zero time is for ever.
	Holds map[string]time.Time
}

// equal says whether two looks found the same marks.
func (m Marks) equal(other Marks) bool {
	same := len(m.Holds) == len(other.Holds)
	for n, until := range m.Holds {
		t, ok := other.Holds[n]
		same = same && ok && t.Equal(until)
	}
	return same && m.Paused == other.Paused && m.Resume == other.Resume && m.Abort == other.Abort && m.Plan == other.Plan
}

// held says whether a member is held at a moment, and until when.
func (m Marks) held(member string, now time.Time) (until time.Time, held bool) {
	until, held = m.Holds[member]
	return until, held && (until.IsZero() || now.Before(until))
}

// Health is what a look into a container found.
type Health struct {
	// Ready is whether it has booted, or runs its command.
	Ready bool `json:"ready"`
	// Failed are its units that have failed.
	Failed []string `json:"failed,omitempty"`
	// Probe is why the probe did not pass; empty where it did, or where there is none.
	Probe string `json:"probe,omitempty"`
}

// clean bounds what came out of a container.
func (h Health) clean() Health {
	failed := slices.Clone(h.Failed[:min(len(h.Failed), maxList)])
	for i := range failed {
		failed[i] = text(failed[i])
	}
	slices.Sort(failed)
	return Health{Ready: h.Ready, Failed: slices.Compact(failed), Probe: text(h.Probe)}
}

// gate says why a member is not as healthy as it was, or "". What was sick before does not count against the patch.
func gate(before *Health, after Health) string {
	var was Health
	if before != nil {
		was = *before
	}
	if !was.Ready {
		return ""
	}
	if !after.Ready {
		return "it was ready before, and is not after its restart" + because(after.Probe)
	}
	var fresh []string
	for _, unit := range after.Failed {
		if !slices.Contains(was.Failed, unit) {
			fresh = append(fresh, unit)
		}
	}
	if len(fresh) > 0 {
		return text(fmt.Sprintf("newly failed after its restart: %s", strings.Join(fresh, ", ")))
	}
	if after.Probe != "" && was.Probe == "" {
		return text("its probe does not pass any more: " + after.Probe)
	}
	return ""
}

const maxText = 500 // bytes of one text in a roll

// text makes a text fit to be stored and shown: printable, on one line, bounded.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return '?'
		}
		return r
	}, s)
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText-len("…")], "") + "…"
	}
	return s
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}
