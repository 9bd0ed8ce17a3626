#include "chimera/sys/append_file.hpp"

#include <errno.h>

#include <algorithm>
#include <map>

#include "../machine.hpp"

namespace chimera::sys {
namespace {

// Which file a handle is.
std::map<Handle, std::string>& open_files() {
  static auto* all = new std::map<Handle, std::string>;
  return *all;
}

}  // namespace

AppendFile::~AppendFile() { open_files().erase(handle_); }

Result<void> AppendFile::open(const std::string& path) {
  handle_ = static_cast<Handle>(1'000'000 + open_files().size());
  open_files()[handle_] = path;
  vopr::machine().files.try_emplace(path);
  return {};
}

// A full disk takes what there is room for.
Result<void> AppendFile::write(std::string_view data) {
  vopr::Machine& m = vopr::machine();
  const uint64_t left = m.disk_left;
  const bool full = m.full(data.size());
  m.files[open_files()[handle_]].append(data.substr(0, full ? left : data.size()));
  return full ? fail(Errc::io, "write", ENOSPC) : Result<void>();
}

}  // namespace chimera::sys
