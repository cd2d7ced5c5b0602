package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Options say what a run measures and how often.
type Options struct {
	Sysctr     string // the program that is measured, an absolute path
	Script     string // the script that package managers run, before it is installed
	Collection string // the Ansible collection's folder
	N          int    // containers of a batch
	Rounds     int    // of everything that is compared
	CPUs       int    // processors that the run and all that it starts are pinned to; 0 for all
	Debian     int    // containers of Debian's own tools and of Ansible's loop; they are slow, so usually fewer than N
	Listed     int    // records that `list` reads
	Only       string // the figures to measure, with commas between; all if empty
	Dir        string // on a disk: where the run's state directory is made
}

// Parse reads a command line. Defaults come from the environment variables N and R where they are set.
func Parse(args []string, stderr io.Writer) (Options, error) {
	o := Options{}
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.Sysctr, "sysctr", "bin/sysctr", "the `program` to measure")
	f.StringVar(&o.Script, "script", "hooks/pkg-hook", "the `script` that package managers run")
	f.StringVar(&o.Collection, "collection", "ansible", "the `folder` of the Ansible collection")
	f.IntVar(&o.N, "n", number("N", 100), "containers of a batch")
	f.IntVar(&o.Rounds, "rounds", number("R", 5), "rounds")
	f.IntVar(&o.CPUs, "cpus", 2, "processors to be pinned to; 0 for all")
	f.IntVar(&o.Debian, "debian", 20, "containers of Debian's own tools, and of Ansible on either side, at most n")
	f.IntVar(&o.Listed, "listed", 1000, "records to list")
	f.StringVar(&o.Dir, "dir", "/var/tmp", "a `directory` on a disk, for the state")
	f.StringVar(&o.Only, "only", "", "measure only these `figures`, with commas between: "+strings.Join(figureNames(), ", "))
	if err := f.Parse(args); err != nil {
		return Options{}, err
	}
	o.Debian = min(o.Debian, o.N)
	return o, o.check(f.NArg())
}

func figureNames() []string {
	var names []string
	for _, f := range (&stage{}).figures() {
		names = append(names, f.name)
	}
	return names
}

func (o *Options) wants(figure string) bool {
	return o.Only == "" || slices.Contains(strings.Split(o.Only, ","), figure)
}

// number returns the value of an environment variable that is a number, else the default.
func number(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

func (o *Options) check(left int) error {
	var errs []error
	if left > 0 {
		errs = append(errs, errors.New("only flags are taken"))
	}
	for _, n := range []struct {
		what              string
		value, low, above int
	}{
		{"n", o.N, 1, 1001}, {"rounds", o.Rounds, 1, 101}, {"cpus", o.CPUs, 0, 1025}, {"debian", o.Debian, 0, 1001}, {"listed", o.Listed, 1, 3001},
	} {
		if n.value < n.low || n.value >= n.above {
			errs = append(errs, fmt.Errorf("%s is %d, and must be from %d to %d", n.what, n.value, n.low, n.above-1))
		}
	}
	for _, name := range strings.Split(o.Only, ",") {
		if o.Only != "" && !slices.Contains(figureNames(), name) {
			errs = append(errs, fmt.Errorf("there is no figure %q; there are %s", name, strings.Join(figureNames(), ", ")))
		}
	}
	var err error
	o.Sysctr, err = filepath.Abs(o.Sysctr)
	return errors.Join(append(errs, err)...)
}
