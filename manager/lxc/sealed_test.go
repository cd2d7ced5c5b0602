package lxc_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/manager/lxc"
)

// sealed: whoever enters executes a copy of sysctr that nobody can write, and not sysctr, which the container could reach through /proc for a moment
// (CVE-2019-5736).
func sealed(t *testing.T, h *host, name string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var programs []string
	runs := writerFunc(func() {
		children, err := filepath.Glob("/proc/self/task/*/children")
		for _, path := range children {
			text, readErr := os.ReadFile(path)
			err = errors.Join(err, readErr)
			for _, child := range strings.Fields(string(text)) {
				if line, _ := os.ReadFile("/proc/" + child + "/cmdline"); strings.Contains(string(line), lxc.AttachVerb) {
					program, linkErr := os.Readlink("/proc/" + child + "/exe")
					programs, err = append(programs, program), errors.Join(err, linkErr)
				}
			}
		}
		if err != nil {
			t.Error(err)
		}
		cancel()
	})
	_, err := h.program(t).Exec(ctx, lxc.Attach{Name: name, Argv: []string{"sh", "-c", "echo runs; exec sleep 1000"}}, lxc.Streams{Out: runs, Err: io.Discard})
	if !errors.Is(err, context.Canceled) || len(programs) == 0 {
		t.Fatalf("Exec: %v; seen are %q", err, programs)
	}
	for _, p := range programs {
		if !strings.HasPrefix(p, "/memfd:") {
			t.Errorf("whoever enters executes %q", p)
		}
	}
}
