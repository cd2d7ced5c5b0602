package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
	"github.com/sysctr/sysctr/cmd/e2e/faults"
	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/record"
	"github.com/sysctr/sysctr/profiles"
)

// TestAtOnce runs many commands at the same time. What comes out is what some order of them gives, and nothing is owned twice.
func TestAtOnce(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	s := newStage(t)
	crowds := 3
	if everything() {
		crowds = 20
	}
	for i := range 20 {
		s.mixed(i)
		if i < crowds {
			s.crowd(i)
		}
		s.destroyedStart(i)
		s.twoProfiles(i)
		s.twoSettings(i)
		if t.Failed() {
			return
		}
	}
}

// atOnce runs the command lines at the same time and returns their results in the same order.
func (s *stage) atOnce(lines [][]string) []e2e.Result {
	results := make([]e2e.Result, len(lines))
	var running sync.WaitGroup
	for i, args := range lines {
		running.Add(1)
		go func() {
			defer running.Done()
			results[i] = s.run(args...)
		}()
	}
	running.Wait()
	return results
}

// designed complains about exit codes that are none of done, some failed, nothing matched, exists with another spec, busy; 1 is a refusal, such as of
// a container that runs.
func (s *stage) designed(what string, lines [][]string, results []e2e.Result, codes ...int) {
	s.t.Helper()
	for i, r := range results {
		if !slices.Contains(codes, r.Code) {
			s.t.Errorf("%s: %q: %+v", what, lines[i], r)
		}
	}
}

func command(n string, more ...string) []string {
	return append([]string{"create", n, "--profile", "command", "--set", "command=[/bin/sleep,infinity]"}, more...)
}

// mixed: 50 verbs on one name.
func (s *stage) mixed(round int) {
	s.t.Helper()
	n := s.name("m")
	kinds := [][]string{
		command(n), command(n, "--start"), command(n, "--set", "tags=[other]"), {"start", n}, {"stop", n}, {"kill", n}, {"restart", n},
		{"destroy", n, "--yes"}, {"destroy", n, "--yes", "--force"}, {"apply", n, "--set", "limits.pids=99"}, {"freeze", n}, {"thaw", n}, {"list"},
	}
	var lines [][]string
	for i := range 50 {
		lines = append(lines, append([]string{"-o", "json"}, kinds[(i+round)%len(kinds)]...))
	}
	rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	results := s.atOnce(lines)
	s.designed("50 verbs on one name", lines, results, 0, 1, 3, 4, 5, 6)
	s.serial(n, results)
	if found := s.settled(faults.Broken); len(found) > 0 {
		s.t.Errorf("after 50 verbs on one name: %q", found)
	}
	if state, ok := s.states()[n]; ok && !slices.Contains([]string{"stopped", "running", "frozen"}, state) {
		s.t.Errorf("after 50 verbs on one name it is %s", state)
	}
	s.gone(n)
}

// serial complains unless what commands on one name say they did can be put into an order: each creation but the first comes after a destruction, and
// the record is as those say who changed it.
func (s *stage) serial(n string, results []e2e.Result) {
	s.t.Helper()
	did := map[string]int{}
	for _, r := range results {
		var said struct {
			Kind  string
			Items []struct {
				Action  string
				Changed bool
				Error   any
			}
		}
		if err := json.Unmarshal([]byte(r.Stdout), &said); err != nil || said.Kind != "Result" {
			continue // a list, or a refusal of the whole command
		}
		for _, item := range said.Items {
			if verb, _, _ := strings.Cut(item.Action, "+"); item.Changed && (item.Error == nil || verb == "create") {
				did[verb]++
			}
		}
	}
	s.t.Logf("of 50 verbs on one name these changed it: %v", did)
	_, exists := s.states()[n]
	alive := did["create"] - did["destroy"]
	if did["create"] == 0 || exists != (alive == 1) || alive != 0 && alive != 1 {
		s.t.Errorf("50 verbs on one name: %d creations and %d destructions, and it exists: %v", did["create"], did["destroy"], exists)
	}
	if !exists {
		return
	}
	spec := s.spec(n)
	if tagged := slices.Equal(spec.Tags, []string{"other"}); !tagged && len(spec.Tags) > 0 || spec.Limits.Pids == 99 && did["apply"] == 0 {
		s.t.Errorf("50 verbs on one name: the record is %+v, and %v", spec, did)
	}
}

