package profiles_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/profiles"
)

// What was set is remembered in its order, so that a profile that changed can be resolved anew; it is no difference by itself.
func TestSetIsRemembered(t *testing.T) {
	var l profiles.Library
	set := []string{"limits.memory=1G", "tags=a,b", "limits.memory=2G"}
	s, err := l.Resolve("system", set)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(set, s.Set); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
	direct, err := l.Resolve("system", set[1:])
	if err != nil || !s.Equal(direct) {
		t.Errorf("the same settings by another way differ: %v, %v", profiles.Diff(s, direct), err)
	}
	again, err := l.Resolve(s.Profile, s.Set)
	if err != nil || !s.Equal(again) {
		t.Errorf("resolved anew: %v, %v", profiles.Diff(s, again), err)
	}
	s.Set = []string{"a=\x01"}
	if s.Validate() == nil {
		t.Error("a control character in a remembered value is accepted")
	}
}
