package alive_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sysctr/sysctr/manager/alive"
)

func TestFreeze(t *testing.T) {
	for _, test := range []struct{ summary, key string }{{"version 1", "freezer"}, {"version 2", ""}} {
		t.Run(test.summary, func(t *testing.T) {
			p := newPlace(t, test.key)
			echo := p.echo(t, "deep/er")
			if !echo("before", 10*time.Second) {
				t.Fatal("the process does not answer")
			}
			for range 2 {
				if err := p.tree.Freeze(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if frozen, err := p.tree.Frozen(); err != nil || !frozen {
				t.Fatalf("Frozen = %v, %v", frozen, err)
			}
			if echo("frozen", 50*time.Millisecond) {
				t.Fatal("a frozen process answers")
			}
			for range 2 {
				if err := p.tree.Thaw(); err != nil {
					t.Fatal(err)
				}
			}
			if !echo("", 10*time.Second) {
				t.Fatal("the thawed process does not answer")
			}
			if frozen, err := p.tree.Frozen(); err != nil || frozen {
				t.Fatalf("Frozen = %v, %v", frozen, err)
			}
		})
	}
}

// echo puts a process into the group that answers each line, and returns how to ask it; an empty line only listens.
func (p place) echo(t *testing.T, below string) func(line string, patience time.Duration) bool {
	t.Helper()
	answers, answersIn, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.Stdout = answersIn
	questions, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(cmd.Start(), answersIn.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = answers.Close() })
	p.enter(t, cmd.Process.Pid, below)
	return func(line string, patience time.Duration) bool {
		if line != "" {
			if _, err := questions.Write([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if err := answers.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, _ := answers.Read(make([]byte, 64)) // an error is no answer
		return n > 0
	}
}

func TestFreezeNeedsAFreezer(t *testing.T) {
	p := newPlace(t, "pids")
	if err := p.tree.Freeze(t.Context()); !errors.Is(err, alive.ErrUnsupported) {
		t.Errorf("Freeze = %v, want ErrUnsupported", err)
	}
	if err := p.tree.Thaw(); !errors.Is(err, alive.ErrUnsupported) {
		t.Errorf("Thaw = %v, want ErrUnsupported", err)
	}
	if frozen, err := p.tree.Frozen(); err != nil || frozen {
		t.Errorf("Frozen = %v, %v", frozen, err)
	}
}
