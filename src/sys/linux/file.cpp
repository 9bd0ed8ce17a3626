// How this works: every path goes through checked_path, because the kernel would silently use the
// part before a NUL byte. Reading is one loop over a descriptor with the limit in it, because sizes
// lie: /proc says 0, logs grow, pipes have none. Writing is one loop too.
#include "chimera/sys/file.hpp"

#include <dirent.h>   // DT_
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kFirstRead = 16 * 1024;  // of a file that does not tell its size
constexpr int kStopPollMs = 200;          // how soon who waits notices a stop signal
constexpr int kLastWordsMs = 1000;        // how long a reader may then keep us waiting

// Through openat, because musl's open() is followed by an fcntl for kernels of 2.6.22.
int open_path(const char* name, int flags) {
  return openat(AT_FDCWD, name, flags | O_CLOEXEC, 0666);
}

struct Descriptor {
  int fd;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

bool absent(int error) { return error == ENOENT || error == ENOTDIR; }

// A failed look at a path; a missing directory on the way is as absent as the file.
std::unexpected<Error> path_failed(const char* where) {
  return fail(absent(errno) ? Errc::not_found : Errc::io, where, errno);
}

Result<const char*> checked_path(const std::string& path) {
  if (path.find('\0') != path.npos) return fail(Errc::bad_input, "NUL in a path");
  return path.c_str();
}

// Waits until `fd` can be read. The timeout is for the signal that comes just before the poll.
Result<void> wait_readable(int fd) {
  pollfd p{.fd = fd, .events = POLLIN, .revents = 0};
  while (poll(&p, 1, kStopPollMs) <= 0) {
    if (stop_signal() != 0) return fail(Errc::cancelled, "read");
  }
  return {};
}

enum class Patience : bool { none, wait };

// Everything up to the end of `fd`; `expected` bytes are likely. One byte more is asked for: a file
// that told its size and brings just that is at its end.
Result<std::string> read_to_end(int fd, size_t expected, size_t limit, Patience patience) {
  std::string out;
  size_t used = 0;
  const auto no_zeros = [](char*, size_t n) { return n; };
  out.resize_and_overwrite(expected + 1, no_zeros);
  for (;;) {
    if (patience == Patience::wait) {
      CHI_TRY_VOID(wait_readable(fd));
    }
    const ssize_t n = read(fd, out.data() + used, out.size() - used);
    if (n == 0) break;
    if (n > 0) {
      used += static_cast<size_t>(n);
    } else if (errno != EINTR && !(errno == EAGAIN && patience == Patience::wait)) {
      return fail(Errc::io, "read", errno);
    }
    if (used > limit) return fail(Errc::too_large, "file size");
    if (used == expected && patience == Patience::none) break;
    if (used < out.size()) continue;
    out.resize(used + 1 + std::min(limit - used, std::max(used, kFirstRead)));
  }
  out.resize(used);
  return out;
}

// Waits until `fd` takes bytes. False when the program is to stop and nobody took any for a while.
bool await_room(int fd) {
  pollfd p{.fd = fd, .events = POLLOUT, .revents = 0};
  for (;;) {
    // In steps: another thread may be the one that the signal interrupts.
    const bool stopping = stop_signal() != 0;
    const int ready = poll(&p, 1, stopping ? kLastWordsMs : kStopPollMs);
    if (ready > 0 || (ready < 0 && errno != EINTR)) return true;   // the write says what is wrong
    if (ready == 0 && stopping) return false;
  }
}

// EAGAIN: somebody who shares the terminal or pipe made it non-blocking.
bool passing(int why) { return why == EAGAIN || why == EINTR; }

// EBADF: a standard stream that is not there.
Error write_error(int why) {
  return {why == EPIPE || why == EBADF ? Errc::closed : Errc::io, why, "write"};
}

// At most `piece` bytes at once. PIPE_BUF is what a pipe with room takes without blocking; a
// regular file takes anything.
Result<void> write_to_end(int fd, std::string_view data, size_t piece) {
  while (!data.empty()) {
    if (!await_room(fd)) return fail(Errc::cancelled, "write");
    const ssize_t n = write(fd, data.data(), std::min(data.size(), piece));
    if (n > 0) {
      data.remove_prefix(static_cast<size_t>(n));
      continue;
    }
    const int why = n == 0 ? EIO : errno;
    if (!passing(why)) return fail(write_error(why));
  }
  return {};
}

// Some file systems cannot sync a directory (or anything) and say EINVAL; then there is nothing to
// wait for.
Result<void> sync(int fd) {
  while (fsync(fd) != 0) {
    if (errno == EINVAL) return {};
    if (errno != EINTR) return fail(Errc::io, "fsync", errno);
  }
  return {};
}

// Makes the rename durable. A directory that may be entered but not read cannot be synced; the
// file in it is complete all the same.
Result<void> sync_directory(const std::string& path) {
  const Descriptor d(open_path(path.c_str(), O_RDONLY | O_DIRECTORY));
  if (d.fd >= 0) return sync(d.fd);
  if (errno == EACCES) return {};
  return fail(Errc::io, "directory", errno);
}

// Not made from the final name, which may already be as long as a name can be. O_EXCL catches the
// rare clash.
std::string temporary_name(const std::string& folder) {
  static std::atomic<uint32_t> serial{0};
  const uint64_t who = static_cast<uint64_t>(getpid()) << 32 | serial.fetch_add(1);
  std::string name = folder + ".chimera-";
  append_u64(name, mix_seed(static_cast<uint64_t>(unix_now_ns()), who));
  name += ".tmp";
  return name;
}

Result<void> fill(int fd, std::string_view data) {
  CHI_TRY_VOID(write_to_end(fd, data, SIZE_MAX));
  return sync(fd);
}

Result<void> replace_file(const std::string& target, std::string_view data) {
  const std::string folder = target.substr(0, target.rfind('/') + 1);
  std::string temporary;
  int fd = -1;
  for (int attempt = 0; fd < 0; ++attempt) {
    temporary = temporary_name(folder);
    fd = open_path(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0 && (errno != EEXIST || attempt == 100)) return fail(Errc::io, "create", errno);
  }
  Result<void> done = fill(fd, data);
  // A network file system may report the last failed write only here.
  if (close(fd) != 0 && errno != EINTR && done) done = fail(Errc::io, "close", errno);
  if (done && rename(temporary.c_str(), target.c_str()) != 0) {
    done = fail(Errc::io, "rename", errno);
  }
  if (!done) {
    unlink(temporary.c_str());
    return done;
  }
  return sync_directory(folder.empty() ? "." : folder);
}

bool is_directory(const char* path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

FileInfo info_of(const struct stat& st) {
  FileInfo info;
  if (S_ISREG(st.st_mode)) info.kind = FileInfo::Kind::regular;
  if (S_ISDIR(st.st_mode)) info.kind = FileInfo::Kind::directory;
  info.size = static_cast<uint64_t>(st.st_size);
  info.mtime_s = int64_t{st.st_mtime};
  info.device = st.st_dev;
  info.inode = st.st_ino;
  return info;
}

// What the kernel says of an entry, with the bytes of `size` in all.
struct KernelEntry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[1];
};

// The file system may not tell the type with the name.
bool is_link(int directory, const KernelEntry& entry) {
  if (entry.type != DT_UNKNOWN) return entry.type == DT_LNK;
  struct stat st;
  return fstatat(directory, entry.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

// Without opendir(), which allocates and asks three things more.
Result<std::vector<DirectoryEntry>> read_entries(int directory) {
  std::vector<DirectoryEntry> entries;
  alignas(KernelEntry) char bytes[4096];
  for (;;) {
    const long n = syscall(SYS_getdents64, directory, bytes, sizeof bytes);
    if (n == 0) return entries;
    if (n < 0) return fail(Errc::io, "directory", errno);
    for (long at = 0; at < n;) {
      const KernelEntry& e = *reinterpret_cast<const KernelEntry*>(bytes + at);
      at += e.size;
      const std::string_view name(e.name);
      if (name == "." || name == "..") continue;
      entries.push_back({std::string(name), is_link(directory, e), e.type == DT_REG});
    }
  }
}

}  // namespace

bool is_absolute(std::string_view path) { return path.starts_with('/'); }
std::string slashed(std::string path) { return path; }

Result<std::string> read_file(const std::string& path, size_t limit, FileInfo* info) {
  CHI_TRY(const char* name, checked_path(path));
  const Descriptor d(open_path(name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  if (d.fd < 0) return path_failed(kUnreadable);
  struct stat st;
  if (fstat(d.fd, &st) != 0) return fail(Errc::io, "stat", errno);
  if (!S_ISREG(st.st_mode)) {
    return fail(Errc::bad_input, "not a regular file", S_ISDIR(st.st_mode) ? EISDIR : 0);
  }
  if (info != nullptr) *info = info_of(st);
  if (static_cast<uint64_t>(st.st_size) > limit) return fail(Errc::too_large, "file size");
  return read_to_end(d.fd, static_cast<size_t>(st.st_size), limit, Patience::none);
}

Result<std::string> read_stdin(size_t limit) {
  return read_to_end(STDIN_FILENO, std::min(limit, kFirstRead), limit, Patience::wait);
}

bool stdout_is(const std::string& path) {
  struct stat a, b;
  return fstat(STDOUT_FILENO, &a) == 0 && stat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

Result<void> cut_last_line(const std::string& path) {
  const Descriptor d(open_path(path.c_str(), O_RDWR));
  if (d.fd < 0) return errno == ENOENT ? Result<void>() : fail(Errc::io, "open", errno);
  struct stat st;
  if (fstat(d.fd, &st) != 0 || !S_ISREG(st.st_mode)) return {};
  char bytes[4096];
  for (off_t end = st.st_size; end > 0;) {
    const off_t size = std::min<off_t>(end, sizeof bytes);
    if (pread(d.fd, bytes, static_cast<size_t>(size), end - size) != size) {
      return fail(Errc::io, "read", errno);
    }
    const size_t at = std::string_view(bytes, static_cast<size_t>(size)).rfind('\n');
    end -= size;
    if (at == std::string_view::npos && end > 0) continue;
    const off_t keep = at == std::string_view::npos ? 0 : end + static_cast<off_t>(at) + 1;
    const bool cut = keep == st.st_size || ftruncate(d.fd, keep) == 0;
    return cut ? Result<void>() : fail(Errc::io, "truncate", errno);
  }
  return {};
}

bool ends_amid_line(const std::string& path) {
  const Descriptor d(open_path(path.c_str(), O_RDONLY | O_NONBLOCK));
  struct stat st;
  char last;
  return d.fd >= 0 && fstat(d.fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
         pread(d.fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

bool stdin_is_data() {
  struct stat st;
  return fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode));
}

bool stdin_speaks(Nanos within) {
  pollfd p{STDIN_FILENO, POLLIN, 0};
  return poll(&p, 1, static_cast<int>(within / kMilli)) > 0;
}

// Where the file behind a link really is. The kernel knows; realpath() would add 2 KB.
Result<std::string> link_target(const char* name) {
  const Descriptor d(open_path(name, O_PATH));
  if (d.fd < 0) return fail(Errc::io, "link", errno);
  std::string link = "/proc/self/fd/";
  append_i64(link, d.fd);
  char real[PATH_MAX];
  const ssize_t length = readlink(link.c_str(), real, sizeof real - 1);
  if (length <= 0) return fail(Errc::io, "link", errno);
  real[length] = '\0';
  struct stat st;  // of a deleted file, the kernel names a place where nothing is
  if (stat(real, &st) != 0) return fail(Errc::io, "link", errno);
  return std::string(real);
}

// What is there already decides how: a regular file is replaced where it really is, so that a link
// to it (also /dev/stdout) stays a link; a device or a pipe is written to, never renamed over.
Result<void> write_file_atomic(const std::string& path, std::string_view data) {
  CHI_TRY(const char* name, checked_path(path));
  struct stat st;
  if (stat(name, &st) != 0) {
    if (errno != ENOENT) return fail(Errc::io, "stat", errno);
    return replace_file(path, data);
  }
  if (!S_ISREG(st.st_mode)) {
    const Descriptor d(open_path(name, O_WRONLY | O_NOCTTY));
    if (d.fd < 0) return fail(Errc::io, "open", errno);
    return write_to_end(d.fd, data, PIPE_BUF);
  }
  if (lstat(name, &st) != 0) return fail(Errc::io, "stat", errno);
  if (!S_ISLNK(st.st_mode)) return replace_file(path, data);
  CHI_TRY(const std::string target, link_target(name));
  return replace_file(target, data);
}

Result<void> make_directories(const std::string& path) {
  CHI_TRY_VOID(checked_path(path));
  for (size_t end = 0; end != path.npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (mkdir(part.c_str(), 0777) == 0) continue;
    const int why = errno;  // EEXIST mostly, but EROFS or EACCES are as common for what exists
    if (!is_directory(part.c_str())) return fail(Errc::io, "mkdir", why);
  }
  return {};
}

Result<void> move(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return fail(Errc::io, "rename", errno);
  const size_t slash = to.rfind('/');
  return sync_directory(slash == to.npos ? "." : to.substr(0, slash + 1));
}

Result<void> remove_tree(const std::string& path) {
  if (unlink(path.c_str()) == 0 || absent(errno)) return {};
  const int why = errno;   // EISDIR of a folder
  const auto entries = list_directory(path);
  if (!entries) return fail(Errc::io, "remove", why);
  for (const DirectoryEntry& e : *entries) CHI_TRY_VOID(remove_tree(path + "/" + e.name));
  if (rmdir(path.c_str()) != 0) return fail(Errc::io, "remove", errno);
  return {};
}

Result<void> lock_directory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);   // stays open
  if (fd < 0) return path_failed("directory");
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return {};
  return fail(errno == EWOULDBLOCK ? Errc::busy : Errc::io, "lock", errno);
}

Result<FileInfo> file_info(const std::string& path, bool follow_links) {
  CHI_TRY(const char* name, checked_path(path));
  struct stat st;
  if ((follow_links ? stat(name, &st) : lstat(name, &st)) != 0) return path_failed(kUnreadable);
  return info_of(st);
}

Result<std::vector<DirectoryEntry>> list_directory(const std::string& path) {
  CHI_TRY(const char* name, checked_path(path));
  const Descriptor d(open_path(name, O_RDONLY | O_DIRECTORY));
  if (d.fd < 0) return path_failed(kUnreadable);
  Result<std::vector<DirectoryEntry>> entries = read_entries(d.fd);
  if (!entries) return entries;
  DirectoryEntry* const e = entries->data();
  sort_places(entries->size(), [e](size_t i, size_t k) { return e[i].name < e[k].name; },
              [e](size_t i, size_t k) { std::swap(e[i], e[k]); });
  return entries;
}

Result<void> check_directory(const std::string& path) {
  CHI_TRY(const char* name, checked_path(path));
  const Descriptor d(open_path(name, O_RDONLY | O_DIRECTORY));
  if (d.fd < 0) return path_failed(kUnreadable);
  return {};
}

Result<void> write_stream(Stream s, std::string_view data) {
  return write_to_end(static_cast<int>(s), data, PIPE_BUF);
}

// The stream stays as blocking as it is: it is shared with others. Only when one of them fills a
// pipe between the two calls does the second one wait.
Result<size_t> write_now(Stream s, std::string_view data) {
  pollfd p{.fd = static_cast<int>(s), .events = POLLOUT, .revents = 0};
  const int ready = poll(&p, 1, 0);
  if (ready <= 0) return size_t{0};
  const ssize_t n = write(p.fd, data.data(), std::min<size_t>(data.size(), PIPE_BUF));
  if (n >= 0) return static_cast<size_t>(n);
  if (!passing(errno)) return fail(write_error(errno));
  return size_t{0};
}

}  // namespace chimera::sys
