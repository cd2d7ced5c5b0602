package faults_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/faults"
	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// verb is one row of what is broken: how the containers are before, what is done, and how they must be when it has been done.
type verb struct {
	title   string
	before  string // "", "half" (stopped, and all but the first have never run), "stopped" or "running"
	profile string
	names   []string
	args    []string // NAMES stands for the names
	after   string
	codes   []int // of the same command again, besides 0
}

func verbs() []verb {
	one, two, many := []string{"a"}, []string{"a", "b"}, []string{"a", "b", "c", "d"} // so many are made durable together
	const command, system = "command", "system"
	return []verb{
		{title: "create", names: many, profile: command, args: words("create NAMES --profile command --set command=[/bin/sleep,infinity]"), after: "stopped"},
		{title: "start", before: "half", names: two, profile: command, args: words("start NAMES"), after: "running"},
		{title: "create --start", names: one, profile: system, args: words("create NAMES --start --profile system"), after: "running"},
		{title: "apply", before: "running", names: two, profile: command, args: words("apply NAMES --set limits.pids=77 --set tags=[x]"), after: "running"},
		{title: "restart", before: "running", names: one, profile: command, args: words("restart NAMES"), after: "running"},
		{title: "stop", before: "running", names: two, profile: command, args: words("stop NAMES"), after: "stopped"},
		{title: "delta reset", before: "stopped", names: two, profile: command, args: words("delta reset NAMES /taken"), after: "stopped"},
		{title: "destroy", before: "running", names: two, profile: command, args: words("destroy NAMES --yes --force"), codes: []int{3, 4}},
	}
}

func words(s string) []string { return strings.Fields(s) }

// TestFaults breaks each verb at its points. SYSCTR_FAULTS=all takes up to three of each call and role, and SYSCTR_FAULTS=9 nine; SYSCTR_FAULTS_VERB=a,b
// only takes these verbs, SYSCTR_FAULTS_CALL these calls.
func TestFaults(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	s := newStage(t)
	total := faults.Table{}
	for _, v := range verbs() {
		if !wanted("SYSCTR_FAULTS_VERB", v.title) {
			continue
		}
		r := &round{stage: s, verb: v, shapes: shapes{}}
		r.breakAt(total)
	}
	t.Logf("points:\n%s", total)
	t.Logf("never made: %s", strings.Join(total.Never(callNames()), " "))
	want := 40
	if everything() {
		want = 300
	}
	if os.Getenv("SYSCTR_FAULTS_VERB")+os.Getenv("SYSCTR_FAULTS_CALL") != "" {
		return
	}
	if got := total.Points(); got < want {
		t.Errorf("only %d points", got)
	}
	if missed := total.Missed(); everything() && len(missed) > 0 {
		t.Errorf("calls that were made and never broken: %v", missed)
	}
}

// wanted tells whether the variable names it, or names nothing.
func wanted(variable, name string) bool {
	only := os.Getenv(variable)
	return only == "" || slices.Contains(strings.Split(only, ","), name)
}

// round is what is done with one verb.
type round struct {
	*stage
	verb   verb
	shapes shapes
}

func (r *round) args() []string {
	var args []string
	for _, w := range r.verb.args {
		if w != "NAMES" {
			args = append(args, w)
			continue
		}
		args = append(args, r.names()...)
	}
	return args
}

func (r *round) names() []string {
	var names []string
	for _, n := range r.verb.names {
		names = append(names, r.name(n))
	}
	return names
}

// breakAt counts the calls of a good run, and then breaks one after the other.
func (r *round) breakAt(total faults.Table) {
	good := r.try(faults.Fault{})
	if good.Exit != 0 || len(good.Counts) == 0 {
		r.t.Fatalf("%s without a fault: %+v", r.verb.title, good)
	}
	if len(good.Unknown) > 0 {
		r.t.Errorf("%s makes system calls, here by number, of which nobody has said whether they change state: %v", r.verb.title, good.Unknown)
	}
	chosen := slices.DeleteFunc(faults.Choose(good.Counts, most()), func(f faults.Fault) bool { return !wanted("SYSCTR_FAULTS_CALL", f.Call) })
	if !everything() {
		chosen = thin(chosen, 8)
	}
	total.Count(r.verb.title, good.Counts)
	for _, f := range chosen {
		if r.t.Failed() && os.Getenv("SYSCTR_FAULTS") == "" {
			return
		}
		begun := time.Now()
		report := r.try(f)
		for tries := 0; everything() && !report.Hit && tries < 2; tries++ { // not every run makes every call
			report = r.try(f)
		}
		if report.Hit {
			total.Add(r.verb.title, f)
		}
		r.log("%s, %v: %v, hit %q, exit %d, stuck %q\n", r.verb.title, f, time.Since(begun).Round(time.Millisecond), report.Victim, report.Exit, report.Stuck)
	}
}

