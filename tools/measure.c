// Runs one program and says what it cost.
//
//   measure FD PROGRAM [ARGUMENT...]
//
// Writes to the file descriptor FD one line before the program starts, the monotonic time in ns,
// and one after it ended: exit code, user us, system us, largest RSS in KiB, context switches.
//
// A process of its own because of the RSS: the kernel counts what the parent had at exec to the
// child, and an interpreter as parent would hide a small program.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long micros(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const int out = atoi(argv[1]);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  dprintf(out, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  struct rusage used;
  if (pid < 0 || wait4(pid, &status, 0, &used) != pid) return 1;
  dprintf(out, "%d %lld %lld %ld %ld\n",
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), micros(used.ru_utime),
      micros(used.ru_stime), used.ru_maxrss, used.ru_nvcsw + used.ru_nivcsw);
  return 0;
}
