#include "chimera/sys/append_file.hpp"

#include <windows.h>

#include "wide.hpp"

namespace chimera::sys {

AppendFile::~AppendFile() {
  if (is_open()) CloseHandle(reinterpret_cast<HANDLE>(handle_));
}

// With the right to append and no other, the system puts every write at the end, whole.
Result<void> AppendFile::open(const std::string& path) {
  CHI_CHECK(!is_open());
  const HANDLE h = CreateFileW(wide(path).c_str(), FILE_APPEND_DATA | SYNCHRONIZE,
                               FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                               OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  handle_ = reinterpret_cast<Handle>(h);
  if (is_open()) return {};
  const DWORD why = GetLastError();
  const bool absent = why == ERROR_FILE_NOT_FOUND || why == ERROR_PATH_NOT_FOUND;
  return fail(absent ? Errc::not_found : Errc::io, "open", static_cast<int>(why));
}

Result<void> AppendFile::write(std::string_view data) {
  while (!data.empty()) {
    const DWORD most = data.size() > (1u << 30) ? 1u << 30 : static_cast<DWORD>(data.size());
    DWORD n = 0;
    if (!WriteFile(reinterpret_cast<HANDLE>(handle_), data.data(), most, &n, nullptr)) {
      return fail(Errc::io, "write", static_cast<int>(GetLastError()));
    }
    data.remove_prefix(n);
  }
  return {};
}

}  // namespace chimera::sys
