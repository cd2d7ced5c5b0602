package overlay_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sysctr/sysctr/overlay"
)

func TestUnseen(t *testing.T) {
	const root = "22 1 254:0 / / rw - ext4 /dev/vda rw\n"
	for _, test := range []struct {
		summary, table string
		want           string // points, one after the other
	}{
		{"nothing but the root", root, ""},
		{"what belongs to the base", root + "30 22 8:1 / /usr rw - ext4 /dev/vdb rw\n", ""},
		{"a network filesystem", root + "30 22 0:9 / /var/www rw - nfs4 s:/w rw\n", "/var/www"},
		{"where nobody looks", root + "30 22 0:9 / /home rw - nfs4 s:/h rw\n31 22 0:5 / /proc rw - proc proc rw\n", ""},
		{"a disk below a tmpfs", root + "30 22 0:9 / /var/cache rw - tmpfs none rw\n31 30 8:1 / /var/cache/apt rw - ext4 /dev/vdb rw\n", "/var/cache /var/cache/apt"},
		{"our own", root + "30 22 0:9 / /var/lib/sysctr rw - tmpfs none rw\n31 30 0:10 / /var/lib/sysctr/x rw - overlay none rw\n", ""},
		{"hidden by a later mount", root + "30 22 0:9 / /opt rw - tmpfs none rw\n31 22 8:1 / /opt rw - xfs /dev/vdb rw\n", ""},
	} {
		t.Run(test.summary, func(t *testing.T) {
			found, err := overlay.Unseen([]byte(test.table), "/var/lib/sysctr")
			var points []string
			for _, fs := range found {
				points = append(points, fs.Point)
			}
			if got := strings.Join(points, " "); err != nil || got != test.want {
				t.Errorf("unseen are %q (%v), want %q", got, err, test.want)
			}
		})
	}
	if _, err := overlay.Unseen([]byte("nonsense\n")); err == nil || errors.Is(err, overlay.ErrOverlayRoot) {
		t.Errorf("a table that is none: %v", err)
	}
}
