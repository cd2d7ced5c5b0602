// Package systemd is what sysctr says to the service manager: unit files, jobs, machined, and the readiness message of a starter. It is
// the only package that speaks D-Bus. It knows nothing of records, mounts or LXC, and decides nothing about containers.
//
// # Words
//
// The unit of a container is sysctr@NAME.service. Its main process is first the starter (sysctr _unit NAME), later LXC's monitor. A drop-in
// is the file 50-sysctr.conf in the unit's .d directory: what the record says of this container and the unit file cannot know. A job is
// systemd's word for one queued change of one unit; it ends with a result. A level is a target sysctr-priority@P.target.
//
// # One lifecycle
//
// Install writes the unit files once. For a new container WriteDropIn writes its settings, Enable links the unit to sysctr.target if it
// starts by itself, and one Reload per batch makes both known. Start enqueues the unit's job and waits for its result, which comes after
// the starter has called Ready with the monitor's pid. Stop makes systemd send the stop signal to the monitor, which forwards it to the
// container's init; after the stop timeout all that is left is killed. The unit is then inactive. A poweroff from inside ends there as
// well; a reboot from inside and a killed monitor are failures to systemd, and Restart= brings the container back over fresh mounts.
// Disable, RemoveDropIn and Reload forget it.
//
// # Where files lie, and why
//
// Unit files go to /usr/local/lib/systemd/system: every systemd reads it, and /etc/systemd/system stays the operator's, whose file of
// the same name wins. Drop-ins go to /etc/systemd/system, beside the links that enabling makes, for two reasons. They must be there at
// boot before any unit starts, so /run is no place for them, and a generator runs before /var is mounted and cannot read records. And every
// container sees the host's /usr, but not this directory: there, drop-ins would tell each container its neighbours' names.
//
// # Order at boot
//
// systemd starts all enabled units at once; only After= and Before= order them, and only among units that have a job. So the drop-in of
// a container of priority P wants its level, which is ordered after it, and orders the container after every higher level:
//
//	Wants=sysctr-priority@98.target
//	Before=sysctr-priority@98.target
//	After=sysctr-priority@99.target sysctr-priority@100.target
//
// A level that no container wants has no job and delays nobody. A level is reached when its containers have started or failed, so one
// that fails delays the lower ones and never prevents them. Each drop-in follows from its own record alone; no file
// lists the fleet. Shutdown goes the other way round, lowest priority first. A level that is already up orders nothing any more: among
// running containers, whoever starts several in order calls Start once per priority.
package systemd
