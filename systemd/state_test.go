package systemd_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/systemd"
)

func TestState(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	id := []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}
	m.load("sysctr@web-1.service", "active", map[string]any{"MainPID": uint32(42), "InvocationID": id})
	m.load("sysctr@off.service", "inactive", nil)
	m.load("sysctr.target", "active", map[string]any{"InvocationID": []byte{}})
	c := b.dial()
	got, err := c.State(t.Context(), []string{"sysctr@off.service", "sysctr@web-1.service", "sysctr@gone.service", systemd.Target})
	if err != nil {
		t.Fatal(err)
	}
	want := []systemd.State{
		{Unit: "sysctr@off.service", Load: "loaded", Active: "inactive", Sub: "x"},
		{
			Unit: "sysctr@web-1.service", Load: "loaded", Active: "active", Sub: "x",
			MainPID: 42, Invocation: "000102030405060708090a0b0c0d0eff",
		},
		{Unit: "sysctr@gone.service", Load: "not-found", Active: "inactive", Sub: "dead"},
		{Unit: "sysctr.target", Load: "loaded", Active: "active", Sub: "x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := c.State(t.Context(), nil); got != nil || err != nil {
		t.Errorf("state of no units = %v, %v", got, err)
	}
}

func TestEnableAndDisableOnlyLink(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	c := b.dial()
	for _, tt := range []struct {
		summary string
		do      func() (bool, error)
		changed bool
		want    []string
	}{
		{"new links", func() (bool, error) { return c.Enable(t.Context(), []string{"a", "b"}) }, true,
			[]string{"enable a runtime=false force=true", "enable b runtime=false force=true"}},
		{"once more", func() (bool, error) { return c.Enable(t.Context(), []string{"a"}) }, false,
			[]string{"enable a runtime=false force=true"}},
		{"off", func() (bool, error) { return c.Disable(t.Context(), []string{"a"}) }, true, []string{"disable a runtime=false"}},
		{"off once more", func() (bool, error) { return c.Disable(t.Context(), []string{"a"}) }, false, []string{"disable a runtime=false"}},
		{"nothing", func() (bool, error) { return c.Enable(t.Context(), nil) }, false, nil},
		{"reload", func() (bool, error) { return false, c.Reload(t.Context()) }, false, []string{"reload"}},
	} {
		t.Run(tt.summary, func(t *testing.T) {
			before := len(m.called())
			changed, err := tt.do()
			if changed != tt.changed || err != nil {
				t.Errorf("changed = %v, %v", changed, err)
			}
			if got := m.called()[before:]; !slices.Equal(got, tt.want) {
				t.Errorf("calls = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestEnableNamesTheCulpritAndDoesTheOthers(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.refusing("b", "org.freedesktop.systemd1.UnitMasked")
	c := b.dial()
	changed, err := c.Enable(t.Context(), []string{"a", "b", "c"})
	if !changed || err == nil || !strings.HasPrefix(err.Error(), "b: ") {
		t.Errorf("enable = %v, %v; want that b alone failed", changed, err)
	}
	if changed, err := c.Disable(t.Context(), []string{"a", "c"}); !changed || err != nil {
		t.Errorf("a and c were not enabled: %v, %v", changed, err)
	}
}

func TestResetFailed(t *testing.T) {
	b := newBus(t)
	m := newManager(b)
	m.refusing("gone", "org.freedesktop.systemd1.NoSuchUnit")
	m.refusing("locked", "org.freedesktop.DBus.Error.AccessDenied")
	c := b.dial()
	if err := c.ResetFailed(t.Context(), []string{"a", "gone"}); err != nil {
		t.Errorf("reset: %v", err)
	}
	if err := c.ResetFailed(t.Context(), []string{"locked", "a"}); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("reset: %v, want an error that names the unit", err)
	}
}
