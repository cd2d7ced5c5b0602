package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// stranger is the home of somebody who has never seen sysctr: an ordinary user who may sudo, with a clone of the repository.
const stranger = "/home/stranger"

// TestStranger follows the README's first sections in a fresh host, as they are written: up twice, every transcript as it is shown, down.
func TestStranger(t *testing.T) {
	t.Parallel()
	h := unitHost{e2e.Boot(t, e2e.Options{Builder: true, Timeout: 5 * time.Minute})}
	h.settle(t)
	before := h.traces(t)
	out := h.as(t, "sudo make up N=10")
	if got := len(h.inits(t)); got != 10 {
		t.Fatalf("make up has started %d containers:\n%s", got, out)
	}
	t.Run("up again changes nothing", func(t *testing.T) {
		inits, state := h.inits(t), h.made(t)
		out := h.as(t, "sudo make up N=10")
		if diff := cmp.Diff(inits, h.inits(t)); diff != "" {
			t.Errorf("containers (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(state, h.made(t)); diff != "" {
			t.Errorf("files (-before +after):\n%s", diff)
		}
		if strings.Contains(out, "Installing") || !strings.Contains(out, "web10") {
			t.Errorf("it says\n%s", out)
		}
	})
	h.Must(t, "sysctr", "destroy", "all", "--yes", "--force") // the transcripts begin without containers
	t.Run("transcripts", func(t *testing.T) { h.readme(t) })
	t.Run("down", func(t *testing.T) {
		out := h.as(t, "sudo make down")
		if !strings.Contains(out, "Kept: distribution packages") || !strings.Contains(out, "/etc/sysctr") { // the README has written a profile
			t.Errorf("make down says\n%s", out)
		}
		h.Must(t, "rm", "-r", "/etc/sysctr")
		if diff := cmp.Diff(before, h.traces(t)); diff != "" {
			t.Errorf("left on the host (-before +after):\n%s", diff)
		}
		h.as(t, "sudo make down")
	})
}

// readme runs every transcript of the page as root, in its order, and compares what is printed.
func (h unitHost) readme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(e2e.Source(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks(string(page)) {
		if b.language == "yaml" {
			path, _, _ := strings.Cut(strings.TrimPrefix(b.text, "# "), "\n")
			h.Write(t, path, b.text, 0o644)
			continue
		}
		for _, step := range transcripts(b.text) {
			if b.language != "console" {
				continue
			}
			r := h.Run(t, "bash", "-c", "exec 2>&1; "+step.command)
			if diff := cmp.Diff(alike(step.output), alike(r.Stdout)); diff != "" {
				t.Errorf("README.md:%d: %s (-README +printed):\n%s", b.line, step.command, diff)
			}
		}
	}
}

// settle gives the host its stranger, the clone, a Go in its usual place, and the modules that a network would bring.
func (h unitHost) settle(t *testing.T) {
	t.Helper()
	h.Sh(t, "useradd --create-home --shell /bin/bash --groups sudo stranger; echo '%sudo ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/stranger")
	pour := func(from, to string, args ...string) {
		t.Helper()
		to = filepath.Join(h.Root(), to)
		script := `mkdir -p "$1" && shift && tar -C "$1" -c "${@:3}" | tar -x -C "$2" --no-same-owner`
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-euo", "pipefail", "-c", script, "pour", to, from, to}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v: %s", from, err, out)
		}
	}
	pour(e2e.Source(t), stranger+"/sysctr", "--exclude=./.cache", "--exclude=./bin", ".")
	pour(h.tool(t, "env", "GOROOT"), "/usr/local/go", "--exclude=./test", "--exclude=./doc", ".")
	cache := h.tool(t, "env", "GOMODCACHE")
	args := []string{"--exclude=*.zip", "cache/download"}
	for dir := range strings.Lines(h.tool(t, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Dir}}{{end}}{{end}}", "./cmd/sysctr") + "\n") {
		if rel, err := filepath.Rel(cache, strings.TrimSpace(dir)); err == nil && dir != "\n" {
			args = append(args, rel)
		}
	}
	pour(cache, "/root/go/pkg/mod", args...)
	h.Write(t, "/root/.config/go/env", "GOPROXY=off\nGOSUMDB=off\n", 0o644)
	h.Must(t, "chown", "-R", "stranger:stranger", stranger)
}

// tool asks this machine's Go about the source tree.
func (h unitHost) tool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = e2e.Source(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %q: %v", args, err)
	}
	return strings.TrimSpace(string(out))
}

// as runs a command line in the clone as the stranger, in a login shell.
func (h unitHost) as(t *testing.T, command string) string {
	t.Helper()
	return h.Must(t, "su", "--login", "stranger", "-c", "cd sysctr && exec 2>&1; "+command)
}

// made is what sysctr has made that is not to change by being made again: path, size and content.
func (h unitHost) made(t *testing.T) string {
	t.Helper()
	return h.Sh(t, `find /usr/local /etc /var/lib/sysctr -path /usr/local/go -prune -o -path '*/delta' -prune -o -type f -print0 |
		sort -z | xargs -0 sha256sum; sysctr list -o json`)
}

// traces are the paths of the host that an installation could leave, the accounts, and what is mounted. Left out are caches of Go and of apt, which
// the README has run, what systemd and journald keep, and a link for each unit that systemd forgets when it has been reloaded since.
func (h unitHost) traces(t *testing.T) string {
	t.Helper()
	return h.Sh(t, `
		find / -xdev \( -path '/root/[.g]*' -o -path /home -o -path '/tmp/*' -o -path '/var/tmp/*' -o -path '/var/log/journal/*' -o -path /var/lib/systemd \
			-o -path '/var/cache/apt/*' -o -path '/var/lib/apt/*' \) -prune -o -print | sort
		find /run /sys/fs/cgroup -name '*sysctr*' ! -name 'log-extra-fields:*' | sort
		cat /etc/passwd /etc/group /etc/subuid /etc/subgid
		grep sysctr /proc/mounts || true
		systemctl list-units --all --no-legend --plain '*sysctr*'
		systemctl list-unit-files --no-legend '*sysctr*' || true`)
}
