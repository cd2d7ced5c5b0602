package floor

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/sysctr/sysctr/manager/idrange"
	"github.com/sysctr/sysctr/overlay"
	"github.com/sysctr/sysctr/overlay/mount"
)

// Job is one batch of starts.
type Job struct {
	LXC        string // liblxc's directory; each container's configuration is in LXC/NAME/config
	Workers    int
	Argv       []string // what the containers run; below liblxc's own small init if the floor mounts, else as PID 1
	Mounting   *Mounting
	Containers []Container
}

// Mounting is what a floor that mounts needs; nil for the plain floor.
type Mounting struct {
	Run     string // the tmpfs of the layers
	Mounter mount.Credentials
}

// Container is one container of a job. Only its name counts for the plain floor.
type Container struct {
	Name   string
	Range  idrange.Range
	Stacks []overlay.Stack
	At     string // an existing directory, where its root is mounted; what its configuration says
}

// Read reads a job as Write writes it.
func Read(r io.Reader) (Job, error) {
	var j Job
	if err := json.NewDecoder(r).Decode(&j); err != nil {
		return Job{}, fmt.Errorf("read the job: %w", err)
	}
	if j.Workers <= 0 || j.LXC == "" || len(j.Argv) == 0 {
		return Job{}, fmt.Errorf("read the job: %d workers, directory %q, command %q", j.Workers, j.LXC, j.Argv)
	}
	return j, nil
}

// Write writes a job for Read.
func (j Job) Write(w io.Writer) error { return json.NewEncoder(w).Encode(j) }
