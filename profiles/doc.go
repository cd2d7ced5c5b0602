// Package profiles turns what an operator writes into what a container is.
//
// A profile is one strict YAML file that says what a kind of container is. A Library holds the built-in profiles and those of a directory;
// it follows extends, lays --set on top, fills the defaults and gives a Spec: inert, complete, validated and comparable, made for one
// container and stored in its record. A Spec never changes by itself: when its profile does, Diff tells the drift.
//
// The package decides and reads; it touches nothing but the profile files and knows nothing of the host it runs on. Everything it reads is
// taken for hostile: it is bounded before it is parsed, and each problem is an Error with file, line and column. Validate is the choke point
// that every Spec passes, the merged one and the one that was loaded from a record.
//
// README.md in this folder documents every key of a profile.
package profiles
