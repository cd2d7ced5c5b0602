// Package faults breaks sysctr on purpose and holds what must be true all the same: the invariants of what lies on disk, and that nothing that is
// interrupted at any instruction loses a delta, weakens a container or leaves one that can be neither started nor destroyed.
//
// The words:
//
//   - a call is one kind of system call that changes state (see [Calls]); reads, waits and the runtime's own bookkeeping are none. Each system call
//     that sysctr makes is one or the other, or the test fails: so no kind is forgotten;
//   - a role is what a process of sysctr is: the command itself, the starter that it runs, the launcher of that, liblxc (what the launcher forks:
//     the start, the monitor, the container's init until it executes its program);
//   - a point is the n-th call of one kind that the processes of one role make while one verb is carried out;
//   - a fault is what happens at a point, once: the call fails without having done anything, or the process that makes it is killed;
//   - a finding is one thing that a [World] must not show.
//
// One round: [Trace] carries out a verb without a fault and counts. [Choose] picks points. For each of them the verb is traced again with the fault;
// then [World.Check] looks, and whatever runs must be as confined as without a fault; the same verb is run again and has to finish, [World.Check] looks
// again, and after a destroy there is nothing left.
//
// The tracer is ours since strace(1) counts the calls of each thread by itself: a fault at the n-th call would hit every thread that comes so far, and
// which thread of a Go program makes a call is chance. What is traced is let go at the moment in which it executes a program that is not sysctr.
package faults
