#include "chimera/sys/errors.hpp"

#include <winsock2.h>
#include <windows.h>

#include <stdlib.h>

#include "../any/words.hpp"
#include "chimera/base/result.hpp"
#include "wide.hpp"

namespace chimera {

void die(std::string_view line) {
  DWORD n = 0;
  WriteFile(GetStdHandle(STD_ERROR_HANDLE), line.data(), static_cast<DWORD>(line.size()), &n,
            nullptr);
  abort();
}

}  // namespace chimera

namespace chimera::sys {
namespace {

constexpr Words kWords[] = {
    {ERROR_FILE_NOT_FOUND, "no such file or directory"},
    {ERROR_PATH_NOT_FOUND, "no such file or directory"},
    {ERROR_INVALID_NAME, "no such file or directory"},
    {ERROR_BAD_PATHNAME, "no such file or directory"},
    {ERROR_TOO_MANY_OPEN_FILES, "too many open files"},
    {ERROR_ACCESS_DENIED, "permission denied"},
    {ERROR_INVALID_HANDLE, "bad file descriptor"},
    {ERROR_NOT_ENOUGH_MEMORY, "out of memory"},
    {ERROR_OUTOFMEMORY, "out of memory"},
    {ERROR_NOT_SAME_DEVICE, "link between two file systems"},
    {ERROR_WRITE_PROTECT, "read-only file system"},
    {ERROR_NOT_READY, "no such device or address"},
    {ERROR_CRC, "input/output error"},
    {ERROR_SHARING_VIOLATION, "device or resource busy"},
    {ERROR_LOCK_VIOLATION, "device or resource busy"},
    {ERROR_HANDLE_DISK_FULL, "no space left on device"},
    {ERROR_DISK_FULL, "no space left on device"},
    {ERROR_FILE_EXISTS, "file exists"},
    {ERROR_ALREADY_EXISTS, "file exists"},
    {ERROR_BROKEN_PIPE, "broken pipe"},
    {ERROR_NO_DATA, "broken pipe"},
    {ERROR_PIPE_NOT_CONNECTED, "broken pipe"},
    {ERROR_FILENAME_EXCED_RANGE, "file name too long"},
    {ERROR_DIR_NOT_EMPTY, "directory not empty"},
    {ERROR_DIRECTORY, "not a directory"},
    {kIsDirectory, "is a directory"},
    {ERROR_INVALID_PARAMETER, "invalid argument"},
    {ERROR_OPERATION_ABORTED, "interrupted system call"},
    {WSAEACCES, "permission denied"},
    {WSAEINVAL, "invalid argument"},
    {WSAEMFILE, "too many open files"},
    {WSAEMSGSIZE, "message too long"},
    {WSAEPROTONOSUPPORT, "protocol not supported"},
    {WSAEOPNOTSUPP, "operation not supported"},
    {WSAEAFNOSUPPORT, "address family not supported"},
    {WSAEADDRINUSE, "address already in use"},
    {WSAEADDRNOTAVAIL, "cannot assign this address"},
    {WSAENETDOWN, "network is down"},
    {WSAENETUNREACH, "network is unreachable"},
    {WSAECONNABORTED, "connection aborted"},
    {WSAECONNRESET, "connection reset by peer"},
    {WSAENOBUFS, "no buffer space"},
    {WSAETIMEDOUT, "connection timed out"},
    {WSAECONNREFUSED, "connection refused"},
    {WSAEHOSTDOWN, "host is down"},
    {WSAEHOSTUNREACH, "no route to host"},
};

}  // namespace

const char* error_words(int os_error) { return words_of(kWords, os_error); }

}  // namespace chimera::sys
