// Runs one program and says what it cost.
//
//   measure FD CPU PROGRAM [ARGUMENT...]
//
// Runs it on the processor CPU alone (-1 = anywhere). Writes to the file descriptor FD one line
// before the program starts, the monotonic time in ns, and one after it ended: exit code, user us,
// system us, largest RSS in KiB, context switches.
//
// The RSS is read from /proc while the program stands at its exit (ptrace, which costs it nothing
// before): what wait4() reports begins with the parent's own, and the kernel only adds up a small
// program's pages when somebody looks. Only of one that was over before it could be held does it
// count.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long micros(struct timeval t) { return t.tv_sec * 1000000LL + t.tv_usec; }

static long peak_kib(pid_t pid) {
  char line[256];
  snprintf(line, sizeof line, "/proc/%d/status", (int)pid);
  FILE* file = fopen(line, "r");
  long peak = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) peak = atol(line + 6);
  }
  if (file != NULL) fclose(file);
  return peak;
}

// Waits for the end, with a stop just before it.
static int see_out(pid_t pid, int* status, struct rusage* used, long* peak) {
  ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT);
  while (wait4(pid, status, 0, used) == pid) {
    if (!WIFSTOPPED(*status)) return 1;
    const int event = *status >> 8, sig = WSTOPSIG(*status);
    const int at_exit = event == (SIGTRAP | PTRACE_EVENT_EXIT << 8);
    if (at_exit) *peak = peak_kib(pid);
    ptrace(PTRACE_CONT, pid, 0, at_exit ? 0 : sig);
  }
  return 0;
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const int out = atoi(argv[1]), cpu = atoi(argv[2]);
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu >= 0) CPU_SET((size_t)cpu, &set);
  if (cpu >= 0 && sched_setaffinity(0, sizeof set, &set) != 0) return 1;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  dprintf(out, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
  const pid_t pid = vfork();
  if (pid == 0) {
    execv(argv[3], argv + 3);
    _exit(127);
  }
  int status = 0;
  long peak = 0;
  struct rusage used;
  if (pid < 0 || !see_out(pid, &status, &used, &peak)) return 1;
  if (peak == 0) peak = used.ru_maxrss;
  dprintf(out, "%d %lld %lld %ld %ld\n",
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), micros(used.ru_utime),
      micros(used.ru_stime), peak, used.ru_nvcsw + used.ru_nivcsw);
  return 0;
}
