// Text of this program is UTF-8, text of the system's calls UTF-16.
#pragma once

#include <string>
#include <string_view>

namespace chimera::sys {

std::wstring wide(std::string_view utf8);
std::string narrow(std::wstring_view utf16);

// ERROR_DIRECTORY_NOT_SUPPORTED, which mingw's headers lack: a file was wanted, this is a folder.
inline constexpr int kIsDirectory = 336;

}  // namespace chimera::sys
