package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// ask is a program that fetches a page and prints its last line, or as many as asked for: ask HOST PORT [LINES]. Hosts and containers have no better
// one.
const ask = `#!/bin/bash
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf 'GET / HTTP/1.0\r\n\r\n' >&3
timeout 20 tail -n "${3:-1}" <&3
`

// servers is how many containers serve at once, called shop and a number from firstServer on.
const (
	servers     = 50
	firstServer = 11
)

// TestUnitsNet has a server of the host's own package answer in a fleet, by name and by published port, and the same after a restart of all and
// after a reboot. The host installs it as the README says, for its containers alone.
func TestUnitsNet(t *testing.T) {
	t.Parallel()
	h := newUnitHost(t, e2e.Options{Timeout: 5 * time.Minute})
	h.Write(t, "/usr/local/bin/ask", ask, 0o755)
	h.followReadme(t)
	before := h.addresses(t)
	t.Run("created", func(t *testing.T) { h.answer(t) })
	h.Must(t, "sysctr", "restart", "all")
	t.Run("restarted", func(t *testing.T) {
		if diff := cmp.Diff(before, h.addresses(t)); diff != "" {
			t.Errorf("addresses (-before +now):\n%s", diff)
		}
		h.answer(t)
	})
	h.Reboot(t)
	h.Until(t, 3*time.Minute, func(r e2e.Result) bool { return strings.Count(r.Stdout, "\n") == servers }, "sysctr", "list", "state:running", "-o", "name")
	t.Run("rebooted", func(t *testing.T) {
		if diff := cmp.Diff(before, h.addresses(t)); diff != "" {
			t.Errorf("addresses (-before +now):\n%s", diff)
		}
		h.answer(t)
	})
	h.Must(t, "sysctr", "destroy", "all", "--yes", "--force")
	h.Must(t, "sysctr", "host", "remove")
	if left := h.Sh(t, "ip -o link | grep -c sctr || true; grep -c sysctr /etc/hosts || true"); left != "0\n0" {
		t.Errorf("left of the network: %q", left)
	}
}

// followReadme runs what the README says of a server for the containers alone, with the package from a directory instead of a mirror, and a curl
// that test hosts do not have. The fleet that it makes answers with the package's own page, until each is given its name to say.
func (h unitHost) followReadme(t *testing.T) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(e2e.Source(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	h.Write(t, "/usr/local/bin/apt-get", "#!/bin/sh\n[ \"$*\" = 'install --yes nginx' ] && DEBIAN_FRONTEND=noninteractive exec /usr/bin/apt-get -qq install --yes /srv/nginx/*.deb\n", 0o755)
	h.Write(t, "/usr/local/bin/curl", "#!/bin/bash\n[[ $1 =~ ^http://([a-z0-9]+):?([0-9]*)/$ ]] && exec ask \"${BASH_REMATCH[1]}\" \"${BASH_REMATCH[2]:-80}\" 25\n", 0o755)
	ran := 0
	for _, b := range blocks(string(page)) {
		if file, _, _ := strings.Cut(strings.TrimPrefix(b.text, "# "), "\n"); b.language == "yaml" && strings.HasSuffix(file, "/nginx.yaml") {
			h.Write(t, file, b.text, 0o644)
		}
		if b.language != "sh" {
			continue
		}
		ran++
		out := h.Sh(t, b.text)
		if strings.Contains(b.text, "curl") && strings.Count(out, "<title>Welcome to nginx!</title>") != strings.Count(b.text, "curl") {
			t.Errorf("README.md:%d: %s", b.line, out)
		}
	}
	if ran != 2 {
		t.Errorf("the README has %d blocks of commands for a host", ran)
	}
	h.Must(t, "rm", "/usr/local/bin/apt-get")
	h.Write(t, "/etc/nginx/sites-enabled/default", "server { listen 80; listen [::]:80; return 200 \"$hostname\\n\"; }\n", 0o644)
	h.Must(t, "sysctr", "restart", "all")
	if state := h.Run(t, "systemctl", "is-active", "nginx"); state.Code == 0 {
		t.Errorf("on the host nginx is %s", state.Stdout)
	}
}

// addresses are those of all containers, and the ports that are published for them.
func (h unitHost) addresses(t *testing.T) map[string][]string {
	t.Helper()
	var list struct {
		Items []struct {
			Name             string
			Addresses, Ports []string
		}
	}
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "net", "list", "-o", "json")), &list); err != nil || len(list.Items) != servers {
		t.Fatalf("%d interfaces, %v", len(list.Items), err)
	}
	all, owner := map[string][]string{}, map[string]string{}
	for _, c := range list.Items {
		all[c.Name] = append(c.Addresses, c.Ports...)
		for _, a := range c.Addresses {
			if owner[a] != "" {
				t.Errorf("%s and %s have %s", owner[a], c.Name, a)
			}
			owner[a] = c.Name
		}
		if len(c.Addresses) != 2 || len(c.Ports) != 1 {
			t.Errorf("%+v", c)
		}
	}
	return all
}

// answer has every container answer the host and its next neighbour.
func (h unitHost) answer(t *testing.T) {
	t.Helper()
	h.Must(t, "sysctr", "wait", "all")
	h.Must(t, "sysctr", "exec", "all", "--", "sh", "-ec", "for i in $(seq 100); do systemctl is-active --quiet nginx && exit; sleep 0.1; done; systemctl status nginx; exit 1")
	var want strings.Builder
	for n := range servers {
		fmt.Fprintf(&want, "shop%d\n", n+firstServer)
	}
	each := fmt.Sprintf("bridge=$(ip -4 -o address show sysctr0 | awk '{print $4}' | cut -d/ -f1); for n in $(seq %d %d); do next=shop$(((n-%d+1)%%%d+%d)); ",
		firstServer, firstServer+servers-1, firstServer, servers, firstServer)
	for summary, script := range map[string]string{
		"by name":                  "ask shop$n 80",
		"by full name":             "ask shop$n.sysctr 80",
		"by port":                  "ask 127.0.0.1 $((8000+n))",
		"by port of the bridge":    "ask $bridge $((8000+n))",
		"by the next one":          "sysctr exec $next -- ask shop$n 80",
		"by the next one, by port": "sysctr exec $next -- ask host $((8000+n))",
	} {
		if got := h.Sh(t, each+script+"; done"); got+"\n" != want.String() {
			t.Errorf("%s: %s", summary, cmp.Diff(want.String(), got+"\n"))
		}
	}
}
