package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

// TestLocalNet has containers reach each other and the host them by name, right after create, over restarts, and through published ports.
func TestLocalNet(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	web := "extends: command\ncommand: [/usr/bin/python3, -m, http.server, '--bind', '::', '--directory', /etc, '80']\nports: ['{8000+n}:80', '127.0.0.1:{2200+n}:80']\n"
	write(t, "/etc/sysctr/profiles/web.yaml", web, 0o644)
	l.must(t, "create", l.name("web<1..2>"), "--profile", "web", "--start")
	l.must(t, "create", l.name("sys1"), "--start")
	t.Run("names and ports", func(t *testing.T) { localNames(t, l) })
	before := l.addresses(t)
	l.must(t, "restart", "all")
	if now := l.addresses(t); now != before || !strings.Contains(before, "10.") {
		t.Errorf("addresses after a restart: %s, before %s", now, before)
	}
	t.Run("after a restart", func(t *testing.T) { localNames(t, l) })
	t.Run("the host's own ports", func(t *testing.T) { localHostPorts(t, l) })
	t.Run("come and go", func(t *testing.T) { localComeAndGo(t, l) })
	t.Run("repair", func(t *testing.T) { localRepair(t, l) })
}

// fetch returns what a server answers to somebody in the test's own network namespace.
func fetch(t testing.TB, url string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return strings.TrimSpace(string(text)), err
}

// from is a script that fetches as fetch does, inside a container.
func from(url string) string {
	return "python3 -c 'import urllib.request; print(urllib.request.urlopen(\"" + url + "\", timeout=20).read().decode().strip())'"
}

func (l *local) addresses(t testing.TB) string {
	t.Helper()
	return l.sh(t, "sys1", "cat /etc/hosts; ip -4 -br address show eth0 | awk '{print $3}'")
}

func localNames(t *testing.T, l *local) {
	for _, n := range []string{"web1", "web2"} {
		name, number := l.name(n), n[len(n)-1:]
		until(t, name+" listens", func() bool { _, err := fetch(t, "http://"+name+"/hostname"); return err == nil })
		for _, host := range []string{name, name + ".sysctr", "127.0.0.1:800" + number, "127.0.0.1:220" + number} {
			if got, err := fetch(t, "http://"+host+"/hostname"); got != name {
				t.Errorf("the host asks %s: %q, %v", host, got, err)
			}
		}
		for _, host := range []string{name, name + ".sysctr", "host:800" + number} {
			for _, by := range []string{"sys1", "web1", "web2"} {
				if by == n && strings.HasPrefix(host, "host:") {
					continue // where the machine has br_netfilter, its own port is out of its reach: see package network
				}
				if r := l.try(t, by, from("http://"+host+"/hostname")); strings.TrimSpace(r.Stdout) != name {
					t.Errorf("%s asks %s: %+v", by, host, r)
				}
			}
		}
	}
	if got := l.sh(t, "sys1", "hostname -f; getent hosts localhost host.sysctr | wc -l"); got != l.name("sys1")+".sysctr\n2" {
		t.Errorf("names inside: %q", got)
	}
}

// localHostPorts listens on the host, where no container may reach it that has not been opened it.
func localHostPorts(t *testing.T, l *local) {
	for _, port := range []string{"7001", "7002"} {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", ":"+port)
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "host") })}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
	}
	l.must(t, "create", l.name("open1"), "--set", "network=[{name: eth0, type: managed, open: [7001/tcp]}]", "--start")
	for _, test := range []struct {
		by, port string
		reaches  bool
	}{{"sys1", "7001", false}, {"open1", "7001", true}, {"open1", "7002", false}} {
		if r := l.try(t, test.by, from("http://host:"+test.port)); (r.Code == 0) != test.reaches {
			t.Errorf("%s asks the host's %s: %+v", test.by, test.port, r)
		}
	}
	l.must(t, "destroy", l.name("open1"), "--yes", "--force")
	if r := l.run(t, "create", l.name("taken1"), "--set", "ports=7002:80"); r.Code == 0 || !strings.Contains(r.Stderr, "a program of the host listens at") {
		t.Errorf("a port that the host's own program has: %+v", r)
	}
}

