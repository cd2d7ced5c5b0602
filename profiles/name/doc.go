// Package name is the one place that knows how containers are named and how a command line points at them.
//
// A name is what a container, a profile or a tag is called. An expression is a name or a range of names ("web<1..100>"), and Expand gives
// its names whether or not they exist. A target is an expression or a selector ("web*", "@tag", "profile:web", "state:running",
// "patch:stale", "all"); ParseTarget reads one, and Select finds what a set of targets means among the containers that exist. Those are
// handed in as subjects: the little of a container that a target can ask for.
//
// The package is pure and imports nothing of the project. Whatever comes in is taken for hostile: every text is bounded before it is looked
// at, and no range is expanded before it was counted.
package name
