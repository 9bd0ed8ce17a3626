#include <errno.h>
#include <sys/random.h>

#include "chimera/sys/process.hpp"

namespace chimera::sys {

// The kernel never fails here once it has begun to give any (Linux 3.17).
void random_bytes(void* to, size_t size) {
  char* at = static_cast<char*>(to);
  while (size != 0) {
    const ssize_t n = getrandom(at, size, 0);
    if (n < 0 && errno != EINTR) die("chimera: the system gives no random numbers\n");
    if (n <= 0) continue;
    at += n;
    size -= static_cast<size_t>(n);
  }
}

}  // namespace chimera::sys
