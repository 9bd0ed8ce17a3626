// How this works: every path goes through checked_path, which makes it UTF-16 and refuses NUL
// bytes. Both separators work in the system's calls. Files are opened so that others may rename or
// remove them meanwhile, as elsewhere.
#include "chimera/sys/file.hpp"

#include <windows.h>

#include <algorithm>
#include <atomic>

#include "chimera/base/number.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/process.hpp"
#include "wide.hpp"

namespace chimera::sys {
namespace {

constexpr size_t kPiece = 4096;           // of a stream, at once
constexpr size_t kFirstRead = 16 * 1024;   // of a file that does not tell its size
constexpr DWORD kShareAll = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
constexpr DWORD kPollMs = 5;               // between two looks at a pipe that is silent
constexpr int kRenames = 20;               // a scanner or a reader may hold the target for a moment
constexpr DWORD kRenamePauseMs = 20;
constexpr int64_t kUnixEpoch = 116'444'736'000'000'000;   // in 100 ns since 1601

struct Closing {
  HANDLE h;
  explicit Closing(HANDLE handle) : h(handle) {}
  Closing(const Closing&) = delete;
  Closing& operator=(const Closing&) = delete;
  ~Closing() {
    if (valid()) CloseHandle(h);
  }
  bool valid() const { return h != INVALID_HANDLE_VALUE; }
};

int last_error() { return static_cast<int>(GetLastError()); }

bool absent(int error) {
  return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ||
         error == ERROR_INVALID_NAME || error == ERROR_BAD_PATHNAME || error == ERROR_DIRECTORY;
}

std::unexpected<Error> path_failed(const char* where) {
  const int why = last_error();
  return fail(absent(why) ? Errc::not_found : Errc::io, where, why);
}

Result<std::wstring> checked_path(const std::string& path) {
  if (path.find('\0') != path.npos) return fail(Errc::bad_input, "NUL in a path");
  return wide(path);
}

// Backup semantics open folders too, which then can be told from files.
HANDLE open_path(const std::wstring& name, DWORD access, DWORD how, DWORD flags = 0) {
  return CreateFileW(name.c_str(), access, kShareAll, nullptr, how,
                     FILE_FLAG_BACKUP_SEMANTICS | flags, nullptr);
}

FileInfo info_of(const BY_HANDLE_FILE_INFORMATION& b) {
  FileInfo info;
  const bool folder = (b.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
  const bool link = (b.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
  if (!link) info.kind = folder ? FileInfo::Kind::directory : FileInfo::Kind::regular;
  info.size = static_cast<uint64_t>(b.nFileSizeHigh) << 32 | b.nFileSizeLow;
  const FILETIME& t = b.ftLastWriteTime;
  const int64_t since_1601 = static_cast<int64_t>(t.dwHighDateTime) << 32 | t.dwLowDateTime;
  info.mtime_s = (since_1601 - kUnixEpoch) / 10'000'000;
  info.device = b.dwVolumeSerialNumber;
  info.inode = static_cast<uint64_t>(b.nFileIndexHigh) << 32 | b.nFileIndexLow;
  return info;
}

// Errors: bad_input for what is no file of a disk.
Result<FileInfo> look(HANDLE h) {
  if (GetFileType(h) != FILE_TYPE_DISK) return fail(Errc::bad_input, "not a regular file");
  BY_HANDLE_FILE_INFORMATION b{};
  if (!GetFileInformationByHandle(h, &b)) return fail(Errc::io, "stat", last_error());
  return info_of(b);
}

bool ended(int error) {
  return error == ERROR_BROKEN_PIPE || error == ERROR_PIPE_NOT_CONNECTED ||
         error == ERROR_HANDLE_EOF;
}

// At most `room` bytes; 0 at the end.
Result<size_t> read_some(HANDLE h, char* to, size_t room) {
  DWORD n = 0;
  const DWORD most = static_cast<DWORD>(std::min<size_t>(room, 1u << 30));
  if (ReadFile(h, to, most, &n, nullptr)) return size_t{n};
  const int why = last_error();
  if (ended(why)) return size_t{0};
  return fail(Errc::io, "read", why);
}

// Everything up to the end; `expected` bytes are likely. One byte more is asked for: a file that
// told its size and brings just that is at its end.
template <class Read>
Result<std::string> read_to_end(Read read, size_t expected, size_t limit) {
  std::string out;
  size_t used = 0;
  out.resize(expected + 1);
  for (;;) {
    CHI_TRY(const size_t n, read(out.data() + used, out.size() - used));
    if (n == 0) break;
    used += n;
    if (used > limit) return fail(Errc::too_large, "file size");
    if (used < out.size()) continue;
    out.resize(used + 1 + std::min(limit - used, std::max(used, kFirstRead)));
  }
  out.resize(used);
  return out;
}

// Waits until a pipe has something or has ended; false when neither came in that time. What is no
// pipe can always be read. A pipe cannot be waited for without reading it, so it is looked at.
bool pipe_speaks(HANDLE h, Nanos until) {
  if (GetFileType(h) != FILE_TYPE_PIPE) return true;
  for (;;) {
    DWORD there = 0;
    if (!PeekNamedPipe(h, nullptr, 0, nullptr, &there, nullptr) || there > 0) return true;
    if (stop_signal() != 0 || now() >= until) return false;
    Sleep(kPollMs);
  }
}

// A line of the console as UTF-8; empty at its end (Ctrl-Z at the start of a line).
Result<std::string> console_line(HANDLE h) {
  wchar_t units[4096];
  DWORD n = 0;
  if (!ReadConsoleW(h, units, sizeof units / sizeof units[0], &n, nullptr)) {
    return fail(Errc::io, "read", last_error());
  }
  if (stop_signal() != 0) return fail(Errc::cancelled, "read");   // Ctrl-C ends the call
  if (n > 0 && units[0] == 26) n = 0;
  return narrow(std::wstring_view(units, n));
}

Result<std::string> read_console(HANDLE h, size_t limit) {
  std::string out;
  for (;;) {
    CHI_TRY(const std::string line, console_line(h));
    if (line.empty()) return out;
    out += line;
    if (out.size() > limit) return fail(Errc::too_large, "file size");
  }
}

Result<void> write_to_end(HANDLE h, std::string_view data) {
  while (!data.empty()) {
    const DWORD most = static_cast<DWORD>(std::min<size_t>(data.size(), 1u << 30));
    DWORD n = 0;
    if (!WriteFile(h, data.data(), most, &n, nullptr)) {
      const int why = last_error();
      const bool closed = ended(why) || why == ERROR_NO_DATA || why == ERROR_INVALID_HANDLE;
      return fail(closed ? Errc::closed : Errc::io, "write", why);
    }
    data.remove_prefix(n);
  }
  return {};
}

bool is_separator(char c) { return c == '/' || c == '\\'; }

// Where the last part of a path begins, behind its folder.
size_t name_at(std::string_view path) {
  size_t at = path.size();
  while (at > 0 && !is_separator(path[at - 1]) && path[at - 1] != ':') --at;
  return at;
}

std::string temporary_name(const std::string& folder) {
  static std::atomic<uint32_t> serial{0};
  const uint64_t who = uint64_t{GetCurrentProcessId()} << 32 | serial.fetch_add(1);
  std::string name = folder + ".chimera-";
  append_u64(name, mix_seed(static_cast<uint64_t>(unix_now_ns()), who));
  name += ".tmp";
  return name;
}

Result<void> rename_over(const std::wstring& from, const std::wstring& to, DWORD flags) {
  for (int tries = 0;; ++tries) {
    if (MoveFileExW(from.c_str(), to.c_str(), flags | MOVEFILE_WRITE_THROUGH)) return {};
    const int why = last_error();
    const bool held = why == ERROR_ACCESS_DENIED || why == ERROR_SHARING_VIOLATION;
    if (!held || tries == kRenames) return fail(Errc::io, "rename", why);
    Sleep(kRenamePauseMs);
  }
}

Result<void> fill(const std::wstring& name, std::string_view data) {
  const Closing f(open_path(name, GENERIC_WRITE, CREATE_NEW));
  if (!f.valid()) return fail(Errc::io, "create", last_error());
  CHI_TRY_VOID(write_to_end(f.h, data));
  if (!FlushFileBuffers(f.h)) return fail(Errc::io, "flush", last_error());
  return {};
}

Result<void> replace_file(const std::string& target, std::string_view data) {
  const std::wstring temporary = wide(temporary_name(target.substr(0, name_at(target))));
  Result<void> done = fill(temporary, data);
  if (done) done = rename_over(temporary, wide(target), MOVEFILE_REPLACE_EXISTING);
  if (!done) DeleteFileW(temporary.c_str());
  return done;
}

bool is_directory(const std::wstring& path) {
  const DWORD a = GetFileAttributesW(path.c_str());
  return a != INVALID_FILE_ATTRIBUTES && (a & FILE_ATTRIBUTE_DIRECTORY) != 0;
}

// Where the file behind a handle really is.
Result<std::string> real_path(HANDLE h) {
  wchar_t real[4096];
  const DWORD n = GetFinalPathNameByHandleW(h, real, 4096, FILE_NAME_NORMALIZED);
  if (n == 0 || n >= 4096) return fail(Errc::io, "link", last_error());
  return narrow(std::wstring_view(real, n));
}

// Where the last whole line of a file ends.
Result<int64_t> end_of_lines(HANDLE h, int64_t size) {
  char bytes[4096];
  for (int64_t end = size; end > 0;) {
    const int64_t piece = std::min<int64_t>(end, sizeof bytes);
    LARGE_INTEGER at;
    at.QuadPart = end -= piece;
    DWORD n = 0;
    if (!SetFilePointerEx(h, at, nullptr, FILE_BEGIN) ||
        !ReadFile(h, bytes, static_cast<DWORD>(piece), &n, nullptr) || n != piece) {
      return fail(Errc::io, "read", last_error());
    }
    const size_t newline = std::string_view(bytes, n).rfind('\n');
    if (newline != std::string_view::npos) return end + static_cast<int64_t>(newline) + 1;
  }
  return 0;
}

}  // namespace

bool is_absolute(std::string_view path) {
  const bool drive = path.size() > 2 && path[1] == ':' && is_separator(path[2]);
  return drive || (!path.empty() && is_separator(path[0]));
}

// What begins with "\\\\?\\" is taken as it stands.
std::string slashed(std::string path) {
  if (!path.starts_with(R"(\\?\)")) std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

Result<std::string> read_file(const std::string& path, size_t limit, FileInfo* info) {
  CHI_TRY(const std::wstring name, checked_path(path));
  const Closing f(open_path(name, GENERIC_READ, OPEN_EXISTING));
  if (!f.valid()) return path_failed(kUnreadable);
  CHI_TRY(const FileInfo found, look(f.h));
  if (found.kind == FileInfo::Kind::directory) {
    return fail(Errc::bad_input, "not a regular file", kIsDirectory);
  }
  if (info != nullptr) *info = found;
  if (found.size > limit) return fail(Errc::too_large, "file size");
  const auto read = [&f](char* to, size_t room) { return read_some(f.h, to, room); };
  return read_to_end(read, static_cast<size_t>(found.size), limit);
}

Result<std::string> read_stdin(size_t limit) {
  const HANDLE h = GetStdHandle(STD_INPUT_HANDLE);
  if (is_terminal(0)) return read_console(h, limit);
  const auto read = [h](char* to, size_t room) -> Result<size_t> {
    if (!pipe_speaks(h, kNever)) return fail(Errc::cancelled, "read");
    return read_some(h, to, room);
  };
  return read_to_end(read, std::min(limit, kFirstRead), limit);
}

bool stdout_is(const std::string& path) {
  const Result<FileInfo> a = look(GetStdHandle(STD_OUTPUT_HANDLE));
  const Result<FileInfo> b = file_info(path, true);
  return a && b && a->device == b->device && a->inode == b->inode;
}

// Where stdout is the file, it is cut through that: a shell lets nobody else write, and what comes
// next has to come behind the cut.
Result<void> cut_last_line(const std::string& path) {
  CHI_TRY(const std::wstring name, checked_path(path));
  const bool ours = stdout_is(path);
  const DWORD access = ours ? GENERIC_READ : GENERIC_READ | GENERIC_WRITE;
  const Closing f(open_path(name, access, OPEN_EXISTING));
  if (!f.valid()) {
    const int why = last_error();
    return absent(why) ? Result<void>() : fail(Errc::io, "open", why);
  }
  const Result<FileInfo> found = look(f.h);
  if (!found || found->kind != FileInfo::Kind::regular) return {};
  LARGE_INTEGER at;
  CHI_TRY(at.QuadPart, end_of_lines(f.h, static_cast<int64_t>(found->size)));
  if (at.QuadPart == static_cast<int64_t>(found->size)) return {};
  const HANDLE h = ours ? GetStdHandle(STD_OUTPUT_HANDLE) : f.h;
  if (!SetFilePointerEx(h, at, nullptr, FILE_BEGIN) || !SetEndOfFile(h)) {
    return fail(Errc::io, "truncate", last_error());
  }
  return {};
}

bool ends_amid_line(const std::string& path) {
  const Result<std::wstring> name = checked_path(path);
  if (!name) return false;
  const Closing f(open_path(*name, GENERIC_READ, OPEN_EXISTING));
  if (!f.valid()) return false;
  const Result<FileInfo> found = look(f.h);
  if (!found || found->kind != FileInfo::Kind::regular) return false;
  const Result<int64_t> end = end_of_lines(f.h, static_cast<int64_t>(found->size));
  return end && *end != static_cast<int64_t>(found->size);
}

bool stdin_is_data() {
  const DWORD type = GetFileType(GetStdHandle(STD_INPUT_HANDLE));
  return type == FILE_TYPE_PIPE || type == FILE_TYPE_DISK;
}

bool stdin_speaks(Nanos within) {
  return pipe_speaks(GetStdHandle(STD_INPUT_HANDLE), later(now(), within));
}

// A device such as NUL is written to, never replaced; a link stays a link.
Result<void> write_file_atomic(const std::string& path, std::string_view data) {
  CHI_TRY(const std::wstring name, checked_path(path));
  const DWORD attributes = GetFileAttributesW(name.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES && absent(last_error())) {
    return replace_file(path, data);
  }
  std::string real;
  {
    const Closing f(open_path(name, GENERIC_WRITE, OPEN_EXISTING));
    if (!f.valid()) return fail(Errc::io, "open", last_error());
    if (GetFileType(f.h) != FILE_TYPE_DISK) return write_to_end(f.h, data);
    if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) {
      real = path;
    } else {
      CHI_TRY(real, real_path(f.h));
    }
  }
  return replace_file(real, data);
}

Result<void> make_directories(const std::string& path) {
  CHI_TRY_VOID(checked_path(path));
  for (size_t end = 0; end < path.size();) {
    ++end;
    while (end < path.size() && !is_separator(path[end])) ++end;
    const std::wstring part = wide(std::string_view(path).substr(0, end));
    if (CreateDirectoryW(part.c_str(), nullptr)) continue;
    const int why = last_error();
    if (!is_directory(part)) return fail(Errc::io, "mkdir", why);
  }
  return {};
}

Result<void> move(const std::string& from, const std::string& to) {
  return rename_over(wide(from), wide(to), MOVEFILE_REPLACE_EXISTING);
}

Result<void> remove_tree(const std::string& path) {
  const std::wstring name = wide(path);
  const DWORD attributes = GetFileAttributesW(name.c_str());
  if (attributes == INVALID_FILE_ATTRIBUTES) {
    const int why = last_error();
    return absent(why) ? Result<void>() : fail(Errc::io, "remove", why);
  }
  if ((attributes & FILE_ATTRIBUTE_DIRECTORY) == 0) {
    if (DeleteFileW(name.c_str())) return {};
    return fail(Errc::io, "remove", last_error());
  }
  if ((attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0) {
    CHI_TRY(const std::vector<DirectoryEntry> entries, list_directory(path));
    for (const DirectoryEntry& e : entries) CHI_TRY_VOID(remove_tree(path + "/" + e.name));
  }
  if (!RemoveDirectoryW(name.c_str())) return fail(Errc::io, "remove", last_error());
  return {};
}

// A named object lives as long as somebody has it open; this one's name says which folder it is of.
Result<void> lock_directory(const std::string& path) {
  CHI_TRY(const FileInfo folder, file_info(path, true));
  if (folder.kind != FileInfo::Kind::directory) {
    return fail(Errc::not_found, "directory", ERROR_DIRECTORY);
  }
  std::string name = "Local\\chimera-";
  append_u64(name, folder.device);
  name += '-';
  append_u64(name, folder.inode);
  const HANDLE mutex = CreateMutexW(nullptr, FALSE, wide(name).c_str());   // stays open
  if (mutex == nullptr) return fail(Errc::io, "lock", last_error());
  if (GetLastError() != ERROR_ALREADY_EXISTS) return {};
  CloseHandle(mutex);
  return fail(Errc::busy, "lock");
}

Result<FileInfo> file_info(const std::string& path, bool follow_links) {
  CHI_TRY(const std::wstring name, checked_path(path));
  const Closing f(open_path(name, FILE_READ_ATTRIBUTES, OPEN_EXISTING,
                            follow_links ? 0 : FILE_FLAG_OPEN_REPARSE_POINT));
  if (!f.valid()) return path_failed(kUnreadable);
  if (GetFileType(f.h) != FILE_TYPE_DISK) return FileInfo{};
  return look(f.h);
}

Result<std::vector<DirectoryEntry>> list_directory(const std::string& path) {
  CHI_TRY(const std::wstring name, checked_path(path));
  if (!is_directory(name)) {
    if (GetFileAttributesW(name.c_str()) == INVALID_FILE_ATTRIBUTES) {
      return path_failed(kUnreadable);
    }
    return fail(Errc::not_found, "directory", ERROR_DIRECTORY);
  }
  WIN32_FIND_DATAW found;
  const HANDLE search = FindFirstFileExW((name + L"/*").c_str(), FindExInfoBasic, &found,
                                         FindExSearchNameMatch, nullptr, 0);
  if (search == INVALID_HANDLE_VALUE) return fail(Errc::io, "directory", last_error());
  std::vector<DirectoryEntry> entries;
  do {
    const std::string entry = narrow(found.cFileName);
    if (entry == "." || entry == "..") continue;
    const bool link = (found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    const bool folder = (found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    entries.push_back({entry, link, !link && !folder});
  } while (FindNextFileW(search, &found));
  const int why = last_error();
  FindClose(search);
  if (why != ERROR_NO_MORE_FILES) return fail(Errc::io, "directory", why);
  DirectoryEntry* const e = entries.data();
  sort_places(entries.size(), [e](size_t i, size_t k) { return e[i].name < e[k].name; },
              [e](size_t i, size_t k) { std::swap(e[i], e[k]); });
  return entries;
}

Result<void> check_directory(const std::string& path) {
  CHI_TRY_VOID(list_directory(path));
  return {};
}

Result<void> write_stream(Stream s, std::string_view data) {
  return write_to_end(GetStdHandle(s == Stream::out ? STD_OUTPUT_HANDLE : STD_ERROR_HANDLE), data);
}

// A pipe here does not tell how much it takes, so a reader that is late is waited for.
Result<size_t> write_now(Stream s, std::string_view data) {
  const std::string_view piece = data.substr(0, kPiece);
  CHI_TRY_VOID(write_stream(s, piece));
  return piece.size();
}

}  // namespace chimera::sys
