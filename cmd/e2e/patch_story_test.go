package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/cmd/e2e"
)

// patchHost is a test host in which a package is patched under containers.
type patchHost struct{ unitHost }

// mutation is one thing that can happen to a container around a patch, and what must be said of it afterwards.
type mutation struct {
	name   string
	before string // script in the container, before the patch
	after  string // the same, after it
	host   func(t *testing.T, h patchHost)
	want   string // the verdict
	kinds  string // kinds of reasons that must be among those given, each as KIND or KIND:PATH
	action string
	cured  string // the verdict after a restart; "patched" if empty
}

// mutations is the table of what the verdicts are held to.
//
// long: a table
func mutations() []mutation {
	const background = "setsid -f "
	return []mutation{
		{name: "untouched", want: "unaffected"},
		{name: "mapped", before: background + demoProgram + " wait >/dev/null", want: "stale", kinds: "mapped:" + demoLib + " executed:" + demoProgram},
		{name: "used-by-new", after: demoProgram, want: "unaffected"},
		{name: "opened", before: background + "tail -f " + demoData + " >/dev/null", want: "stale", kinds: "open:" + demoData},
		{name: "looked-up", before: "cat " + demoData, want: "stale", kinds: "answers:" + demoData},
		{name: "absent", before: "! cat " + demoLater, want: "stale", kinds: "missing:" + demoLater},
		{name: "interpreter", before: background + "perl -e 'require Demo; sleep' </dev/null", want: "stale", kinds: "interpreter:" + demoModule},
		{name: "script", before: background + demoScript + " </dev/null", want: "stale", kinds: "script:" + demoScript},
		{name: "removed", before: "cat " + demoFirst, want: "stale", kinds: "lingers:" + demoFirst},
		{name: "gone", before: background + "tail -f " + demoFirst + " >/dev/null", want: "stale", kinds: "gone:" + demoFirst, action: "wait"},
		{name: "symlink", before: "readlink " + demoLink, want: "stale", kinds: "answers:" + demoLink},
		{name: "conffile-seen", before: "cat " + demoConf, want: "stale", kinds: "answers:" + demoConf},
		{name: "conffile-edited", before: "echo mine >>" + demoConf, want: "shadowed", kinds: "conffile:" + demoConf, action: "heal", cured: "shadowed"},
		{name: "chmod", before: "chmod 600 " + demoData, want: "shadowed", kinds: "vendor-old:" + demoData, action: "heal", cured: "shadowed"},
		{name: "chown", before: "chown 1:1 " + demoProgram, want: "shadowed", kinds: "vendor-old:" + demoProgram, action: "heal", cured: "shadowed"},
		{name: "edit", before: "echo mine >>" + demoData, want: "shadowed", kinds: ":" + demoData, action: "heal", cured: "shadowed"},
		{name: "moved", before: "mv " + demoData + " /root/data", want: "shadowed", kinds: "whiteout:" + demoData, action: "heal", cured: "shadowed"},
		{name: "hard-link", before: "ln " + demoLib + " /usr/lib/demo/libother.so", want: "shadowed", kinds: "vendor-old:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "copied-over", before: "cp " + demoData + " /tmp/d; cat /tmp/d >" + demoData, want: "shadowed", kinds: "vendor-old:" + demoData, action: "heal", cured: "shadowed"},
		{name: "replaced", before: "cp " + demoLib + " /usr/lib/demo/n; mv /usr/lib/demo/n " + demoLib, want: "shadowed", kinds: "vendor-old:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "opaque", before: "rm -r /usr/share/demo; mkdir /usr/share/demo", want: "shadowed", kinds: "opaque:", action: "heal", cured: "shadowed"},
		{name: "whiteout", before: "rm " + demoLib, want: "shadowed", kinds: "whiteout:" + demoLib, action: "heal", cured: "shadowed"},
		{name: "born-stale", before: "cat " + demoData, after: "echo mine >>" + demoData, want: "shadowed", kinds: ":" + demoData, cured: "shadowed"},
		{name: "same-bytes-later", after: "chmod 600 " + demoData, want: "unaffected"},
		{name: "own-database", before: "dpkg --set-selections <<<'demo hold'", want: "unaffected"},
		{name: "own-file", before: "mkdir -p /usr/local/lib; cp /bin/true /usr/local/lib/libdemo.so", want: "unaffected"},
		{name: "hostile-names", before: `cd /usr/share/demo; touch $'new\nline' $'\e[31m' "$(printf 'bad\377')"; cp /bin/sleep $'/tmp/a\nb'; setsid -f $'/tmp/a\nb' inf`, want: "unaffected"},
		{name: "frozen", before: "cat " + demoData, host: func(t *testing.T, h patchHost) { h.Must(t, "sysctr", "freeze", "frozen") }, want: "stale", kinds: "answers:" + demoData},
		{name: "hangs", host: hangLookups, want: "stale", kinds: "answers:" + demoData},
		{name: "stopped", before: "cat " + demoData, host: func(t *testing.T, h patchHost) { h.Must(t, "sysctr", "stop", "stopped") }, want: "unaffected"},
		{name: "moved-dir", before: "mv /usr/share/demo /usr/share/demo2", want: "shadowed", kinds: "whiteout:", cured: "shadowed", action: "heal"},
	}
}

// hangLookups mounts a FUSE filesystem that answers nothing over a directory of the container "hangs", in which a lookup never ends: whoever
// looks must not enter it. It is done from the host, since no profile gives a container /dev/fuse.
func hangLookups(t *testing.T, h patchHost) {
	h.Write(t, "/root/hang.pl", `use Fcntl;
my ($init, $at) = @ARGV;
sysopen(my $fuse, "/dev/fuse", O_RDWR) or die "open: $!";
open(my $ns, "<", "/proc/$init/ns/mnt") or die "open: $!";
syscall(308, fileno($ns), 0) == 0 or die "setns: $!"; # setns(2)
my $options = "fd=" . fileno($fuse) . ",rootmode=40000,user_id=0,group_id=0";
syscall(165, my $source = "fuse", $at, my $type = "fuse", 0, $options) == 0 or die "mount: $!"; # mount(2)
print "mounted\n";
close(STDOUT);
sleep;
`, 0o644)
	pid := strconv.Itoa(h.inits(t)["hangs"])
	h.Sh(t, "mkfifo /run/hang; setsid perl /root/hang.pl "+pid+" "+filepath.Dir(demoData)+" >/run/hang 2>/root/hang.log & echo $! >/run/hang.pid; read -r said </run/hang || cat /root/hang.log; [ \"$said\" = mounted ]")
}

// status is what patch status says of one container.
type status struct {
	Name, State, Verdict, Action string
	Reasons                      []reasoned
}

type reasoned struct {
	Kind, Path, Package, Old, New, Detail, Comm string
	PID                                         int
}

func (s status) has(kind string) bool {
	class, path, _ := strings.Cut(kind, ":")
	for _, r := range s.Reasons {
		if (class == "" || r.Kind == class) && (path == "" || r.Path == path) {
			return true
		}
	}
	return false
}

// judged asks for the verdicts, which must exit with 8 exactly if one of them is bad.
func (h patchHost) judged(t testing.TB) map[string]status {
	t.Helper()
	r := h.Run(t, "sysctr", "patch", "verify", "-o", "json")
	var list struct{ Items []status }
	if err := json.Unmarshal([]byte(r.Stdout), &list); err != nil {
		t.Fatalf("patch verify: %v: %+v", err, r)
	}
	all := map[string]status{}
	good := true
	for _, s := range list.Items {
		all[s.Name] = s
		good = good && (s.Verdict == "patched" || s.Verdict == "unaffected")
	}
	if want := map[bool]int{true: 0, false: 8}[good]; r.Code != want {
		t.Errorf("patch verify exits with %d, want %d: %s", r.Code, want, r.Stderr)
	}
	return all
}

// truth reads every file of the package in a container that is said to be good, and wants the host's bytes; what it reads must not come from
// code of ours. skip are paths that the container's owner changed after the host did.
func (h patchHost) truth(t *testing.T, s status, paths []string) {
	t.Helper()
	if s.State != "running" || s.Verdict != "patched" && s.Verdict != "unaffected" {
		return
	}
	const read = `for f in "$@"; do if [ -L "$f" ]; then readlink "$f"; elif [ -e "$f" ]; then md5sum <"$f"; else echo none; fi; done`
	args := append([]string{"bash", "-c", read, "bash"}, paths...)
	want := h.Must(t, args...)
	got := h.Must(t, append([]string{"sysctr", "exec", s.Name, "--"}, args...)...)
	if got != want {
		t.Errorf("%s is called %s and reads\n%s\nwhere the host has\n%s", s.Name, s.Verdict, got, want)
	}
}

// TestPatchStory mutates one container at a time around a real upgrade by dpkg.
func TestPatchStory(t *testing.T) {
	t.Parallel()
	h := patchHost{newUnitHost(t, e2e.Options{})}
	dir := t.TempDir()
	h.install(t, demo{version: "1", bytes: "1", dir: dir})
	h.Write(t, "/etc/sysctr/profiles/idle.yaml", "extends: command\ncommand: [/bin/sleep, infinity]\n", 0o644)
	table := mutations()
	create := []string{"sysctr", "create", "--start", "--profile", "idle"}
	for _, m := range table {
		create = append(create, m.name)
	}
	h.Must(t, create...)
	for name, s := range h.judged(t) {
		if s.Verdict != "patched" {
			t.Errorf("%s: before everything it is %s: %+v", name, s.Verdict, s.Reasons)
		}
	}
	for _, m := range table {
		h.inside(t, m.name, m.before)
		if m.host != nil {
			m.host(t, h)
		}
	}
	h.install(t, demo{version: "2", bytes: "2", dir: dir})
	for _, m := range table {
		h.inside(t, m.name, m.after)
	}
	paths := append(demo{}.paths(), demoFirst, demoLater)
	t.Run("after the patch", func(t *testing.T) { h.verdicts(t, table, paths) })
	t.Run("why", func(t *testing.T) { h.why(t) })
	t.Run("after a restart", func(t *testing.T) {
		h.Sh(t, "kill $(cat /run/hang.pid)")
		h.Must(t, "sysctr", "thaw", "frozen")
		h.Must(t, "sysctr", "restart", "all")
		h.Must(t, "sysctr", "start", "stopped")
		for i := range table {
			if table[i].want, table[i].kinds, table[i].action = table[i].cured, "", ""; table[i].want == "" {
				table[i].want = "patched"
			}
		}
		h.verdicts(t, table, paths)
	})
}

func (h patchHost) install(t *testing.T, d demo) {
	t.Helper()
	h.Copy(t, d.build(t), "/root/demo.deb")
	h.Must(t, "dpkg", "--force-confnew", "-i", "/root/demo.deb")
}

func (h patchHost) inside(t testing.TB, name, script string) {
	t.Helper()
	if script != "" {
		h.Must(t, "sysctr", "exec", name, "--", "bash", "-euc", script)
	}
}

func (h patchHost) verdicts(t *testing.T, table []mutation, paths []string) {
	t.Helper()
	found := h.judged(t)
	for _, m := range table {
		s := found[m.name]
		if s.Verdict != m.want || m.action != "" && s.Action != m.action {
			t.Errorf("%s: %s, %s; want %s, %s: %+v", m.name, s.Verdict, s.Action, m.want, m.action, s.Reasons)
		}
		for _, kind := range strings.Fields(m.kinds) {
			if !s.has(kind) {
				t.Errorf("%s: no reason %s in %+v", m.name, kind, s.Reasons)
			}
		}
		if good := m.want == "patched" || m.want == "unaffected"; good != (len(s.Reasons) == 0) {
			t.Errorf("%s: %s with the reasons %+v", m.name, s.Verdict, s.Reasons)
		}
		h.truth(t, s, paths)
	}
}

func (h patchHost) why(t *testing.T) {
	h.whyMapped(t)
	if got := h.Must(t, "sysctr", "patch", "why", "mapped", demoLib); !strings.Contains(got, "demo 1 -> 2") || !strings.Contains(got, "restart") {
		t.Errorf("why mapped %s:\n%s", demoLib, got)
	}
	if got := h.Must(t, "sysctr", "patch", "why", "chmod", "demo"); !strings.Contains(got, demoData) || !strings.Contains(got, "delta") {
		t.Errorf("why chmod demo:\n%s", got)
	}
}

// whyMapped holds what is said of one path against stat, md5sum and the process itself.
func (h patchHost) whyMapped(t *testing.T) {
	t.Helper()
	var list struct {
		Items []struct {
			Path, Layer, Package, Version, OldVersion, HostDigest, SeenDigest, ShadowClass, Cure string
			HostInode, SeenInode                                                                 uint64
			Reasons                                                                              []reasoned
		}
	}
	if err := json.Unmarshal([]byte(h.Must(t, "sysctr", "patch", "why", "mapped", demoLib, "-o", "json")), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("why: %v: %+v", err, list)
	}
	w := list.Items[0]
	facts := func(prefix ...string) string {
		return h.Must(t, append(prefix, "sh", "-c", "stat -c %i "+demoLib+"; md5sum <"+demoLib+" | cut -d' ' -f1")...)
	}
	if got, want := fmt.Sprintf("%d\n%s", w.HostInode, strings.TrimPrefix(w.HostDigest, "md5:")), facts(); got != want {
		t.Errorf("the host's is said to be %q, and is %q", got, want)
	}
	inside := strings.Fields(facts("sysctr", "exec", "mapped", "--"))
	if strconv.FormatUint(w.SeenInode, 10) != inside[0] || w.SeenDigest != "" && w.SeenDigest != "md5:"+inside[1] {
		t.Errorf("the container's is said to be %d %s, and is %q", w.SeenInode, w.SeenDigest, inside)
	}
	if w.Package != "demo" || w.OldVersion != "1" || w.Version != "2" || w.ShadowClass != "" || w.Cure != "'sysctr restart mapped'" {
		t.Errorf("%+v", w)
	}
	if !slices.ContainsFunc(w.Reasons, func(r reasoned) bool { return r.Kind == "mapped" && r.PID > 1 && r.Comm == "demo-say" }) {
		t.Errorf("the program that maps it is not among %+v", w.Reasons)
	}
}
