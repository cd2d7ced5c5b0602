// Package manager is the verbs: it observes the world once, decides in pure functions what is to be done, and carries that out in lanes.
//
// Words:
//
//	world    what was observed: every container with its record, its liveness and its state
//	plan     steps as data, one per container, in the order in which lanes are fed
//	step     an action on one container, or the reason why there is none
//	lane     the carrying out of one container's step; lanes run side by side, and one that fails stops no other
//	outcome  what became of a step
//
// Interrupted at any instruction, the same verb run again finishes the work: every action looks at what is there and does what is missing.
package manager
