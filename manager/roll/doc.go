// Package roll is one fleet-wide, ordered, gated restart after a patch, as a stored state machine: it decides who may be restarted when, writes
// down what was begun before it is begun, and goes on where it was interrupted. It neither judges who needs a restart (a plan says that)
// nor restarts anything itself (an Actor does).
//
// Words:
//
//	plan      what is to be done about every container of the host, and by which policy
//	member    a container in a roll, with its state
//	canary    a member that is restarted before all others, and watched for a while (soak)
//	sight     what an Actor sees of a container at one moment; world: all sights, with the marks
//	mark      what somebody asks of a roll while it goes on: pause, resume, abort, hold; a file each
//	step      what may be done now; Next decides it and touches nothing
//	event     what has happened; Record gives the roll in which it has
//	gate      the comparison of a member's health after its restart with the one before
//
// # States
//
// A member is pending, then restarting, checking and done; or failed; or skipped (nothing is to be done, or somebody else did it or made it
// pointless) or held. A roll is running until it is finished or aborted; a failed gate makes it halted until it is resumed or aborted.
//
// # Interruption
//
// A member is written down as restarting, with the id of the boot it has, before anything is done to it. Whoever finds it so later looks at
// the container: with another boot on the roll's generation it has been restarted and is checked; with the old boot it was not touched, and is
// pending again; down by our own restart, it is restarted. What a reboot of the host has stopped, and does not start, stays stopped. So nobody
// is restarted twice and nobody is forgotten, whatever was killed when.
//
// # Who is down
//
// Whatever is not up counts as down: members being restarted, those whose check has not passed or has failed, and every other container that
// runs and is not ready or has ended by itself. One that was stopped or frozen by hand does not. No restart of a container that is up is begun
// unless afterwards no more are down than max_unavailable of the fleet, of its profile and of each of its tags.
//
// # While packages are changed
//
// No restart is begun while somebody works with the host's packages or has left them half done. One that was begun is finished: down is worse.
//
// # On disk
//
// ID.json is a roll; its keys "format" and "state" mean the same in every format to come. plan.json is a plan that no driver has taken yet. pause,
// resume and abort are marks, holds/NAME is a hold. lock says which process drives. The newest Kept rolls that have ended are kept, older ones are
// removed when a roll ends; a file that cannot be read is neither used nor removed.
package roll
