// What the tests of files and streams share: a folder of their own and what goes into it.
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

#include "chimera/sys/file.hpp"
#include "tests/check.hpp"

namespace chimera_test::files {

using namespace chimera;
using namespace chimera::sys;

inline int remove_one(const char* path, const struct stat*, int, struct FTW*) {
  return remove(path);
}

// A directory of its own, gone with everything in it at the end.
class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/chimera-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
  }
  ~TempDir() { nftw(path_.c_str(), remove_one, 16, FTW_DEPTH | FTW_PHYS); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void put(const std::string& path, std::string_view data) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  REQUIRE(fd >= 0);
  REQUIRE(write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size()));
  close(fd);
}

inline std::string get(const std::string& path) {
  const Result<std::string> r = read_file(path, SIZE_MAX);
  return r ? *r : "error in " + std::string(r.error().where);
}

inline std::string pattern(size_t size) {
  std::string s;
  s.reserve(size);
  for (size_t i = 0; s.size() < size; ++i) s += static_cast<char>(i * 31 % 251);
  return s;
}

}  // namespace chimera_test::files
