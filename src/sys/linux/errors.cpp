// Our own words instead of strerror's: the C library's table is 2 to 5 KB, and in glibc it brings
// the message catalogues, the locales and wide stdio with it.
#include "chimera/sys/errors.hpp"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../any/words.hpp"
#include "chimera/base/result.hpp"

namespace chimera {

void die(std::string_view line) {
  [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, line.data(), line.size());
  abort();
}

}  // namespace chimera

namespace chimera::sys {
namespace {

constexpr Words kWords[] = {
    {EPERM, "operation not permitted"},
    {ENOENT, "no such file or directory"},
    {EINTR, "interrupted system call"},
    {EIO, "input/output error"},
    {ENXIO, "no such device or address"},
    {EBADF, "bad file descriptor"},
    {EAGAIN, "resource temporarily unavailable"},
    {ENOMEM, "out of memory"},
    {EACCES, "permission denied"},
    {EBUSY, "device or resource busy"},
    {EEXIST, "file exists"},
    {EXDEV, "link between two file systems"},
    {ENODEV, "no such device"},
    {ENOTDIR, "not a directory"},
    {EISDIR, "is a directory"},
    {EINVAL, "invalid argument"},
    {ENFILE, "too many open files in the system"},
    {EMFILE, "too many open files"},
    {ETXTBSY, "file is being executed"},
    {EFBIG, "file too large"},
    {ENOSPC, "no space left on device"},
    {EROFS, "read-only file system"},
    {EMLINK, "too many links"},
    {EPIPE, "broken pipe"},
    {ENAMETOOLONG, "file name too long"},
    {ENOSYS, "the kernel lacks this call"},
    {ENOTEMPTY, "directory not empty"},
    {ELOOP, "too many symbolic links"},
    {EPROTO, "protocol error"},
    {EOVERFLOW, "value too large"},
    {EMSGSIZE, "message too long"},
    {EPROTONOSUPPORT, "protocol not supported"},
    {EOPNOTSUPP, "operation not supported"},
    {EAFNOSUPPORT, "address family not supported"},
    {EADDRINUSE, "address already in use"},
    {EADDRNOTAVAIL, "cannot assign this address"},
    {ENETDOWN, "network is down"},
    {ENETUNREACH, "network is unreachable"},
    {ECONNABORTED, "connection aborted"},
    {ECONNRESET, "connection reset by peer"},
    {ENOBUFS, "no buffer space"},
    {ETIMEDOUT, "connection timed out"},
    {ECONNREFUSED, "connection refused"},
    {EHOSTDOWN, "host is down"},
    {EHOSTUNREACH, "no route to host"},
    {ESTALE, "stale file handle"},
    {EDQUOT, "disk quota exceeded"},
};

}  // namespace

const char* error_words(int os_error) { return words_of(kWords, os_error); }

}  // namespace chimera::sys
