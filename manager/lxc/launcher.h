#ifndef SYSCTR_LAUNCHER_H
#define SYSCTR_LAUNCHER_H

#include <stdint.h>

#define SYSCTR_LAUNCHER_VERB "_launcher"

// How far a start came.
enum {
	SYSCTR_STARTED,   // pid is that of the container's init
	SYSCTR_NO_CONFIG, // liblxc refused the configuration
	SYSCTR_NO_START,
	SYSCTR_NO_INIT,
	SYSCTR_NO_FORK,   // pid is an errno
	SYSCTR_DIED,      // pid is the wait status of the process that called liblxc
};

struct sysctr_answer {
	int32_t stage;
	int32_t pid;
};

// sysctr_start starts a container in the calling process: words are the directory, the name and the command, and NULL.
void sysctr_start(char **words, struct sysctr_answer *here);

#endif
