package lxc_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestCommandThatCannotBeExecuted: the start fails with the reason and leaves nothing. One that has ended well has been started; one that fails at
// once is either told of by its start or found out later, which depends on who is faster.
func TestCommandThatCannotBeExecuted(t *testing.T) {
	if need.MountNamespace(t) {
		return
	}
	h := newHost(t)
	s := h.newStarter(t)
	dir := filepath.Join(filepath.Dir(h.Dirs.State), "commands")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte("#!/no/such\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ summary, command, mounts, want string }{
		{"there is none", "/no/such", "", "its command /no/such cannot be executed: no such file or directory"},
		{"no permission", "/etc/hostname", "", "its command /etc/hostname cannot be executed: permission denied"},
		{"no permission behind a link", "/etc/os-release", "", "its command /etc/os-release cannot be executed: permission denied"},
		{"a directory", "/usr", "", "its command /usr cannot be executed: permission denied"},
		{"no interpreter", "/mnt/script", "{source: " + dir + ", target: /mnt}", "its command /mnt/script cannot be executed: it, or the interpreter"},
		{"done at once", "/bin/true", "", ""},
		{"goes on", "/bin/sleep, '1000'", "", ""},
	} {
		t.Run(test.summary, func(t *testing.T) {
			rec := h.create(t, "command", "command=["+test.command+"]", "restart=never", "mounts=["+test.mounts+"]")
			_, err := s.Start(context.Background(), rec.Name)
			if test.want == "" {
				if err != nil {
					t.Errorf("Start: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("Start: %v, want %q", err, test.want)
			}
			h.dead(t, rec.Name)
			if live, err := h.Live.Load(rec.Name); err != nil || !strings.Contains(live.Stopped, test.want) {
				t.Errorf("what is known of it: %+v, %v; want the reason", live, err)
			}
		})
	}
}
