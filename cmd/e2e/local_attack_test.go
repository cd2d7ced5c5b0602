package e2e_test

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e/need"
)

//go:embed testdata/attack.py
var attackProgram string

// TestLocalAttack has root of a container send what it must not, to a neighbour that watches its own interface: none of it arrives, and all of it does
// where the rules are gone. Package network tries many more frames.
func TestLocalAttack(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	l := newLocal(t)
	for _, key := range []string{"iptables", "ip6tables"} { // rules for routed packets would drop some by themselves
		if err := os.WriteFile("/proc/sys/net/bridge/bridge-nf-call-"+key, []byte("0"), 0); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	program := "/usr/local/share/" + l.prefix + "attack.py"
	write(t, program, attackProgram, 0o644)
	l.must(t, "create", l.name("me1"), l.name("you1"), l.name("other1"), "--profile", "command", "--start")
	if got := l.sendWhatItMustNot(t, program); got != "sentinel" {
		t.Errorf("with rules arrives: %s", got)
	}
	if out, err := exec.CommandContext(t.Context(), need.Command(t, "nft", "run make test-hosts"), "flush", "ruleset").CombinedOutput(); err != nil {
		t.Fatalf("nft flush ruleset: %v: %s", err, out)
	}
	const all = "other-address other-mac other-both gateway-arp dhcp-offer router-advertisement unknown-protocol taken-address sentinel"
	if got := l.sendWhatItMustNot(t, program); got != all {
		t.Errorf("without rules arrives %q and not %q: the test shows nothing", got, all)
	}
	l.must(t, "host", "init")
	t.Run("isolated", func(t *testing.T) { localIsolated(t, l) })
}

// sendWhatItMustNot returns the words that have arrived.
func (l *local) sendWhatItMustNot(t *testing.T, program string) string {
	t.Helper()
	watch := l.command(t, "exec", l.name("you1"), "--", "/usr/bin/python3", program, "watch")
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		t.Fatal("nobody watches")
	}
	ends := l.ends(t)
	l.must(t, "exec", l.name("me1"), "--", "/usr/bin/python3", program, "send", ends["me1"], ends["you1"], ends["other1"], ends["gateway"])
	lines.Scan()
	got := lines.Text()
	if err := watch.Wait(); err != nil {
		t.Errorf("watch: %v", err)
	}
	return got
}

// ends are MAC,ADDRESS of each container, and the gateway's address.
func (l *local) ends(t *testing.T) map[string]string {
	t.Helper()
	var list struct {
		Items []struct {
			Name, MAC string
			Addresses []string
			Gateways  []string
		}
	}
	ends := map[string]string{}
	for _, verb := range []string{"list", "show"} {
		if err := json.Unmarshal([]byte(l.must(t, "net", verb, "-o", "json")), &list); err != nil {
			t.Fatal(err)
		}
		for _, i := range list.Items {
			if verb == "show" {
				ends["gateway"] = i.Gateways[0]
				continue
			}
			address, _, _ := strings.Cut(i.Addresses[0], "/")
			ends[strings.TrimPrefix(i.Name, l.prefix)] = i.MAC + "," + address
		}
	}
	return ends
}

// localIsolated: neither reaches the other, and the host reaches both.
func localIsolated(t *testing.T, l *local) {
	serve := "extends: command\ncommand: [/usr/bin/python3, -m, http.server, '--bind', '::', '--directory', /etc, '80']\n"
	write(t, "/etc/sysctr/profiles/serve.yaml", serve, 0o644)
	l.must(t, "create", l.name("open1"), "--profile", "serve", "--start")
	l.must(t, "create", l.name("alone1"), "--profile", "serve", "--set", "network=[{name: eth0, type: managed, isolated: true}]", "--start")
	reach := func(by, n string) bool {
		return l.try(t, by, strings.Replace(from("http://"+l.name(n)+"/hostname"), "timeout=20", "timeout=3", 1)).Code == 0
	}
	for _, n := range []string{"open1", "alone1"} {
		until(t, n+" listens", func() bool { _, err := fetch(t, "http://"+l.name(n)+"/hostname"); return err == nil })
	}
	if !reach("me1", "open1") || reach("me1", "alone1") || reach("alone1", "open1") {
		t.Errorf("me1 reaches open1 %v, alone1 %v; alone1 reaches open1 %v", reach("me1", "open1"), reach("me1", "alone1"), reach("alone1", "open1"))
	}
	l.must(t, "apply", l.name("alone1"), "--set", "network=[{name: eth0, type: managed}]")
	l.must(t, "restart", l.name("alone1"))
	until(t, "alone1 listens", func() bool { _, err := fetch(t, "http://"+l.name("alone1")+"/hostname"); return err == nil })
	if !reach("me1", "alone1") || !reach("alone1", "open1") {
		t.Errorf("no longer isolated, it still is: the test shows nothing")
	}
}
