package pkgdb_test

import (
	"testing"

	"github.com/sysctr/sysctr/hooks/pkgdb"
)

func TestThisMachine(t *testing.T) {
	db, err := pkgdb.Detect("/")
	if err != nil {
		t.Skip(err)
	}
	packages, err := db.Packages(t.Context())
	if err != nil || len(packages) == 0 {
		t.Fatal(len(packages), err)
	}
	for _, p := range packages {
		if _, err := db.Files(t.Context(), p); err != nil {
			t.Error(err)
		}
	}
}
