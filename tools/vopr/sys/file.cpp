// Files in memory, with a disk that may be full, and standard streams with a reader that may be
// slow, absent, or a full disk itself.
#include "chimera/sys/file.hpp"

#include <errno.h>

#include <algorithm>

#include "../machine.hpp"
#include "../turns.hpp"
#include "chimera/sys/clock.hpp"
#include "chimera/sys/process.hpp"

namespace chimera::sys {

using vopr::machine;

namespace {

std::string folder(const std::string& path) { return path.ends_with('/') ? path : path + "/"; }
bool is_folder(const std::string& path) {
  return path == "." || machine().files.contains(folder(path));
}

// Bytes of stdout that the reader has taken by now.
uint64_t taken() {
  const vopr::Machine& m = machine();
  if (m.out_pipe == UINT64_MAX) return m.out.size();
  if (m.out_pace == kNever) return 0;
  return static_cast<uint64_t>((now() - kSecond) / std::max<Nanos>(m.out_pace, 1));
}

size_t room() {
  const vopr::Machine& m = machine();
  if (m.out_pipe == UINT64_MAX) return SIZE_MAX;
  const uint64_t held = m.out.size() - std::min<uint64_t>(taken(), m.out.size());
  return held >= m.out_pipe ? 0 : m.out_pipe - held;
}

// What of `data` is taken at once.
Result<size_t> put(std::string_view data) {
  vopr::Machine& m = machine();
  if (data.empty()) return 0;
  const uint64_t end = std::min(m.out_closes_after, m.out_full_after);
  m.refused = m.refused || m.out.size() >= end;
  if (m.out.size() >= m.out_closes_after) return fail(Errc::closed, "write", EPIPE);
  if (m.out.size() >= m.out_full_after) return fail(Errc::io, "write", ENOSPC);
  const uint64_t limit = end - m.out.size();
  const size_t n = std::min({data.size(), room(), static_cast<size_t>(limit)});
  m.out.append(data.substr(0, n));
  if (n != 0) m.out_marks.push_back({now(), m.out.size()});
  return n;
}

}  // namespace

bool is_absolute(std::string_view path) { return path.starts_with('/'); }
std::string slashed(std::string path) { return path; }

Result<FileInfo> file_info(const std::string& path, bool) {
  FileInfo info;
  const auto at = machine().files.find(path);
  const bool there = at != machine().files.end();
  if (!there && !is_folder(path)) return fail(Errc::not_found, "stat", ENOENT);
  info.kind = there ? FileInfo::Kind::regular : FileInfo::Kind::directory;
  info.size = there ? at->second.size() : 0;
  info.device = 1;
  for (const char c : folder(path)) info.inode = info.inode * 131 + static_cast<uint8_t>(c);
  return info;
}

Result<std::string> read_file(const std::string& path, size_t limit, FileInfo* info) {
  if (is_folder(path)) return fail(Errc::bad_input, "not a regular file", EISDIR);
  CHI_TRY(const FileInfo found, file_info(path, true));
  if (info != nullptr) *info = found;
  if (found.size > limit) return fail(Errc::too_large, "file size");
  return machine().files[path];
}

Result<std::string> read_stdin(size_t limit) {
  std::string all;
  for (const auto& a : machine().input) {
    while (now() < a.at) {
      if (stop_signal() != 0) return fail(Errc::cancelled, "read");
      vopr::sleep_until(std::min(a.at, now() + 200 * kMilli));
    }
    all += a.bytes;
    if (all.size() > limit) return fail(Errc::too_large, "file size");
  }
  return all;
}

bool stdout_is(const std::string&) { return false; }

Result<void> cut_last_line(const std::string& path) {
  const auto at = machine().files.find(path);
  if (at == machine().files.end()) return {};
  at->second.resize(at->second.rfind('\n') + 1);
  return {};
}

bool ends_amid_line(const std::string& path) {
  const auto at = machine().files.find(path);
  return at != machine().files.end() && !at->second.empty() && at->second.back() != '\n';
}

bool stdin_is_data() { return machine().has_input; }
bool stdin_speaks(Nanos within) {
  const vopr::Machine& m = machine();
  const Nanos first = m.input.empty() ? m.input_ends : m.input.front().at;
  const Nanos end = now() + within;
  vopr::sleep_until(std::min(first, end));
  return first <= end;
}

Result<void> write_file_atomic(const std::string& path, std::string_view data) {
  if (machine().full(data.size())) return fail(Errc::io, "write", ENOSPC);
  machine().files[path] = data;
  return {};
}

Result<void> make_directories(const std::string& path) {
  for (size_t end = 0; end != path.npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    if (machine().files.contains(part)) return fail(Errc::io, "mkdir", EEXIST);
    if (is_folder(part)) continue;
    if (machine().full(64)) return fail(Errc::io, "mkdir", ENOSPC);
    machine().files[folder(part)] = "";
  }
  return {};
}

Result<void> move(const std::string&, const std::string&) {
  return fail(Errc::unsupported, "move");
}
Result<void> remove_tree(const std::string& path) {
  std::erase_if(machine().files, [&path](const auto& f) {
    return f.first == path || f.first.starts_with(folder(path));
  });
  return {};
}
Result<void> lock_directory(const std::string&) { return {}; }

Result<std::vector<DirectoryEntry>> list_directory(const std::string& path) {
  if (!is_folder(path)) return fail(Errc::not_found, "directory", ENOENT);
  std::vector<DirectoryEntry> entries;
  const std::string within = folder(path);
  for (const auto& [name, text] : machine().files) {
    if (!name.starts_with(within) || name == within) continue;
    std::string rest = name.substr(within.size());
    const bool is_file = !rest.ends_with('/');
    if (!is_file) rest.pop_back();
    if (rest.find('/') == rest.npos) entries.push_back({rest, false, is_file});
  }
  return entries;
}
Result<void> check_directory(const std::string& path) {
  return is_folder(path) ? Result<void>() : fail(Errc::not_found, "directory", ENOENT);
}

Result<void> write_stream(Stream s, std::string_view data) {
  if (s == Stream::err) {
    machine().err.append(data);
    return {};
  }
  for (Nanos waited = 0; !data.empty();) {
    CHI_TRY(const size_t n, put(data));
    data.remove_prefix(n);
    if (data.empty() || n != 0) {
      waited = 0;
      continue;
    }
    if (stop_signal() == 0) waited = 0;
    if (waited >= kSecond) return fail(Errc::cancelled, "write");
    const Nanos step = 20 * kMilli;
    vopr::sleep_until(now() + step);
    waited += step;
  }
  return {};
}

Result<size_t> write_now(Stream, std::string_view data) { return put(data); }

}  // namespace chimera::sys