// try is one life: made, broken, looked at, done again, destroyed.
func (r *round) try(f faults.Fault) faults.Report {
	r.t.Helper()
	also := r.before()
	report, err := faults.Trace(faults.Trial{Binary: r.Binary, Args: r.args(), Fault: f, Also: also, Patience: patience(f)})
	if err != nil {
		r.t.Fatal(err)
	}
	complain := func(when string, what any) {
		r.t.Errorf("%s, %v: %s: %v\nit ended with %d: %s", r.verb.title, f, when, what, report.Exit, report.Output)
		r.log("FINDING %s, %v: %s: %v\nit ended with %d: %s\n", r.verb.title, f, when, what, report.Exit, report.Output)
	}
	if len(report.Stuck) > 0 && !(f.Kill && f.Role == faults.RoleLibrary) {
		complain("at work for ever", report.Stuck)
	}
	r.forget(f)
	if found := r.settled(faults.Broken); len(found) > 0 {
		complain("right after it", found)
	}
	if states := r.wrong(); report.Exit == 0 && len(states) > 0 {
		complain("it says that it is done, and it is not", states)
	}
	if what := r.unlike(); len(what) > 0 {
		complain("it runs unlike one without a fault", what)
	}
	again := r.again(r.args()...)
	if again.Code != 0 && !slices.Contains(r.verb.codes, again.Code) {
		complain("the same again", again)
	}
	r.forget(faults.Fault{})
	if states := r.wrong(); len(states) > 0 {
		complain("after the same again", states)
	}
	if found := r.settled(faults.Rest); len(found) > 0 {
		complain("after the same again", found)
	}
	r.destroy(complain)
	return report
}

// TestFaultsHang: a start whose container was killed in liblxc's hands comes to an end by itself, when the time of a launcher is over.
func TestFaultsHang(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	s := newStage(t)
	args := command(s.name("h"), "--start")
	kill := faults.Fault{Point: faults.Point{Role: faults.RoleLibrary, Call: "sethostname", N: 1}, Kill: true}
	r, err := faults.Trace(faults.Trial{Binary: s.Binary, Args: args, Fault: kill, Patience: 90 * time.Second})
	if err != nil || !r.Hit || r.Exit == 0 || r.Exit == -1 || len(r.Stuck) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if again := s.again(args...); again.Code != 0 {
		t.Errorf("the same again: %+v", again)
	}
}

// patience is for one broken verb. A container's first process or its monitor waits for ever for the other if that was killed while liblxc starts;
// the starter ends both when the time of its launcher is over. Here all of them are killed sooner, which is another fault on top.
func patience(f faults.Fault) time.Duration {
	if f.Kill && f.Role == faults.RoleLibrary {
		return 6 * time.Second
	}
	return 30 * time.Second
}

// before makes what the verb works on, and returns the processes that are to be broken with it.
func (r *round) before() []int {
	r.t.Helper()
	if r.verb.before == "" { // as after a boot of the host: what is generated for all containers is made anew
		if err := os.RemoveAll(r.Run + "/mask"); err != nil {
			r.t.Fatal(err)
		}
		return nil
	}
	args := append([]string{"create", "--profile", r.verb.profile}, r.names()...)
	if r.verb.profile == "command" {
		args = append(args, "--set", "command=[/bin/sleep,infinity]")
	}
	r.must(args...)
	run := r.names()
	if r.verb.before == "half" {
		run = run[:1]
	}
	r.must(append([]string{"start"}, run...)...)
	var monitors []int
	for _, n := range run {
		r.mark(n)
		_, monitor := r.pids(n)
		monitors = append(monitors, monitor)
	}
	if r.verb.before != "running" {
		r.must(append([]string{"kill"}, run...)...)
		return nil
	}
	return monitors
}

// forget takes away the marks of containers that the verb itself was to destroy, and has.
func (r *round) forget(faults.Fault) {
	if r.verb.title != "destroy" {
		return
	}
	for n := range maps.Clone(r.Marks) {
		if _, err := os.Lstat(r.State + "/containers/" + n); os.IsNotExist(err) {
			delete(r.Marks, n)
		}
	}
}

// wrong returns the containers that are not as the verb makes them.
func (r *round) wrong() []string {
	r.t.Helper()
	states := r.states()
	var wrong []string
	for _, n := range r.names() {
		if states[n] != r.verb.after {
			wrong = append(wrong, fmt.Sprintf("%s is %q", n, states[n]))
		}
	}
	return wrong
}

// destroy proves that the containers can be started and destroyed, and that nothing is left of them then.
func (r *round) destroy(complain func(string, any)) {
	r.t.Helper()
	if r.verb.after == "stopped" {
		if start := r.again(append([]string{"start"}, r.names()...)...); start.Code != 0 {
			complain("a start", start)
		}
		if found := r.settled(faults.Rest); len(found) > 0 {
			complain("after a start", found)
		}
	}
	clear(r.Marks)
	if again := r.again(append([]string{"destroy", "--yes", "--force"}, r.names()...)...); again.Code != 0 && r.verb.after != "" {
		complain("destroy", again)
	}
	// Of a container that is gone only its trash can be left, and what sweeps that is the next creation.
	r.must("create", r.name("sweep")) // what is left of a draft
	r.must("destroy", r.name("sweep"), "--yes")
	if found := r.settled(faults.Empty); len(found) > 0 {
		complain("after a destroy", found)
	}
}

func callNames() []string {
	var names []string
	for _, c := range faults.Calls() {
		names = append(names, c.Name)
	}
	return names
}
