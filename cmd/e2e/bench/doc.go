// Package bench measures what sysctr costs, against programs that do less, and prints the figures of one run. `make bench` runs it.
//
// It asserts nothing and passes no marks: a goal is printed as met or missed, and only a measurement that could not be made is an error. What
// is compared is measured in alternating rounds, so that a change of the machine's load meets both sides, and a ratio is the median of the
// ratios of the rounds, never a ratio of two medians.
//
// One life of a run:
//
//	Main     checks, pins itself to a few processors, and runs itself again in a mount and network namespace of its own
//	stage    there, /var/lib/sysctr is a directory on the disk, /run/sysctr and /etc/sysctr a tmpfs, all of this run alone
//	figures  each leaves nothing running behind
//	sweep    whatever happened, the first process kills what still runs under the run's names, and removes its control groups and files
//
// A patch of the host is played by a file in a directory of the run's own in /usr/local/share.
//
// Words:
//
//	floor   a program that starts containers with less around them than sysctr: see package floor
//	run     one execution; its containers are called bench-PID-KIND-1 and so on, which is how a later run finds what a killed one left
//
// What stays on the machine is what `sysctr host init` prepares, which `make down` takes away, and /etc/sysctr, empty if nobody has configured anything.
package bench
