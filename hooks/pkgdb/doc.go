// Package pkgdb reads the package databases of a host: which packages it has, which files they brought, whether somebody is at work with
// them, and whether they were left half done. It only reads. It never takes a lock of a package manager, since apt fails at once if
// somebody else has it, and it is no judge of what changed: hooks/generation compares.
//
// The files of a host are trusted to be what its package manager wrote; they are bounded and checked nevertheless, so that a damaged database
// is an error and never an answer.
//
// Words:
//
//	present   a package with files on the disk, even if it is half installed; one of which only configuration was left is not
//	identity  a digest of what the database says of one package: equal if and only if it is the same build in the same state
//	content   a digest that stands for a package's list of files: equal contents mean equal answers of Files
//	canonical the path at which a file lies on this host: diversions followed, and links such as /lib -> usr/lib
//	busy      somebody holds a lock of the package manager now
//	problem   a package, or the database as a whole, that somebody has to finish (dpkg --configure -a) before it says what is true
//
// A lifecycle:
//
//	db, err := pkgdb.Detect("/")
//	busy, err := db.Busy(ctx)
//	problems, err := db.Clean(ctx)
//	packages, err := db.Packages(ctx)
//	for _, p := range packages {
//		files, err := db.Files(ctx, p) // of the same look
//	}
package pkgdb
