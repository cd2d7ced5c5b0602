package roll

import (
	"cmp"
	"slices"
	"time"

	"github.com/sysctr/sysctr/profiles/name"
)

// Line is what an auditor is told of one package in one roll.
type Line struct {
	Change
	Roll       string    `json:"roll"`
	Generation int       `json:"generation"`
	Seen       time.Time `json:"seen"`             // when the roll began
	Last       time.Time `json:"last,omitzero"`    // when the last container got it
	Have       int       `json:"have"`             // containers that have it
	Of         int       `json:"of"`               // containers that ran when the roll began, and still exist
	Resting    int       `json:"resting"`          // containers besides that were stopped or frozen then
	Rest       []Rest    `json:"rest"`             // those that do not have it, by name
	State      State     `json:"state"`            // of the roll
	Why        string    `json:"reason,omitempty"` // of a roll that is halted or aborted
}

// Rest is a container that does not have a package, as far as rolls know, and why.
type Rest struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Report says for each package of each roll, the newest first, who has it: containers that this roll or a later one has restarted, and those
// about which nothing had to be done. now, if it is not nil, is what is known of each container at present, and counts more: nil for one that
// has all patches, else why not; a container that is not in it no longer exists. wanted is the name of one package, or empty for all.
func Report(rolls []Roll, wanted string, now map[string]error) []Line {
	rolls = slices.Clone(rolls)
	slices.SortFunc(rolls, func(a, b Roll) int { return -cmp.Compare(a.ID, b.ID) })
	reached := map[string]Member{} // by name: the restart onto the newest generation
	var lines []Line
	for _, r := range rolls {
		for _, m := range r.Members {
			if was, ok := reached[m.Name]; m.State == Done && (!ok || m.Result.Generation > was.Result.Generation) {
				reached[m.Name] = m
			}
		}
		who := standing(r, reached, now)
		for _, c := range r.Packages {
			if wanted == "" || c.Package == wanted {
				line := who
				line.Change, line.Rest = c, slices.Clone(who.Rest)
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// standing counts who has what a roll brought.
func standing(r Roll, reached map[string]Member, now map[string]error) Line {
	line := Line{Roll: r.ID, Generation: r.Generation, Seen: r.Started, State: r.State, Why: r.Reason}
	for _, m := range r.Members {
		why, exists := now[m.Name]
		if now != nil && !exists {
			continue
		}
		if m.Resting {
			line.Resting++
			continue
		}
		line.Of++
		later, ok := reached[m.Name]
		arrived := m.State == Done || ok && later.Result.Generation >= r.Generation
		has := arrived || m.Action == None && m.State == Skipped
		if now != nil {
			has = why == nil
		}
		if !has {
			line.Rest = append(line.Rest, Rest{Name: m.Name, Reason: lacking(m, why)})
			continue
		}
		line.Have++
		if !arrived {
			continue
		}
		if m.State == Done {
			later = m
		}
		if later.Ended.After(line.Last) {
			line.Last = later.Ended
		}
	}
	slices.SortFunc(line.Rest, func(a, b Rest) int { return name.Compare(a.Name, b.Name) })
	return line
}

func lacking(m Member, why error) string {
	switch {
	case why != nil:
		return text(why.Error())
	case m.Reason != "":
		return string(m.State) + ": " + m.Reason
	default:
		return string(m.State)
	}
}
