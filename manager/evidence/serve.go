package evidence

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sysctr/sysctr/manager/alive"
)

// Verb is the hidden verb of sysctr under which Look runs it again as a child: it calls Serve on its standard input and output.
const Verb = "_evidence"

// Serve is the child: it reads what has changed and then one subject after the other, a line of JSON each, and answers each subject with one
// line. It returns when the input ends.
func Serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	var first task
	if err := receive(lines, maxTask, &first); err != nil {
		return fmt.Errorf("read what has changed: %w", err)
	}
	changed, err := unpackChanged(first.Changed)
	if err != nil {
		return err
	}
	w, err := newWorld(first.Root, changed)
	if err != nil {
		return fmt.Errorf("look at the host: %w", err)
	}
	defer w.host.Close()
	layout, err := alive.ReadLayout()
	if err != nil {
		return err
	}
	for {
		var s Subject
		err := receive(lines, maxSubject, &s)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		report, err := w.subject(s, layout)
		if err != nil {
			report = Report{Unknown: clip(err.Error())}
		}
		if err := send(out, report.pack()); err != nil {
			return err
		}
	}
}

// send writes a value as one line of JSON with one call.
func send(out io.Writer, value any) error {
	line, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = out.Write(append(line, '\n'))
	return err
}
