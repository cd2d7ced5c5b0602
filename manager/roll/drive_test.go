package roll_test

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/sysctr/sysctr/manager/roll"
)

// writer writes files as the driver, without waiting for a disk.
func (f *fleet) writer() func(string, []byte, os.FileMode) error {
	return func(path string, content []byte, mode os.FileMode) error {
		var failed error
		err := f.effect(func() {
			if failed = os.WriteFile(path+".new", content, mode); failed == nil {
				failed = os.Rename(path+".new", path)
			}
		})
		return errors.Join(err, failed)
	}
}

// drive runs a driver that is killed after so many effects, never if negative.
func (f *fleet) drive(dir string, effects int, tell func(roll.Roll, roll.Event)) (roll.Roll, error) {
	return f.driveFor(dir, effects, roll.Caller{Tell: tell})
}

func (f *fleet) driveFor(dir string, effects int, caller roll.Caller) (roll.Roll, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.mu.Lock()
	f.left, f.killed, f.kill = effects, false, cancel
	f.mu.Unlock()
	r, err := roll.RunPolling(ctx, roll.Open(dir).WithWrite(f.writer()), actor{f}, roll.Wall{}, caller, time.Minute)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.killed {
		err = errKilled
	}
	f.killed, f.left = false, -1
	return r, err
}

// unsynced writes files as whoever is not the driver.
func unsynced(path string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(path+".tmp", content, mode); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}
