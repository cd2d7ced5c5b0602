package evidence_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// order is what a process of a container is told to do, and answer what it says.
type order struct {
	Do   string
	Path string // quoted on the way: JSON is of characters
	Args []string
}

type answer struct {
	Text  string
	Error string
}

// inside carries out orders until there are no more.
func inside() {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	state := &residue{children: map[string]*exec.Cmd{}}
	for lines.Scan() {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		if err == nil {
			o.Path, err = strconv.Unquote(o.Path)
		}
		var text string
		if err == nil {
			text, err = state.obey(o)
		}
		a := answer{Text: text}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			return
		}
	}
}

// residue is what orders leave behind in the process.
type residue struct {
	files    []*os.File
	maps     [][]byte
	children map[string]*exec.Cmd
}

func (r *residue) obey(o order) (string, error) {
	switch o.Do {
	case "map":
		return "", r.mapFile(o.Path)
	case "mapped":
		return string(r.maps[len(r.maps)-1]), nil
	case "open":
		f, err := os.Open(o.Path)
		r.files = append(r.files, f)
		return "", err
	case "close":
		return "", r.files[len(r.files)-1].Close()
	case "read":
		text, err := os.ReadFile(o.Path)
		return string(text), err
	case "readlink":
		return os.Readlink(o.Path)
	case "write":
		return "", os.WriteFile(o.Path, []byte(o.Args[0]), 0o644)
	case "rename":
		return "", os.Rename(o.Path, o.Args[0])
	case "remove":
		return "", os.Remove(o.Path)
	case "chmod":
		return "", os.Chmod(o.Path, 0o600)
	case "mount":
		return "", unix.Mount("test", o.Path, "tmpfs", 0, "")
	case "bind":
		return "", unix.Mount(o.Args[0], o.Path, "", unix.MS_BIND, "")
	case "run":
		return "", r.run(o)
	case "open apart":
		return "", openApart(o.Path)
	case "leaderless":
		return r.leaderless(o)
	case "crowd":
		return "", r.crowd(o.Path, o.Args)
	case "churn":
		return "", r.churn(o.Path)
	case "effective":
		return effective(o.Path)
	case "end":
		cmd := r.children[o.Path]
		return "", errors.Join(cmd.Process.Kill(), ignoreExit(cmd.Wait()))
	}
	return "", fmt.Errorf("unknown order %q", o.Do)
}

func (r *residue) mapFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	m, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	r.maps = append(r.maps, m)
	return err
}

// run starts a program that ends with this process.
func (r *residue) run(o order) error {
	in, out, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	cmd := &exec.Cmd{Path: o.Path, Args: o.Args, Env: []string{insideVariable + "=1"}, Stdin: in, Stdout: os.Stderr, Stderr: os.Stderr}
	r.files = append(r.files, out)
	r.children[o.Path] = cmd
	return cmd.Start()
}

// crowd starts as many programs as the first argument says. They end with the container.
func (r *residue) crowd(program string, args []string) error {
	n, err := strconv.Atoi(args[0])
	for range n {
		if err == nil {
			err = (&exec.Cmd{Path: program, Args: args[1:], Stdin: os.Stdin, Stdout: os.Stderr, Stderr: os.Stderr}).Start()
		}
	}
	return err
}

// churn starts and ends programs without end.
func (r *residue) churn(program string) error {
	once := func() error {
		return (&exec.Cmd{Path: program, Args: []string{"sleep", "0"}, Stdin: os.Stdin, Stdout: os.Stderr, Stderr: os.Stderr}).Run()
	}
	for range 2 {
		go func() {
			for {
				if once() != nil {
					return
				}
			}
		}()
	}
	return once()
}

// openApart has a thread open a file that has descriptors of its own, and keep it open.
func openApart(path string) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // not the first one, of which every list of descriptors is
			done <- openApart(path)
			select {}
		}
		err := unix.Unshare(unix.CLONE_FILES)
		if err == nil {
			_, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		done <- err
		select {}
	}()
	return <-done
}

// leaderless starts a process of which the first thread ends at once.
func (r *residue) leaderless(o order) (string, error) {
	cmd := &exec.Cmd{Path: o.Path, Args: append([]string{o.Path}, o.Args...), Env: []string{leaderlessVariable + "=1"}, Stderr: os.Stderr, Stdout: os.Stderr}
	in, out, err := os.Pipe()
	if err != nil {
		return "", err
	}
	cmd.Stdin, r.files = in, append(r.files, in, out)
	return "", cmd.Start()
}

// effective returns the effective user id with which a program runs that an unprivileged user has started.
func effective(program string) (string, error) {
	cmd := &exec.Cmd{Path: program, Args: []string{program}, Env: []string{idVariable + "=1", quickExit}, Stdin: os.Stdin}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}}
	out, err := cmd.Output()
	return string(out), err
}

func ignoreExit(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil
	}
	return err
}
