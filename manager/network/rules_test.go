package network_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/cmd/e2e/need"
	"github.com/sysctr/sysctr/manager/network"
)

// nft runs nft(8) here, with stdin, and returns what it prints.
func nft(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), need.Command(t, "nft", "install nftables"), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("nft %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestTextAndRulesAreOne loads the text with nft and the values over netlink: nft shows the same of both.
func TestTextAndRulesAreOne(t *testing.T) {
	if need.NetworkNamespace(t) {
		return
	}
	endpoints := []network.Endpoint{lab().Endpoint("web1", 2), lab().Endpoint("web1", 4), lab().Endpoint("web2", 3)}
	endpoints[2].Isolated = true
	endpoints[2].Open = []network.Service{{Protocol: "tcp", Port: 5432}, {Protocol: "udp", Port: 53}}
	ports := published(t, "web2", "8080:80", "127.0.0.1:2222:22", "[fd00::1]:{90+n}:53/udp", "0.0.0.0:70:70")
	n := lab()
	if _, err := n.Ensure(endpoints, ports); err != nil {
		t.Fatal(err)
	}
	ours := nft(t, "", "list", "ruleset")
	nft(t, "", "flush", "ruleset")
	text := n.Rules(endpoints, ports).String()
	if out, err := exec.CommandContext(t.Context(), "nft", "describe", "icmpv6 taddr").CombinedOutput(); err != nil {
		t.Logf("this nft has no icmpv6 taddr, its rules are left out: %s", out)
		text = withoutTarget(text)
		ours = withoutTarget(ours)
	}
	nft(t, text, "-f", "-")
	if diff := cmp.Diff(withoutTarget(nft(t, "", "list", "ruleset")), withoutTarget(ours)); diff != "" {
		t.Errorf("(-text +values):\n%s", diff)
	}
	t.Log(ours)
}

func withoutTarget(text string) string {
	var kept []string
	for _, line := range strings.SplitAfter(text, "\n") {
		if !strings.Contains(line, "icmpv6 taddr") && !strings.Contains(line, "@th,64,128") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
