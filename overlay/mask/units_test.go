package mask_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/overlay/mask"
)

const system = "etc/systemd/system/"

func TestUnits(t *testing.T) {
	root := madeHost(t, hostText(t, "debian"))
	for _, test := range []struct {
		summary string
		units   []string
		links   map[string]string // below etc/systemd/system -> target's base name; "" for not there
		want    error
		text    string
	}{
		{
			summary: "wanted and alias", units: []string{"ssh"},
			links: map[string]string{"multi-user.target.wants/ssh.service": "ssh.service", "sshd.service": "ssh.service"},
		},
		{
			summary: "by a link's name", units: []string{"openssh.service", "ssh"},
			links: map[string]string{"multi-user.target.wants/ssh.service": "ssh.service", "multi-user.target.wants/openssh.service": ""},
		},
		{
			summary: "required, also, and a missing also", units: []string{"cups"},
			links: map[string]string{
				"printer.target.wants/cups.service": "cups.service", "spool.target.requires/cups.service": "cups.service",
				"sockets.target.wants/cups.socket": "cups.socket", "multi-user.target.wants/cups.service": "",
			},
		},
		{
			summary: "instance", units: []string{"worker@a-1.service", `worker@x\x2dy`},
			links: map[string]string{
				"workers-a-1.target.wants/worker@a-1.service":       "worker@.service",
				`workers-x\x2dy.target.wants/worker@x\x2dy.service`: "worker@.service",
			},
		},
		{
			summary: "default instance, which is no longer masked", units: []string{"getty@.service"},
			links: map[string]string{"getty.target.wants/getty@tty1.service": "getty@.service", "getty@tty1.service": ""},
		},
		{
			summary: "static units", units: []string{"static", "static.timer"},
			links: map[string]string{"multi-user.target.wants/static.service": "static.service", "timers.target.wants/static.timer": "static.timer"},
		},
		{
			summary: "a masked one is only unmasked", units: []string{"systemd-sysctl"},
			links: map[string]string{"systemd-sysctl.service": "", "multi-user.target.wants/systemd-sysctl.service": ""},
		},
		{
			summary: "at boot by profile", units: []string{"systemd-logind"},
			links: map[string]string{"multi-user.target.wants/systemd-logind.service": "systemd-logind.service"},
		},
		{summary: "no alias takes default.target", units: []string{"graphical.target"}, links: map[string]string{"default.target": "multi-user.target"}},
		{summary: "missing", units: []string{"ssh", "nothere"}, want: mask.ErrUnit, text: `"nothere"`},
		{summary: "template without instance", units: []string{"worker@"}, want: mask.ErrUnit, text: "worker@one.service"},
		{summary: "masked by link", units: []string{"off"}, want: mask.ErrUnit, text: "/dev/null"},
		{summary: "masked by emptiness", units: []string{"empty"}, want: mask.ErrUnit, text: "empty"},
		{summary: "loop", units: []string{"loop"}, want: mask.ErrUnit, text: "loop"},
		{summary: "hidden file", units: []string{"hidden"}, want: mask.ErrUnit, text: "hidden"},
		{summary: "path in the file", units: []string{"evil"}, want: mask.ErrUnit, text: "../"},
		{summary: "path as name", units: []string{"../../etc/x.service"}, want: mask.ErrRule, text: "not a unit name"},
		{summary: "newline as name", units: []string{"a\nb"}, want: mask.ErrRule, text: `a\nb`},
		{summary: "empty name", units: []string{""}, want: mask.ErrRule, text: `""`},
	} {
		t.Run(test.summary, func(t *testing.T) {
			l, err := mask.Build(root, mask.Rules{System: true, Units: test.units})
			if test.want != nil {
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("Build = %v, want %v with %q", err, test.want, test.text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for name, base := range test.links {
				e, ok := l.Mask.Find(system + name)
				if want := "/usr/lib/systemd/system/" + base; ok != (base != "") || ok && e.Target != want {
					t.Errorf("%s -> %q, want %q", name, e.Target, base)
				}
			}
			worldReadable(t, l.Mask)
		})
	}
}

func TestNoSystemd(t *testing.T) {
	_, err := mask.Build(madeHost(t, "d 755 0:0 usr/lib"), mask.Rules{System: true})
	if !errors.Is(err, mask.ErrUnit) || !strings.Contains(err.Error(), "install systemd") {
		t.Errorf("Build = %v, want the remedy", err)
	}
}

func TestParseInstall(t *testing.T) {
	for _, test := range []struct {
		summary, text string
		want          mask.Words
		err           string
	}{
		{summary: "empty"},
		{summary: "only its section", text: "[Unit]\nWantedBy=a.target\n[Install]\nWantedBy = b.target\n[X]\nAlias=c.service", want: mask.Words{WantedBy: []string{"b.target"}}},
		{summary: "adds and clears", text: "[Install]\nAlso=a b\nAlso=c\nWantedBy=x\nWantedBy=\nWantedBy=y", want: mask.Words{Also: []string{"a", "b", "c"}, WantedBy: []string{"y"}}},
		{
			summary: "continued, with a comment between", text: "[Install]\nWantedBy=a \\\n# no\n  b \\\n; no\nc\nRequiredBy=d",
			want: mask.Words{WantedBy: []string{"a", "b", "c"}, RequiredBy: []string{"d"}},
		},
		{summary: "carriage returns", text: "[Install]\r\nAlias=a\r\n", want: mask.Words{Alias: []string{"a"}}},
		{summary: "instance", text: "[Install]\nDefaultInstance=tty1\nUpheldBy=u", want: mask.Words{Instance: "tty1", UpheldBy: []string{"u"}}},
		{summary: "no assignment", text: "[Install]\nWantedBy\n=x\nFoo=y"},
		{summary: "NUL", text: "[Install]\n\nAlias=\x00", err: "line 3"},
		{summary: "too many words", text: "[Install]\nAlso=" + strings.Repeat("a ", 65), err: "line 2"},
		{summary: "too large", text: strings.Repeat("#", 256<<10+1), err: "larger"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got, err := mask.ParseInstall([]byte(test.text))
			if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Whatever a unit file has: every word comes from the file and is one word, lists are bounded, and writing what was read reads the same.
func FuzzParseInstall(f *testing.F) {
	f.Add([]byte("[Install]\nWantedBy=a b\\\n c\nAlso=\nAlias=x\nDefaultInstance=i\n"))
	f.Add([]byte("[Install]\n[Install]\n\\\n#\nWantedBy=\\\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := mask.ParseInstall(data)
		if err != nil {
			return
		}
		var b strings.Builder
		b.WriteString("[Install]\nDefaultInstance=" + got.Instance + "\n")
		v := reflect.ValueOf(got)
		for i := range v.NumField() {
			list, ok := v.Field(i).Interface().([]string)
			if !ok {
				continue
			}
			if len(list) > 64 {
				t.Errorf("%d words", len(list))
			}
			for _, w := range list {
				if w == "" || len(strings.Fields(w)) != 1 || !strings.Contains(string(data), w) {
					t.Errorf("word %q is not of the file", w)
				}
				if strings.HasSuffix(w, `\`) {
					return // a trailing backslash continues the line when it is written back
				}
			}
			b.WriteString(v.Type().Field(i).Name + "=" + strings.Join(list, " ") + "\n")
		}
		if strings.HasSuffix(got.Instance, `\`) {
			return
		}
		again, err := mask.ParseInstall([]byte(b.String()))
		if err != nil || !equalWords(got, again) {
			t.Errorf("wrote %q, read back %+v (%v), want %+v", b.String(), again, err, got)
		}
	})
}

func equalWords(a, b mask.Words) bool {
	return slices.Equal(a.WantedBy, b.WantedBy) && slices.Equal(a.RequiredBy, b.RequiredBy) && slices.Equal(a.UpheldBy, b.UpheldBy) &&
		slices.Equal(a.Also, b.Also) && slices.Equal(a.Alias, b.Alias) && a.Instance == b.Instance
}

func TestServicesThatNeedNotStartAtBoot(t *testing.T) {
	l := mustBuild(t, madeHost(t, hostText(t, "debian")), mask.Rules{System: true})
	if e, _ := l.Mask.Find(system + "multi-user.target.wants/systemd-logind.service"); e.Target != "/dev/null" {
		t.Errorf("logind's link leads to %q, want /dev/null", e.Target)
	}
	if e, ok := l.Mask.Find(system + "systemd-logind.service"); ok {
		t.Errorf("logind cannot be asked for: %+v", e)
	}
}

func TestGeneratorOfArguments(t *testing.T) {
	const link = "etc/systemd/system-generators/systemd-debug-generator"
	for _, arguments := range []bool{false, true} {
		l := mustBuild(t, madeHost(t, hostText(t, "debian")), mask.Rules{System: true, Arguments: arguments})
		if _, masked := l.Mask.Find(link); masked == arguments {
			t.Errorf("with arguments %v the generator that reads them is masked: %v", arguments, masked)
		}
	}
}

func TestWhatIsMaskedIsNotWanted(t *testing.T) {
	root := madeHost(t, hostText(t, "debian"))
	for _, test := range []struct {
		units, hidden []string
	}{
		{nil, []string{"systemd-random-seed.service", "systemd-sysctl.service"}},
		{[]string{"systemd-sysctl"}, []string{"systemd-random-seed.service"}},
	} {
		const wants = "usr/lib/systemd/system/sysinit.target.wants/"
		var hidden []string
		for _, e := range mustBuild(t, root, mask.Rules{System: true, Units: test.units}).Mask {
			if name, ok := strings.CutPrefix(e.Path, wants); ok && e.Kind == mask.Whiteout {
				hidden = append(hidden, name)
			}
		}
		if !slices.Equal(hidden, test.hidden) {
			t.Errorf("with the units %v the links %v are hidden, want %v", test.units, hidden, test.hidden)
		}
	}
}
