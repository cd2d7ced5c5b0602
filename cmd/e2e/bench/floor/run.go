package floor

import (
	"errors"
	"fmt"
	"sync"

	golxc "github.com/lxc/go-lxc"

	"github.com/sysctr/sysctr/manager/lxc"
	"github.com/sysctr/sysctr/overlay/mount"
)

// ErrByPath says that this kernel cannot mount as the floor does.
var ErrByPath = errors.New("this kernel takes layers by path and not by descriptor, and the floor program knows descriptors only")

// Run starts the containers of a job, each by one of its workers, and returns the errors of all that failed. The caller's process must be in a
// mount namespace of its own.
func Run(j Job) error {
	if err := mount.Isolate(); err != nil {
		return err
	}
	start := func(c Container) error { return launch(j, c.Name) }
	if j.Mounting != nil && len(j.Containers) > 0 {
		session, err := open(*j.Mounting, j.Containers[0])
		if err != nil {
			return err
		}
		defer session.Close()
		start = func(c Container) error { return mounted(session, j, c) }
	}
	return each(j, start)
}

// each hands the containers to the workers.
func each(j Job, start func(Container) error) error {
	queue := make(chan Container)
	errs := make([]error, j.Workers)
	var workers sync.WaitGroup
	for i := range j.Workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for c := range queue {
				if err := start(c); err != nil {
					errs[i] = errors.Join(errs[i], fmt.Errorf("%s: %w", c.Name, err))
				}
			}
		}()
	}
	for _, c := range j.Containers {
		queue <- c
	}
	close(queue)
	workers.Wait()
	return errors.Join(errs...)
}

func open(m Mounting, first Container) (*mount.Session, error) {
	session, err := mount.Open(mount.Config{RunDir: m.Run, Mounter: m.Mounter})
	if err != nil {
		return nil, err
	}
	userns, err := lxc.UserNS(first.Range)
	if err != nil {
		return nil, err
	}
	defer userns.Close()
	idmapped, err := session.Probe(userns)
	if err == nil && !idmapped {
		err = ErrByPath
	}
	return session, err
}

// mounted mounts the container's root, starts it and lets go of the mounts.
func mounted(session *mount.Session, j Job, c Container) error {
	userns, err := lxc.UserNS(c.Range)
	if err != nil {
		return err
	}
	defer userns.Close()
	root, err := session.Mount(mount.Request{Stacks: c.Stacks, UserNS: userns, At: c.At})
	if err != nil {
		return err
	}
	root.Release()
	return errors.Join(launch(j, c.Name), root.Close())
}

// launch has liblxc start a container and asks it for the init, as any program does that wants to know whether it runs.
func launch(j Job, name string) error {
	c, err := golxc.NewContainer(name, j.LXC)
	if err != nil {
		return fmt.Errorf("load its configuration: %w", err)
	}
	defer c.Release() //nolint:errcheck // frees memory
	start := c.StartWithArgs
	if j.Mounting != nil {
		start = c.StartExecute
	}
	if err := start(j.Argv); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if c.InitPid() <= 0 {
		return errors.New("it ended at once")
	}
	return nil
}
