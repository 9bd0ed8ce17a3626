// A file that grows at its end; several processes may write whole pieces to one file.
//
// Thread: one at a time. Errors: not_found, io (with errno). Every call may block on the disk.
#pragma once

#include <string>
#include <string_view>

#include "chimera/base/result.hpp"
#include "chimera/sys/handle.hpp"

namespace chimera::sys {

class AppendFile {
 public:
  AppendFile() = default;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  ~AppendFile();
  // Creates it when it is not there.
  Result<void> open(const std::string& path);
  bool is_open() const { return handle_ != kNoHandle; }
  Result<void> write(std::string_view data);

 private:
  Handle handle_ = kNoHandle;
};

}  // namespace chimera::sys
