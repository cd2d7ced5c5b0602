package mask_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/overlay/mask"
)

const someGroups = "root:x:0:\nshadow:x:42:daemon,ana\nana:x:1000:\nnogroup:x:65534:\napp:x:1500:\n"

func TestAccounts(t *testing.T) {
	for _, test := range []struct {
		summary, passwd, group string
		want                   mask.Accounts
		err                    string
	}{
		{
			summary: "humans go, hashes go, members follow",
			passwd:  "root:$y$hash:0:0:root:/root:/bin/bash\ndaemon:x:2:1500::/:/bin/false\nana:x:1000:1000::/home/ana:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
			group:   someGroups,
			want: mask.Accounts{
				Passwd:  []byte("root:x:0:0:root:/root:/bin/bash\ndaemon:x:2:1500::/:/bin/false\nnobody:x:65534:65534::/:/bin/false\n"),
				Group:   []byte("root:x:0:\nshadow:x:42:daemon\nnogroup:x:65534:\napp:x:1500:\n"),
				Shadow:  []byte("root:*:::::::\ndaemon:*:::::::\nnobody:*:::::::\n"),
				Gshadow: []byte("root:*::\nshadow:*::daemon\nnogroup:*::\napp:*::\n"),
			},
		},
		{
			summary: "blank lines, comments, NIS, repeated names, odd bytes in gecos",
			passwd:  "\n# c\n+::::::\n-ana::::::\nroot:x:0:0:M\xfcller:/root:/bin/sh\nroot:x:1:1::/:/bin/sh\n",
			want:    mask.Accounts{Passwd: []byte("root:x:0:0:M\xfcller:/root:/bin/sh\n"), Shadow: []byte("root:*:::::::\n")},
		},
		{summary: "fields", passwd: "root:x:0:0:/root:/bin/sh", err: "line 1 has 6 fields instead of 7"},
		{summary: "group fields", group: "\nroot:x:0", err: "line 2 has 3 fields instead of 4"},
		{summary: "uid", passwd: "a:x:-1:0:::", err: "line 1 has an id"},
		{summary: "uid -1", passwd: "a:x:4294967295:0:::", err: "line 1 has an id"},
		{summary: "gid", passwd: "a:x:1:0x1:::", err: "line 1 has an id"},
		{summary: "name", passwd: "a/b:x:1:1:::", err: "line 1 has a name"},
		{summary: "empty name", passwd: "ok:x:1:1:::\n:x:1:1:::", err: "line 2 has a name"},
		{summary: "control character", passwd: "a:x:1:1:\x1b[2J::", err: "line 1 has a control character"},
		{summary: "carriage return", group: "a:x:1:\r", err: "line 1 has a control character"},
		{summary: "too many lines", passwd: strings.Repeat("\n", 70000), err: "more than 65536 lines"},
	} {
		t.Run(test.summary, func(t *testing.T) {
			got, err := mask.RewriteAccounts([]byte(test.passwd), []byte(test.group))
			if (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Fatalf("error %v, want %q", err, test.err)
			}
			if err != nil {
				return
			}
			for _, f := range []struct {
				name      string
				got, want []byte
			}{{"passwd", got.Passwd, test.want.Passwd}, {"group", got.Group, test.want.Group}, {"shadow", got.Shadow, test.want.Shadow}, {"gshadow", got.Gshadow, test.want.Gshadow}} {
				if !bytes.Equal(f.got, f.want) {
					t.Errorf("%s = %q, want %q", f.name, f.got, f.want)
				}
			}
		})
	}
}

// Whatever the host has: no human and no password comes through, all files have the same accounts, and what is written reads the same.
func FuzzAccounts(f *testing.F) {
	f.Add([]byte("root:$6$h:0:0::/root:/bin/sh\nana:x:1000:1000:::\n"), []byte(someGroups))
	f.Add([]byte("+\n#\n:::::::"), []byte("a:!:4294967294:b,,c"))
	f.Fuzz(func(t *testing.T, passwd, group []byte) {
		a, err := mask.RewriteAccounts(passwd, group)
		if err != nil {
			return
		}
		users, groups := lines(a.Passwd), lines(a.Group)
		for i, line := range users {
			field := strings.Split(line, ":")
			if len(field) != 7 || field[1] != "x" {
				t.Fatalf("passwd line %q", line)
			}
			if uid, err := strconv.Atoi(field[2]); err != nil || uid >= 1000 && uid != 65534 {
				t.Errorf("human %q", line)
			}
			if want := field[0] + ":*:::::::"; lines(a.Shadow)[i] != want {
				t.Errorf("shadow %q, want %q", lines(a.Shadow)[i], want)
			}
		}
		for i, line := range groups {
			field := strings.Split(line, ":")
			if len(field) != 4 || field[1] != "x" || !strings.HasPrefix(lines(a.Gshadow)[i], field[0]+":*::") {
				t.Errorf("group %q, gshadow %q", line, lines(a.Gshadow)[i])
			}
		}
		if len(lines(a.Shadow)) != len(users) || len(lines(a.Gshadow)) != len(groups) {
			t.Error("shadow files have other accounts")
		}
		again, err := mask.RewriteAccounts(a.Passwd, a.Group)
		if err != nil || !bytes.Equal(again.Passwd, a.Passwd) || !bytes.Equal(again.Group, a.Group) {
			t.Errorf("reads back as %q, %q (%v), want %q, %q", again.Passwd, again.Group, err, a.Passwd, a.Group)
		}
	})
}

func lines(data []byte) []string {
	if len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}
