package name_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/profiles/name"
)

func fleet() []name.Subject {
	return []name.Subject{
		{Name: "web10", Profile: "web", State: "running", Verdict: "patched", Tags: []string{"front", "eu"}},
		{Name: "web2", Profile: "web", State: "stopped", Verdict: "stale", Tags: []string{"front"}},
		{Name: "web1", Profile: "web", State: "running", Verdict: "unaffected"},
		{Name: "db1", Profile: "system", State: "broken", Verdict: "unknown", Tags: []string{"eu"}},
	}
}

func TestSelect(t *testing.T) {
	tests := []struct {
		summary, include, exclude, want, wantErr string
	}{
		{"exact", "web1", "", "web1", ""},
		{"exact is never a prefix", "web", "", "", "no match: there is no container web"},
		{"union, natural order, once", "web10 web[1-2] web1", "", "web1 web2 web10", ""},
		{"range with missing names", "web[1-4]", "", "", `of "web[1-4]" there is no web3, web4`},
		{"many missing names", "web[1-300]", "", "", "web11, web12, web13 and 287 more"},
		{"range without any", "x[1-4]", "", "", `no container is meant by "x[1-4]"`},
		{"pattern", "web*", "", "web1 web2 web10", ""},
		{"pattern of one character", "web?", "", "web1 web2", ""},
		{"pattern that begins with a star", "*1", "", "db1 web1", ""},
		{"pattern without a match", "x*", "", "", `no container is meant by "x*"`},
		{"tag", "@eu", "", "db1 web10", ""},
		{"tag that nobody has", "@us", "", "", `no container is meant by "@us"`},
		{"profile", "profile:web", "", "web1 web2 web10", ""},
		{"state", "state:running", "", "web1 web10", ""},
		{"verdict", "patch:stale", "", "web2", ""},
		{"all", "all", "", "db1 web1 web2 web10", ""},
		{"exclude", "all", "@eu web2", "web1", ""},
		{"exclude a range of which some exist", "all", "web[2-9]", "db1 web1 web10", ""},
		{"exclude a typing error", "all", "wbe1", "", "there is no container wbe1"},
		{"exclude everything", "web*", "all", "", "what was excluded leaves no container"},
		{"nothing asked", "", "", "", "no target was given"},
		{"all that is wrong at once", "a b web1", "c", "", "container a\nno match: there is no container b\nno match: there is no container c"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			got, err := name.Select(targets(t, test.include), targets(t, test.exclude), fleet())
			checkErr(t, err, test.wantErr, name.ErrNoMatch)
			if joined := strings.Join(got, " "); joined != test.want {
				t.Errorf("got %q, want %q", joined, test.want)
			}
		})
	}
}

func targets(t *testing.T, texts string) []name.Target {
	t.Helper()
	var list []name.Target
	for _, s := range strings.Fields(texts) {
		target, err := name.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, target)
	}
	return list
}

func TestSelectAllOfNothing(t *testing.T) {
	if _, err := name.Select(targets(t, "all"), nil, nil); !errors.Is(err, name.ErrNoMatch) {
		t.Errorf("error is %v, want ErrNoMatch", err)
	}
}

func TestSelectManyOfMany(t *testing.T) {
	var have []name.Subject
	for i := range name.MaxNames {
		have = append(have, name.Subject{Name: fmt.Sprint("web", i+1)})
	}
	got, err := name.Select(targets(t, "web[1-10000] web*"), targets(t, "web[2-10000]"), have)
	if err != nil || len(got) != 1 || got[0] != "web1" {
		t.Errorf("got %d names, error %v; want web1 alone", len(got), err)
	}
}

func TestMatchAgreesWithSelect(t *testing.T) {
	for _, text := range []string{"web1", "web[1-2]", "web*", "@eu", "profile:web", "state:running", "patch:stale", "all"} {
		target := targets(t, text)
		selected, err := name.Select(target, nil, fleet())
		if err != nil {
			t.Fatal(err)
		}
		var matched int
		for _, s := range fleet() {
			if target[0].Match(s) {
				matched++
			}
		}
		if matched != len(selected) {
			t.Errorf("%s: Match means %d, Select %d", text, matched, len(selected))
		}
	}
	if (name.Target{}).Match(fleet()[0]) {
		t.Error("the zero target matches")
	}
}

