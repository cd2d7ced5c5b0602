// The storms of TestStorm that a shell cannot make: main.go inotify N | mounts N takes so many of something, says "taken M" with what it got in
// the end, and keeps it until it is killed.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	if len(os.Args) != 3 {
		panic("want what, and how many")
	}
	take := map[string]func() error{"inotify": instance, "mounts": mount}[os.Args[1]]
	most, err := strconv.Atoi(os.Args[2])
	if take == nil || err != nil {
		panic("want inotify or mounts, and a number")
	}
	all := unix.Rlimit{Cur: 1 << 19, Max: 1 << 19}
	_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &all) // what there is has to do
	taken := 0
	for err == nil && taken < most {
		if err = take(); err == nil {
			taken++
		}
	}
	fmt.Println("taken", taken, err)
	for {
		time.Sleep(time.Hour)
	}
}

func instance() error {
	_, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	return err
}

func mount() error {
	return unix.Mount("storm", "/mnt", "tmpfs", 0, "")
}
