#include "wide.hpp"

#include <windows.h>

namespace chimera::sys {

std::wstring wide(std::string_view utf8) {
  std::wstring out(utf8.size(), L'\0');   // never more units than bytes
  const int n = MultiByteToWideChar(CP_UTF8, 0, utf8.data(), static_cast<int>(utf8.size()),
                                    out.data(), static_cast<int>(out.size()));
  out.resize(static_cast<size_t>(n));
  return out;
}

std::string narrow(std::wstring_view utf16) {
  std::string out(3 * utf16.size(), '\0');   // a unit is three bytes at most
  const int n = WideCharToMultiByte(CP_UTF8, 0, utf16.data(), static_cast<int>(utf16.size()),
                                    out.data(), static_cast<int>(out.size()), nullptr, nullptr);
  out.resize(static_cast<size_t>(n));
  return out;
}

}  // namespace chimera::sys
