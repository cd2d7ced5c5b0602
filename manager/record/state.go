package record

import "errors"

// State is what a container is doing.
type State string

// The states. A container has exactly one, and Observe is the only one to say which.
const (
	Creating State = "creating" // a draft: not a container yet
	Stopped  State = "stopped"  // nothing of it runs; leftovers of an interrupted start may lie about, and the next start takes them away
	Starting State = "starting" // its starter is at work
	Running  State = "running"  // its init runs; whether what it is for is up says Status.Ready
	Frozen   State = "frozen"   // its processes stand still
	Stopping State = "stopping" // it was asked to end, or ended by itself, and is not all gone yet
	Broken   State = "broken"   // it contradicts itself; Status.Reason says how, and what helps
)

// States returns all states.
func States() []State { return []State{Creating, Stopped, Starting, Running, Frozen, Stopping, Broken} }

// Facts are what the kernel says of the processes that a live state names.
type Facts struct {
	InitAlive    bool
	MonitorAlive bool
	StarterAlive bool
	Frozen       bool // the container's cgroup is frozen
}

// Status is the state of a container and what there is to say about it.
type Status struct {
	State State
	// Ready is whether it said that it is up. Only a running or frozen container can be.
	Ready bool
	// Reason is a clause for a human: why the container is broken, or stopped, or takes long. It may be empty.
	Reason string
}

// Observe derives the state of a container. loadErr is what Store.Load said of its record, nil for a good one; live is its live
// state, nil if there is none; facts are about the processes in live; worldLocked is whether somebody holds its World lock, and so is changing
// its mounts and processes at this moment.
//
// The order of what counts: without a record there is nothing to be in a state; then what lives, for that cannot be argued with; then what was
// written down last.
func Observe(loadErr error, live *Live, facts Facts, worldLocked bool) Status {
	if errors.Is(loadErr, ErrCreating) {
		return Status{State: Creating}
	}
	if loadErr != nil {
		return Status{State: Broken, Reason: loadErr.Error()}
	}
	if live == nil {
		return Status{State: Stopped}
	}
	switch live.Phase {
	case PhaseStarting:
		return observeStarting(live, facts, worldLocked)
	case PhaseStopping:
		return observeStopping(live, facts, worldLocked)
	default:
		return observeRunning(live, facts)
	}
}

// observeStarting: only the starter knows that what it made is what was promised. If it died, what runs was never verified.
func observeStarting(live *Live, facts Facts, worldLocked bool) Status {
	switch {
	case facts.StarterAlive:
		return Status{State: Starting}
	case worldLocked && (facts.InitAlive || facts.MonitorAlive):
		return Status{State: Stopping, Reason: "what an interrupted start left is being taken away"}
	case facts.InitAlive:
		return Status{State: Broken, Reason: "its start was interrupted, and it runs without having been verified; stop it, or start it again"}
	case facts.MonitorAlive:
		return Status{State: Stopped, Reason: "its start was interrupted; the next start takes away what is left of it"}
	default:
		return Status{State: Stopped, Reason: orElse(live.Stopped, "its start was interrupted")}
	}
}

func observeRunning(live *Live, facts Facts) Status {
	switch {
	case facts.InitAlive && !facts.MonitorAlive:
		return Status{State: Broken, Reason: "its monitor is gone, so nobody would notice its end; restart it"}
	case facts.InitAlive && facts.Frozen:
		return Status{State: Frozen, Ready: live.Ready}
	case facts.InitAlive:
		return Status{State: Running, Ready: live.Ready}
	case facts.MonitorAlive:
		return Status{State: Stopping, Reason: orElse(live.Stopped, "its init has ended, and its monitor has not finished yet")}
	default:
		return Status{State: Stopped, Reason: orElse(live.Stopped, "it ended by itself or was killed")}
	}
}

func observeStopping(live *Live, facts Facts, worldLocked bool) Status {
	switch {
	case !facts.InitAlive && !facts.MonitorAlive:
		return Status{State: Stopped, Reason: live.Stopped}
	case !worldLocked:
		return Status{State: Stopping, Reason: "whoever stopped it is gone; if it does not end, stop it again"}
	case facts.InitAlive && facts.Frozen:
		return Status{State: Stopping, Reason: "it is frozen"}
	default:
		return Status{State: Stopping}
	}
}

func orElse(reason, otherwise string) string {
	if reason != "" {
		return reason
	}
	return otherwise
}
