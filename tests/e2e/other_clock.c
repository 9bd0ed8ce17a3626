// Another date for what is loaded with it (LD_PRELOAD): at its start it is UNIX_TIME, seconds since
// 1970. A static program asks the kernel itself, but under qemu-user qemu asks for it.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long shift;

int clock_gettime(clockid_t clock, struct timespec* t) {
  const int code = (int)syscall(SYS_clock_gettime, clock, t);
  if (clock == CLOCK_REALTIME) t->tv_sec += shift;
  return code;
}

__attribute__((constructor)) static void set(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  shift = atol(getenv("UNIX_TIME")) - t.tv_sec;
}
