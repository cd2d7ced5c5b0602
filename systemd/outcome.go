package systemd

import (
	"context"
	"strings"
	"unicode"
)

// maxStatus bounds what is shown of a unit's own words, in bytes.
const maxStatus = 512

// The values of ExecMainCode that mean a signal, CLD_KILLED and CLD_DUMPED of sigaction(2).
const (
	childKilled = 2
	childDumped = 3
)

// outcome turns the result of a job into an error, with what systemd knows of the unit. That is asked for after the job has ended, so it is
// best effort: an automatic restart may already have wiped it.
func (c *Conn) outcome(ctx context.Context, v verb, unit, result string) error {
	if result == "done" {
		return nil
	}
	failure := &JobError{Unit: unit, Verb: v.name, Result: result}
	if service, err := c.manager.GetUnitTypePropertiesContext(ctx, unit, "Service"); err == nil {
		failure.explain(service)
	}
	if sub, err := c.manager.GetUnitPropertyContext(ctx, unit, "SubState"); err == nil {
		failure.Retried = sub.Value.Value() == "auto-restart"
	}
	return failure
}

// explain takes over the properties of a service, as many as there are.
func (e *JobError) explain(service map[string]any) {
	e.Cause, _ = service["Result"].(string)
	status, _ := service["StatusText"].(string)
	e.Status = oneLine(status)
	how, _ := service["ExecMainCode"].(int32)
	code, _ := service["ExecMainStatus"].(int32)
	e.Code, e.Signaled = int(code), how == childKilled || how == childDumped
}

// oneLine makes any text safe to show and to send as one line: valid, bounded, without control characters.
func oneLine(text string) string {
	if len(text) > maxStatus {
		text = text[:maxStatus]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text))
}
