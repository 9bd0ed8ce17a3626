// Local files: whole reads, atomic writes, directory listings. All calls block; none is made while
// the reactor has streams to serve, except where a comment says why.
//
// Thread: any. Errors: not_found, io (with errno), too_large.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/base/time.hpp"

namespace chimera::sys {

bool is_absolute(std::string_view path);
// The same path with '/' alone between its parts, also where the system has another character for
// that: for whoever looks into a path that a user wrote.
std::string slashed(std::string path);

struct FileInfo {
  enum class Kind : uint8_t { regular, directory, other };
  Kind kind = Kind::other;
  uint64_t size = 0;
  int64_t mtime_s = 0;          // seconds since 1970
  uint64_t device = 0, inode = 0;  // identity, for loops
};
Result<FileInfo> file_info(const std::string& path, bool follow_links);

// What an io error says when a file cannot be opened for reading: it is input, and not output.
inline constexpr const char kUnreadable[] = "cannot be read";

// The whole file. `limit` in bytes; a larger file is too_large and is not read. Opens without
// blocking and refuses anything that is not a regular file with bad_input (a FIFO would hang).
// `info`, when given, is what was known of the file when it was opened.
Result<std::string> read_file(const std::string& path, size_t limit, FileInfo* info = nullptr);
// A pipe, a terminal or a file to its end; for `-` as an argument. `limit` in bytes.
Result<std::string> read_stdin(size_t limit);
// Whether stdout writes into this file.
bool stdout_is(const std::string& path);
// Cuts a file off behind its last newline; one that is not there, or no regular file, stays as it
// is. Errors: io.
Result<void> cut_last_line(const std::string& path);
// Whether a regular file's last line has no newline, as when its writer was killed.
bool ends_amid_line(const std::string& path);
// Whether stdin is a pipe or a regular file: what a program may read without being asked to.
bool stdin_is_data();
// Waits until stdin has a byte or has ended; false when neither came in that time.
bool stdin_speaks(Nanos within);

// Writes to a temporary name in the same directory, fsyncs, renames over `path`, fsyncs the
// directory: a reader sees the old file or the new one, never a half. On an error the temporary
// file is gone.
Result<void> write_file_atomic(const std::string& path, std::string_view data);
Result<void> make_directories(const std::string& path);   // like mkdir -p

// Gives a file or folder another name in the same file system, for good once it returns. A folder
// that is not empty is not replaced.
Result<void> move(const std::string& from, const std::string& to);
// Removes a file, or a folder with all that is in it; links are not followed. Nothing there is
// fine.
Result<void> remove_tree(const std::string& path);
// Holds a folder for this process, until it ends. Errors: busy when another one has it.
Result<void> lock_directory(const std::string& path);

struct DirectoryEntry {
  std::string name;      // without a path; any bytes but '/' and NUL
  bool is_link = false;
  bool is_file = false;  // a regular one; false also where the file system does not tell
};
// The entries of a directory without "." and "..", sorted by the bytes of their names.
Result<std::vector<DirectoryEntry>> list_directory(const std::string& path);
// Whether list_directory() would find a directory that it may read.
Result<void> check_directory(const std::string& path);

// Writes all of it to a descriptor-like stream of this process. Errors: io; closed for a broken
// pipe or a stream that is not there; cancelled when a stop signal has come and nobody takes any
// byte for a second.
enum class Stream : uint8_t { out = 1, err = 2 };
Result<void> write_stream(Stream s, std::string_view data);
// Writes of the beginning of `data` (not empty) what the stream takes without a wait: how many
// bytes, 0 = none for now. Errors: io, closed. (A pipe of Windows cannot be asked: it is waited
// for.)
Result<size_t> write_now(Stream s, std::string_view data);

}  // namespace chimera::sys
