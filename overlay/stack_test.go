package overlay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sysctr/sysctr/overlay"
)

const table = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
22 21 0:5 / /proc rw - proc proc rw
23 21 0:6 / /run rw - tmpfs tmpfs rw
24 21 254:1 / /usr rw - ext4 /dev/vda2 rw
25 21 254:2 / /home rw - ext4 /dev/vda3 rw
26 21 254:3 / /var rw - xfs /dev/vdb rw
27 26 254:4 / /var/lib/sysctr rw - ext4 /dev/vdc rw
28 26 0:7 / /var/cache rw - tmpfs tmpfs rw
29 28 254:5 / /var/cache/big rw - ext4 /dev/vdd rw
30 21 0:8 / /opt/nfs rw - nfs4 server:/x rw
31 21 254:6 / /opt/a\040b rw - btrfs /dev/vde rw
32 21 254:7 / /boot rw - ext4 /dev/vdf rw
33 24 0:9 / /usr/share/tmp rw - tmpfs tmpfs rw
`

func TestFilesystems(t *testing.T) {
	tests := []struct {
		summary, input string
		want           []string
		wantErr        string
	}{
		{"what belongs to the base", table, []string{"/ ext4", "/opt/a b btrfs", "/usr ext4", "/var xfs"}, ""},
		{"a later mount hides an earlier one", table + "40 24 0:30 / /usr rw - tmpfs x rw\n", []string{"/ ext4", "/opt/a b btrfs", "/var xfs"}, ""},
		{"a root on an overlay", "21 1 0:20 / / rw - overlay overlay rw\n", nil, "root is itself an overlay"},
		{"no root", "22 21 0:5 / /proc rw - proc proc rw\n", nil, "no root filesystem"},
		{"half a line", "21 1 254:0 / /\n", nil, "line 1"},
		{"a bad escape", "21 1 254:0 / /\\9zz rw - ext4 x rw\n", nil, "bad escape"},
		{"a relative mount point", "21 1 254:0 / usr rw - ext4 x rw\n", nil, "not absolute"},
		{"a cut escape", "21 1 254:0 / /a\\04 rw - ext4 x rw\n", nil, "ends in an escape"},
	}
	for _, tt := range tests {
		t.Run(tt.summary, func(t *testing.T) {
			found, err := overlay.Filesystems([]byte(tt.input), "/var/lib/sysctr")
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Fatalf("error %v, want %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, fs := range found {
				got = append(got, fs.Point+" "+fs.Type)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("filesystems (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := overlay.Filesystems([]byte("21 1 0:20 / / rw - overlay overlay rw\n")); !errors.Is(err, overlay.ErrOverlayRoot) {
		t.Errorf("error %v does not wrap ErrOverlayRoot", err)
	}
}

func FuzzFilesystems(f *testing.F) {
	f.Add([]byte(table))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := overlay.Filesystems(data, "/var/lib/sysctr")
		if err != nil {
			return
		}
		if len(found) == 0 || found[0].Point != "/" {
			t.Fatalf("accepted without the root first: %v", found)
		}
		seen := map[string]bool{}
		for _, fs := range found {
			if seen[fs.Point] || fs.Point == "/var/lib/sysctr" || !strings.HasPrefix(fs.Point, "/") {
				t.Fatalf("bad filesystem %+v in %v", fs, found)
			}
			seen[fs.Point] = true
		}
	})
}

const golden = `/
  outer  upper  /state/web1/delta/upper
         work   /state/web1/delta/work
         seed   /run/seed/web1
         common /run/mask/1/common
  inner  mask   /run/mask/1/mask
         base   / (idmapped, read-only)
  options index=off,metacopy=off,xino=off,redirect_dir=nofollow,nfs_export=off
/var/x y
  outer  upper  /state/web1/delta/fs/var%2Fx%20y/upper
         work   /state/web1/delta/fs/var%2Fx%20y/work
         seed   /run/seed/web1/var/x y
         common /run/mask/1/common/var/x y
  inner  mask   /run/mask/1/mask/var/x y
         base   /var/x y (idmapped, read-only)
  options index=off,metacopy=off,xino=off,redirect_dir=nofollow,nfs_export=off
`

func TestPlan(t *testing.T) {
	stacks := overlay.Plan([]overlay.Filesystem{{Point: "/"}, {Point: "/var/x y"}}, overlay.Dirs{
		Delta: "/state/web1/delta", Seed: "/run/seed/web1", Common: "/run/mask/1/common", Mask: "/run/mask/1/mask",
	})
	var got strings.Builder
	for _, s := range stacks {
		got.WriteString(s.String())
	}
	if diff := cmp.Diff(golden, got.String()); diff != "" {
		t.Errorf("stacks (-want +got):\n%s", diff)
	}
}
