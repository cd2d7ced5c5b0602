package profiles_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/profiles"
)

// FuzzParse: whatever the bytes are, Parse returns in bounded time, with typed errors on one printable line each; and a profile that it
// accepts alone resolves to a spec that is valid, is the same after JSON, and does not depend on being resolved once or twice.
func FuzzParse(f *testing.F) {
	for _, r := range refusals() {
		f.Add([]byte(r.input[:min(len(r.input), 4096)]))
	}
	f.Add([]byte("description: d\nlimits: {memory: 1G}\nmounts:\n  - {source: /a, target: /b}\n"))
	f.Add([]byte("{command: [/bin/x], ports: ['80:80'], network: [{name: a, type: managed}], patch: {mode: off}, tags: {replace: [a]}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		begin := time.Now()
		p, err := profiles.Parse("web.yaml", data)
		if took := time.Since(begin); took > 10*time.Second {
			t.Fatalf("took %v", took)
		}
		if err != nil {
			checkPrintable(t, err)
			return
		}
		if p.Extends != "" {
			return
		}
		s, err := p.Resolve(nil)
		if err != nil {
			t.Fatalf("accepted, but does not resolve: %v", err)
		}
		checkSpec(t, s)
		again, err := p.Resolve(nil)
		if err != nil || !s.Equal(again) {
			t.Fatalf("resolves to something else the second time: %v %v", profiles.Diff(s, again), err)
		}
	})
}

// FuzzSet: a --set is refused with printable errors, or gives a valid spec.
func FuzzSet(f *testing.F) {
	for _, s := range []string{"limits.memory=1G", "tags=a,b", "mounts=[{source: /a, target: /b}]", "environment.A=x=y", "init=[/a, b]", "patch.packages.a.b=lazy",
		"network=none", "isolation=privileged", "hide={replace: []}", "=", "a.b.c.d=e", "tags=[&a b, *a]"} {
		f.Add(s)
	}
	var l profiles.Library
	f.Fuzz(func(t *testing.T, set string) {
		if _, err := l.Load("system"); err != nil {
			t.Fatal(err)
		}
		s, err := l.Resolve("system", []string{set})
		if err != nil {
			checkPrintable(t, err)
			return
		}
		checkSpec(t, s)
	})
}

// FuzzSpecJSON: a spec out of any record is refused, or is the same after it was stored again.
func FuzzSpecJSON(f *testing.F) {
	for _, s := range []profiles.Spec{full(), plain("web"), {}} {
		text, err := json.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s profiles.Spec
		if json.Unmarshal(data, &s) != nil {
			return
		}
		if err := s.Validate(); err != nil {
			checkPrintable(t, err)
			return
		}
		checkSpec(t, s)
	})
}

func checkSpec(t *testing.T, s profiles.Spec) {
	t.Helper()
	if err := s.Validate(); err != nil {
		t.Fatalf("not valid: %v", err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back profiles.Spec
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("%s does not read back: %v", text, err)
	}
	if !s.Equal(back) {
		t.Fatalf("not the same after JSON: %v", profiles.Diff(s, back))
	}
}

// checkPrintable: every problem is an *Error, on a line of its own, of bounded length, and harmless for a terminal.
func checkPrintable(t *testing.T, err error) {
	t.Helper()
	var typed *profiles.Error
	if !errors.As(err, &typed) {
		t.Fatalf("not an *Error: %v", err)
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		list = joined.Unwrap()
	}
	if len(list) > 21 {
		t.Fatalf("%d problems", len(list))
	}
	for _, e := range list {
		if msg := e.Error(); len(msg) > 1000 || strings.ContainsFunc(msg, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e }) {
			t.Fatalf("not fit for a terminal: %q", msg)
		}
	}
}
