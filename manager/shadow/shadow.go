package shadow

// Class is what an entry is to the host's file.
type Class string

// The classes.
const (
	Redundant     Class = "redundant"      // the bytes, mode and owner are the host's
	Metadata      Class = "metadata"       // the bytes are the host's; mode, owner or extended attributes are not
	VendorOld     Class = "vendor-old"     // the bytes are those of another version of the package, or what the host's link pointed to before
	Conffile      Class = "conffile"       // the container edited a configuration file of a package
	ModifiedOlder Class = "modified-older" // other bytes, and the container's package database has an older version of the package than the host
	ModifiedNewer Class = "modified-newer" // the same with a newer version
	Modified      Class = "modified"       // other bytes, or something of another kind
	Whiteout      Class = "whiteout"       // removed in the container
	Opaque        Class = "opaque"         // a directory that hides what the host has in it
	Derived       Class = "derived"        // made by a program from other files
	Accounts      Class = "accounts"       // users and groups
	Database      Class = "database"       // of the container's own package manager
	Own           Class = "own"            // nothing of the host is below it
)

// Heal is what would let the host's file be seen again.
type Heal string

// The ways to heal. Nothing here carries them out.
const (
	Drop        Heal = "drop"         // take the entry out of the delta
	ClearOpaque Heal = "clear-opaque" // let the directory be merged with the host's, of which it hides nothing now
	Keep        Heal = "keep"         // it is as the container wants it
	Report      Heal = "report"       // a human has to decide
	Regenerate  Heal = "regenerate"   // take it out and have it made anew; of a seed, restart the container
	Merge       Heal = "merge"        // add to it what the host's has
)

// Severity is how bad it is that a patch is hidden.
type Severity string

// The severities.
const (
	High   Severity = "high"   // programs and libraries
	Medium Severity = "medium" // other files of programs
	Low    Severity = "low"    // configuration and what is derived
	None   Severity = "none"   // nothing is hidden
)

// The layers that shadows lie in.
const (
	Delta = "delta"
	Seed  = "seed"
)

// MaxBelow is how many paths a shadow names at most of those that it hides below itself.
const MaxBelow = 20

// Shadow is the verdict on one entry.
type Shadow struct {
	Path  string `json:"path"` // absolute, as the container names it; any bytes but NUL: whoever shows it must make it safe
	Class Class  `json:"class"`
	Layer string `json:"layer"` // Delta or Seed
	// Package is who has the path on the host, in Version. OldVersion is that of the entry's bytes for VendorOld and what the container's own
	// package database says for the classes of modified files. All are empty if not known.
	Package    string   `json:"package,omitempty"`
	Version    string   `json:"version,omitempty"`
	OldVersion string   `json:"old_version,omitempty"`
	Severity   Severity `json:"severity"`
	Heal       Heal     `json:"heal"`
	Detail     string   `json:"detail,omitempty"` // a clause for a human; it may quote paths, which are made safe
	Bytes      int64    `json:"bytes"`            // on disk
	// Changed is whether the host changed what the entry hides since the delta was born.
	Changed bool `json:"changed"`
	// Below are paths below the entry's that changed on the host and that the container does not show, sorted, at most MaxBelow. More is how
	// many there may be besides.
	Below []string `json:"below,omitempty"`
	More  int      `json:"more,omitempty"`
}

// Hides reports whether a patch of the host cannot arrive because of the entry.
func (s Shadow) Hides() bool {
	switch s.Class {
	case Redundant, Database, Own:
		return false
	default:
		return s.Changed
	}
}