// localComeAndGo makes a container known to those that run, and forgets it; its address is not given out again at once.
func localComeAndGo(t *testing.T, l *local) {
	knows := func(n string) string {
		return strings.TrimSpace(l.try(t, "sys1", "getent ahostsv4 "+l.name(n)+" | awk '{print $1; exit}'").Stdout)
	}
	l.must(t, "create", l.name("late1"))
	address := knows("late1")
	if hosts, err := os.ReadFile("/etc/hosts"); err != nil || address == "" || !strings.Contains(string(hosts), "\n"+address+" "+l.name("late1")+".sysctr "+l.name("late1")+"\n") {
		t.Errorf("late1 has %q; on the host: %s", address, hosts)
	}
	l.must(t, "destroy", l.name("late1"), "--yes")
	if left := knows("late1"); left != "" {
		t.Errorf("after its end late1 has %q", left)
	}
	l.must(t, "create", l.name("next1"))
	if next := knows("next1"); next == address || next == "" {
		t.Errorf("the next container has %q, the last one had %q", next, address)
	}
	l.must(t, "destroy", l.name("next1"), "--yes")
	for _, test := range []struct{ summary, set, want string }{
		{"a port of another container", "ports=8001:80", "taken"},
		{"a fixed address of another", "network=[{name: eth0, type: managed, addresses: [" + l.prefixed(t, "web1") + "]}]", "taken"},
		{"a bridge's", "network=[{name: eth0, type: managed, addresses: [192.0.2.1/24]}]", "unusable subnet"},
		{"a port without an interface", "ports=9001:80", "it has no managed interface"},
	} {
		args := []string{"create", l.name("bad1"), "--set", test.set}
		if test.want == "it has no managed interface" {
			args = append(args, "--set", "network=none")
		}
		if r := l.run(t, args...); r.Code == 0 || !strings.Contains(r.Stderr, test.want) {
			t.Errorf("%s: %+v", test.summary, r)
		}
	}
	if r := l.run(t, "create", "localhost"); r.Code == 0 || !strings.Contains(r.Stderr, "the name localhost is taken") {
		t.Errorf("a name of the host's: %+v", r)
	}
	if names, _ := filepath.Glob(stateDir + "/containers/*bad1"); len(names) > 0 {
		t.Errorf("half made: %v", names)
	}
}

// prefixed is a container's IPv4 address with its prefix length.
func (l *local) prefixed(t testing.TB, n string) string {
	t.Helper()
	return l.sh(t, n, "ip -4 -br address show eth0 | awk '{print $3}'")
}

// localRepair breaks the network under containers that run: what is started next mends it, and so does host init.
func localRepair(t *testing.T, l *local) {
	reach := func(summary string) {
		t.Helper()
		if r := l.try(t, "sys1", from("http://"+l.name("web1")+"/hostname")); strings.TrimSpace(r.Stdout) != l.name("web1") {
			t.Errorf("%s: %+v", summary, r)
		}
	}
	for _, breaks := range [][]string{{"nft", "flush", "ruleset"}, {"ip", "link", "del", "sysctr0"}, {"ip", "link", "set", "sysctr0", "down"}} {
		for _, mends := range [][]string{{"host", "init"}, {"restart", l.name("web1")}} {
			if out, err := exec.CommandContext(t.Context(), need.Command(t, breaks[0], "run make test-hosts"), breaks[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", breaks, err, out)
			}
			l.must(t, mends...)
			until(t, l.name("web1")+" listens", func() bool { _, err := fetch(t, "http://"+l.name("web1")+"/hostname"); return err == nil })
			reach(strings.Join(breaks, " ") + ", then " + strings.Join(mends, " "))
		}
	}
}