// gone destroys what there is, and then nothing is left.
func (s *stage) gone(names ...string) {
	s.t.Helper()
	if r := s.again(append([]string{"destroy", "--yes", "--force"}, names...)...); r.Code != 0 && r.Code != 4 && r.Code != 3 {
		s.t.Errorf("destroy %q: %+v", names, r)
	}
	if found := s.settled(faults.Empty); len(found) > 0 {
		s.t.Errorf("after destroy %q: %q", names, found)
	}
}

// crowd: 100 creations of different names.
func (s *stage) crowd(int) {
	s.t.Helper()
	var lines [][]string
	var names []string
	for i := range 100 {
		names = append(names, s.name(fmt.Sprint("c", i)))
		lines = append(lines, command(names[i]))
	}
	s.designed("100 creations", lines, s.atOnce(lines), 0)
	if found := s.settled(faults.Rest); len(found) > 0 {
		s.t.Errorf("after 100 creations: %q", found)
	}
	if got := len(s.states()); got != 100 {
		s.t.Errorf("after 100 creations there are %d containers", got)
	}
	s.gone(names...)
}

// destroyedStart: a destroy while the container is started. One of both does its work, the other is told.
func (s *stage) destroyedStart(int) {
	s.t.Helper()
	n := s.name("d")
	s.must(command(n)...)
	lines := [][]string{{"start", n}, {"destroy", n, "--yes", "--force"}}
	r := s.atOnce(lines)
	s.designed("start and destroy", lines, r, 0, 4, 6)
	state, exists := s.states()[n]
	if exists != (r[1].Code != 0) || exists && (state != "running" || r[0].Code != 0) {
		s.t.Errorf("start and destroy: it is %q, after %+v", state, r)
	}
	if found := s.settled(faults.Rest); len(found) > 0 {
		s.t.Errorf("after start and destroy: %q", found)
	}
	s.gone(n)
}

// twoProfiles: the record is that of one of both profiles as a whole, and that one said that it is done.
func (s *stage) twoProfiles(int) {
	s.t.Helper()
	both := []string{"fault-one", "fault-two"}
	for i, p := range both {
		s.profile(p, fmt.Sprintf("extends: command\ncommand: [/bin/sleep, infinity]\nlimits: {pids: %d}\ntags: [%s]\n", 111+i, p))
	}
	n := s.name("p")
	s.must(command(n, "--start")...)
	lines := [][]string{{"apply", n, "--profile", both[0]}, {"apply", n, "--profile", both[1]}}
	r := s.atOnce(lines)
	s.designed("two profiles", lines, r, 0, 6)
	spec := s.spec(n)
	won := slices.Index(both, spec.Profile)
	if won < 0 || r[won].Code != 0 || spec.Limits.Pids != int64(111+won) || !slices.Equal(spec.Tags, both[won:won+1]) {
		s.t.Errorf("two profiles ended with %d and %d, and the record is %+v", r[0].Code, r[1].Code, spec)
	}
	if found := s.settled(faults.Rest); len(found) > 0 {
		s.t.Errorf("after two profiles: %q", found)
	}
	s.gone(n)
}

// twoSettings: what said that it is done, is.
func (s *stage) twoSettings(int) {
	s.t.Helper()
	n := s.name("s")
	s.must(command(n)...)
	lines := [][]string{{"apply", n, "--set", "limits.pids=111"}, {"apply", n, "--set", "tags=[set]"}}
	r := s.atOnce(lines)
	s.designed("two settings", lines, r, 0, 6)
	spec := s.spec(n)
	if (r[0].Code == 0) != (spec.Limits.Pids == 111) || (r[1].Code == 0) != slices.Equal(spec.Tags, []string{"set"}) {
		s.t.Errorf("two settings ended with %d and %d, and the record is %+v", r[0].Code, r[1].Code, spec)
	}
	s.gone(n)
}

func (s *stage) profile(name, text string) {
	s.t.Helper()
	err := errors.Join(os.MkdirAll("/etc/sysctr/profiles", 0o755), os.WriteFile("/etc/sysctr/profiles/"+name+".yaml", []byte(text), 0o644))
	if err != nil {
		s.t.Fatal(err)
	}
}

// spec is that of the record.
func (s *stage) spec(n string) profiles.Spec {
	s.t.Helper()
	r, err := record.Open(s.State).Load(n)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.Spec
}
