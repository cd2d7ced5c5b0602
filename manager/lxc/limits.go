package lxc

import (
	"strconv"

	"github.com/sysctr/sysctr/manager/alive"
	"github.com/sysctr/sysctr/profiles"
)

// cpuPeriod is the time in microseconds over which a share of the processor is counted, the kernel's default.
const cpuPeriod = 100000

// Limits are the settings of a running container's group that a spec asks for, also those that lift a limit; see cgroups(7) and the kernel's
// Documentation/admin-guide/cgroup-v2.rst.
func Limits(l profiles.Limits) []alive.Setting {
	memory, memoryMax, swapMax := "-1", "max", "max"
	if l.Memory > 0 {
		memory = strconv.FormatInt(l.Memory, 10)
		memoryMax, swapMax = memory, "0"
	}
	period, quota, quotaMax := strconv.Itoa(cpuPeriod), "-1", "max"
	if l.CPU > 0 {
		quota = strconv.FormatInt(l.CPU*cpuPeriod/1000, 10)
		quotaMax = quota
	}
	pids := "max"
	if l.Pids > 0 {
		pids = strconv.FormatInt(l.Pids, 10)
	}
	return []alive.Setting{
		{
			Controller: "memory",
			// The limit of memory and swap together is never below that of memory, so it makes way first.
			Legacy: []alive.Value{
				{File: "memory.memsw.limit_in_bytes", Text: "-1", Optional: true}, {File: "memory.limit_in_bytes", Text: memory},
				{File: "memory.memsw.limit_in_bytes", Text: memory, Optional: true},
			},
			Unified: []alive.Value{{File: "memory.max", Text: memoryMax}, {File: "memory.swap.max", Text: swapMax, Optional: true}},
		},
		{
			Controller: "cpu",
			Legacy:     []alive.Value{{File: "cpu.cfs_period_us", Text: period}, {File: "cpu.cfs_quota_us", Text: quota}},
			Unified:    []alive.Value{{File: "cpu.max", Text: quotaMax + " " + period}},
		},
		{
			Controller: "pids",
			Legacy:     []alive.Value{{File: "pids.max", Text: pids}},
			Unified:    []alive.Value{{File: "pids.max", Text: pids}},
		},
	}
}
