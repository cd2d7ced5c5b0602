// The launcher: see launcher.go. This file is all that runs in it; the Go runtime is never started there.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lxc/lxccontainer.h>

#include "launcher.h"

// Any process that hands over more than this is not a starter.
#define MOST_BYTES (1 << 20)
#define MOST_WORDS 4096

static int transfer(int fd, void *buffer, size_t size, int writing)
{
	char *at = buffer;

	while (size > 0) {
		ssize_t n = writing ? write(fd, at, size) : read(fd, at, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		at += n;
		size -= n;
	}
	return 0;
}

// answer is where the process that starts a container leaves what came of it: memory that it shares with the launcher, which alone speaks to the
// starter. A process that spoke for itself and was killed right after would have been answered for twice, and all later answers be taken for
// those of the request before.
static struct sysctr_answer *answer;

static void leave(int32_t stage, int32_t pid)
{
	answer->pid = pid;
	__atomic_store_n(&answer->stage, stage, __ATOMIC_RELEASE);
}

// watched is the container that this process starts, and words[0] and words[1] say where its files are: DIRECTORY/NAME.
static struct lxc_container *watched;
static char file[PATH_MAX];

static const char *beside(const char *name)
{
	int n = snprintf(file, sizeof(file), "%s/%s/%s", watched->config_path, watched->name, name);

	return n > 0 && n < (int)sizeof(file) ? file : "/dev/null";
}

// tell leaves the status of a container's init in the file "exit" and, where it is a failure, runs the script "failed" if there is one.
static void tell(int status)
{
	int fd = open(beside("exit"), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0) {
		(void)dprintf(fd, "%d\n", status);
		close(fd);
	}
	if (status != 0 && access(beside("failed"), F_OK) == 0 && fork() == 0) {
		(void)syscall(SYS_close_range, 3, ~0U, 0);
		execl("/bin/sh", "sh", beside("failed"), (char *)NULL);
		syscall(SYS_exit_group, 127);
	}
}

// _exit stands in for that of the C library, and liblxc's monitor calls it: liblxc leaves with 0 when a container has ended, whatever its init
// returned, and hands that to nobody else. The monitor leaves with it instead, which is what systemd goes by. It is the one process that has an
// exit status in error_num and a session of its own; that an init was killed, which is how one powers off, stays a 0.
void _exit(int status)
{
	if (status == 0 && watched && getsid(0) == getpid() && (watched->error_num & 0xff) == 0) {
		status = watched->error_num >> 8 & 0xff;
		tell(status);
	}
	for (;;)
		syscall(SYS_exit_group, status);
}

// start runs in a process of its own, or in the starter of a unit. words are the directory, the name and the command of the container.
static void start(char **words)
{
	struct lxc_container *c = lxc_container_new(words[1], words[0]);
	pid_t pid;

	if (!c) {
		leave(SYSCTR_NO_CONFIG, 0);
		return;
	}
	watched = c;
	c->daemonize = true;
	if (!c->start(c, 0, words + 2)) {
		watched = NULL;
		leave(SYSCTR_NO_START, 0);
		return;
	}
	watched = NULL; // the monitor has a copy of its own
	pid = c->init_pid(c);
	leave(pid > 0 ? SYSCTR_STARTED : SYSCTR_NO_INIT, pid);
}

void sysctr_start(char **words, struct sysctr_answer *here)
{
	answer = here;
	start(words);
	answer = NULL;
}

// request forks the process that starts one container, and waits for it. liblxc moves its caller into the control groups of the monitor, where
// it dies with the container: that is the child, which has nothing else to do.
static int request(char **words)
{
	int status = 0;
	pid_t child;

	leave(SYSCTR_DIED, 0);
	child = fork();
	if (child == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
			start(words);
		_exit(0);
	}
	if (child < 0)
		leave(SYSCTR_NO_FORK, errno);
	while (child > 0 && waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	if (answer->stage == SYSCTR_DIED)
		answer->pid = status;
	return transfer(STDIN_FILENO, answer, sizeof(*answer), 1);
}

// split makes words of what ends in a NUL each, and a NULL after them. It returns how many there are, or -1.
static int split(char *text, uint32_t size, char **words)
{
	int n = 0;

	if (size == 0 || text[size - 1] != '\0')
		return -1;
	for (char *at = text; at < text + size; at += strlen(at) + 1) {
		if (n == MOST_WORDS)
			return -1;
		words[n++] = at;
	}
	words[n] = NULL;
	return n;
}

static int serve(void)
{
	static char *words[MOST_WORDS + 1];
	uint32_t size;

	answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answer == MAP_FAILED)
		return 1;
	while (transfer(STDIN_FILENO, &size, sizeof(size), 0) == 0) {
		char *text = size <= MOST_BYTES ? malloc(size) : NULL;

		if (!text || transfer(STDIN_FILENO, text, size, 0) < 0 || split(text, size, words) < 3 || request(words) < 0)
			return 1;
		free(text);
	}
	return 0;
}

// A constructor runs before the program's own main, which is that of Go (ld.so(8) calls it with the arguments of main).
__attribute__((constructor)) static void sysctr_launcher(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], SYSCTR_LAUNCHER_VERB) == 0) {
		// Without a blank: liblxc counts those in /proc/self/stat, and could not give its monitors their title.
		// Without a space: liblxc splits /proc/self/stat at each when it gives the monitor its title.
		(void)prctl(PR_SET_NAME, "sysctr-launcher");
		_exit(serve());
	}
}
