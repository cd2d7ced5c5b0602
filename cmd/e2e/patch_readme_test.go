package e2e_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// TestPatchReadme runs the README's story of a patch, in a host that has an older OpenSSL than its repository, with its hook and its refresh: what is
// shown for later is run when they are done. Versions, times and numbers of processes are made alike.
func TestPatchReadme(t *testing.T) {
	t.Parallel()
	h := newFleetHost(t, "")
	h.Write(t, "/etc/sysctr/config.yaml", "patch: {settle: 10s, soak: 0s}\n", 0o644)
	versions := h.opensslVersions(t)
	h.Sh(t, "dpkg --force-downgrade -i "+opensslDebs(versions[0]))
	for line := range strings.Lines(h.Sh(t, "ls "+opensslDebs(versions[1]))) {
		h.publish(t, filepath.Join(h.Root(), strings.TrimSpace(line)))
	}
	h.quiet(t)
	h.Sh(t, "apt-get -qq update")
	h.Must(t, "sysctr", "create", "web<1..3>", "--start")
	page, err := os.ReadFile(filepath.Join(e2e.Source(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, b := range blocks(string(page)) {
		if b.language != "console patched" {
			continue
		}
		for _, step := range transcripts(b.text) {
			if strings.Contains(step.command, " # later") {
				h.quiet(t)
			}
			r := h.Run(t, "bash", "-c", "export DEBIAN_FRONTEND=noninteractive; exec 2>&1; "+step.command)
			if diff := cmp.Diff(sameVersions(step.output), sameVersions(r.Stdout)); diff != "" {
				t.Errorf("README.md:%d: %s (-README +printed):\n%s\n%s", b.line, step.command, diff, r.Stdout)
			}
			ran++
		}
	}
	if ran < 5 {
		t.Errorf("the README has only %d steps of a patch", ran)
	}
}

// sameVersions takes out of an output what depends on the archive and the moment.
func sameVersions(output string) string {
	for _, c := range [][2]string{
		{`3\.0\.[0-9]+(-[0-9]+~deb12u[0-9]+)?`, "V"},
		{`[0-9]{1,2} [A-Z][a-z]{2} 20[0-9]{2}`, "DAY"},
		{`20[0-9]{2}-[0-9]{2}-[0-9]{2}[ T][0-9:]+`, "TIME"},
		{`(?m)^sysctr: warning: the refresh begins no roll yet.*\n`, ""}, // it has not yet seen that apt has ended
		{`\b20[0-9]{6}T[0-9]{6}Z-[0-9]{3}\b`, "ROLL"},
		{`\bpid [0-9]+`, "pid P"},
	} {
		output = regexp.MustCompile(c[0]).ReplaceAllString(output, c[1])
	}
	return alike(output)
}