func TestParseTarget(t *testing.T) {
	tests := []struct {
		summary, input, wantErr string
	}{
		{"tag without a name", "@", "it is empty"},
		{"bad tag", "@Eu", "bad name \"Eu\""},
		{"bad profile", "profile:../x", "bad name \"../x\""},
		{"unknown state", "state:dead", "known are creating, stopped, starting, running, frozen, stopping, broken"},
		{"unknown verdict", "patch:old", "known are patched, unaffected, stale, shadowed, unknown"},
		{"unknown selector", "tag:eu", `"tag": is none of profile:, state:, patch:`},
		{"pattern and range", "web*[1-2]", "'[' is not allowed in a pattern"},
		{"pattern with a path", "*/..", "'/' is not allowed in a pattern"},
		{"long pattern", strings.Repeat("*", 64), "a pattern has at most 63 characters"},
		{"empty", "", "it is empty"},
		{"host is no target", "host", "the word is reserved"},
		{"2 MiB", strings.Repeat("@", 2<<20), "longer than 4096 characters"},
	}
	for _, test := range tests {
		t.Run(test.summary, func(t *testing.T) {
			_, err := name.ParseTarget(test.input)
			checkErr(t, err, test.wantErr, name.ErrName)
		})
	}
}

func TestNamesOfTarget(t *testing.T) {
	list := targets(t, "web[1-2] web* all")
	if got := list[0].Names(); strings.Join(got, " ") != "web1 web2" {
		t.Errorf("names of a range are %v", got)
	}
	list[0].Names()[0] = "changed"
	if list[0].Names()[0] != "web1" {
		t.Error("a caller can change a target")
	}
	if list[1].Names() != nil || list[2].Names() != nil {
		t.Error("a selector has names")
	}
}

// FuzzParseTarget: a target prints as it was written and reads back as the same, and Match agrees with what Select finds.
func FuzzParseTarget(f *testing.F) {
	for _, s := range []string{"web1", "web[1-3]", "web*", "**?", "@eu", "profile:web", "state:running", "patch:stale", "all", ":", "@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := name.ParseTarget(s)
		if err != nil {
			if !errors.Is(err, name.ErrName) && !errors.Is(err, name.ErrTooMany) {
				t.Fatalf("%q: error %v wraps no sentinel", s, err)
			}
			return
		}
		again, err := name.ParseTarget(target.String())
		if err != nil || target.String() != s || strings.Join(again.Names(), " ") != strings.Join(target.Names(), " ") {
			t.Fatalf("%q prints as %q, which reads as %v, %v", s, target, again, err)
		}
		selected, err := name.Select([]name.Target{target}, nil, fleet())
		if err != nil && !errors.Is(err, name.ErrNoMatch) {
			t.Fatal(err)
		}
		for _, subject := range fleet() {
			want := err == nil && strings.Contains(" "+strings.Join(selected, " ")+" ", " "+subject.Name+" ")
			if err == nil && target.Match(subject) != want || again.Match(subject) != target.Match(subject) {
				t.Fatalf("%q: Match(%s) is not what Select says", s, subject.Name)
			}
		}
	})
}

// TestAsksVerdict: only "patch:" makes somebody look at containers.
func TestAsksVerdict(t *testing.T) {
	for text, want := range map[string]bool{
		"patch:stale": true, "patch:patched": true, "state:running": false, "all": false, "web1": false, "web*": false, "@tag": false, "profile:web": false,
	} {
		target, err := name.ParseTarget(text)
		if err != nil || target.AsksVerdict() != want {
			t.Errorf("%s asks for verdicts: %v, %v", text, target.AsksVerdict(), err)
		}
	}
}
