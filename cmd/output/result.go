package output

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// KindResult is the kind of the envelope of every verb that changes something.
const KindResult = "Result"

// Item is what a changing verb did, or in a dry run would do, with one target.
type Item struct {
	Name    string   `json:"name"`
	Action  string   `json:"action"`          // what the plan does about it, such as "start", or "none"
	Changed bool     `json:"changed"`         // something is not as before, also if the action failed half-way
	State   string   `json:"state"`           // the state afterwards
	Ready   bool     `json:"ready"`           // only a running one can be
	Error   *Failure `json:"error,omitempty"` // absent where nothing failed; its message does not begin with the name
}

// Diff is a difference as Ansible prints it: two texts of lines, each under its header.
type Diff struct {
	BeforeHeader string `json:"before_header"`
	AfterHeader  string `json:"after_header"`
	Before       string `json:"before"`
	After        string `json:"after"`
}

// Summary counts items. Each is counted once: a failed one as failed, whether it changed or not.
type Summary struct {
	Total     int `json:"total"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
	Failed    int `json:"failed"`
}

// Result is the answer of a verb that changes something, printed on failure too. APIVersion, Kind, Changed and Summary are derived from
// the rest when it is encoded; what a caller puts there is ignored. It is no guard: lanes must not write to it at the same time.
type Result struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Changed    bool     `json:"changed"`
	DryRun     bool     `json:"dryRun"`
	Items      []Item   `json:"items"` // in the order in which they are shown
	Diff       []Diff   `json:"diff"`
	Summary    Summary  `json:"summary"`
	Warnings   []string `json:"warnings"`
	// Error says why the verb as a whole failed; absent otherwise. The items, if there are any, are what was done before.
	Error *Failure `json:"error,omitempty"`
}

// MarshalJSON encodes the complete envelope: keys in the order of the fields, no null where an array belongs.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(plain(r.settled())); err != nil {
		return nil, fmt.Errorf("encode the result: %w", err)
	}
	return b.Bytes(), nil
}

// settled returns a copy with all that is derived.
func (r Result) settled() Result {
	r.APIVersion, r.Kind = APIVersion, KindResult
	r.Items = orEmpty(r.Items)
	r.Diff = orEmpty(r.Diff)
	r.Warnings = orEmpty(r.Warnings)
	r.Changed = false
	r.Summary = Summary{Total: len(r.Items)}
	for _, item := range r.Items {
		r.Changed = r.Changed || item.Changed
		switch {
		case item.Error != nil:
			r.Summary.Failed++
		case item.Changed:
			r.Summary.Changed++
		default:
			r.Summary.Unchanged++
		}
	}
	return r
}

// Exit returns the exit code of the verb: that of Error if the whole verb failed; else ExitDone if no item failed, ExitInterrupted if one
// was interrupted, the item's own code if it was the only target, and ExitPartial otherwise, also if all failed.
func (r Result) Exit() int {
	if r.Error != nil {
		return r.Error.exit()
	}
	exit := ExitDone
	for _, item := range r.Items {
		switch {
		case item.Error == nil:
		case item.Error.exit() == ExitInterrupted:
			return ExitInterrupted
		case len(r.Items) == 1:
			exit = item.Error.exit()
		default:
			exit = ExitPartial
		}
	}
	return exit
}

// Status returns the exit code as an error to end the process with once the result is printed: nil for ExitDone, else a Status.
func (r Result) Status() error {
	if exit := r.Exit(); exit != ExitDone {
		return Status(exit)
	}
	return nil
}

// exit returns the exit code of a failure; one that was read from JSON has only its code.
func (f *Failure) exit() int {
	if f.Exit != ExitDone {
		return f.Exit
	}
	return exitOf(f.Code)
}

func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
