// DNS answers as bytes, and the resolver's two files in a directory of the test.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include <string>
#include <string_view>
#include <vector>

#include "chimera/net/resolve.hpp"
#include "tests/check.hpp"

namespace chimera_test {

inline bool asks_aaaa(std::string_view query) { return query[query.size() - 3] == 28; }

// The asked name as text.
inline std::string asked_name(std::string_view query) {
  std::string name;
  for (size_t at = 12; query[at] != 0; at += 1 + static_cast<size_t>(query[at])) {
    if (!name.empty()) name += '.';
    name.append(query.substr(at + 1, static_cast<size_t>(query[at])));
  }
  return name;
}

// One record about `owner` (wire form; by default the asked name).
inline std::string record(int type, std::string_view data,
                          std::string_view owner = std::string_view("\xc0\x0c", 2)) {
  std::string r(owner);
  r += '\0';
  r += static_cast<char>(type);
  r.append("\0\1\0\0\0\x3c\0", 7);
  r += static_cast<char>(data.size());
  r.append(data);
  return r;
}
inline std::string a(int last) {
  return record(1, std::string({10, 0, 0, static_cast<char>(last)}));
}
inline std::string aaaa(int last) {
  std::string ip(16, '\0');
  ip[0] = '\xfd';
  ip[15] = static_cast<char>(last);
  return record(28, ip);
}

// The answer to `query` with these records.
inline std::string reply(std::string_view query, const std::vector<std::string>& records,
                         int rcode = 0, bool truncated = false) {
  std::string r(query.substr(0, 2));
  r += truncated ? '\x83' : '\x81';
  r += static_cast<char>(0x80 | rcode);
  r.append("\0\1\0", 3);
  r += static_cast<char>(records.size());
  r.append(4, '\0');
  r.append(query.substr(12));
  for (const std::string& one : records) r += one;
  return r;
}

// While it lives the resolver reads these two files.
class Files {
 public:
  Files(std::string_view hosts, std::string_view resolv_conf, uint16_t dns_port = 53)
      : before_(chimera::net::resolver_files()) {
    char name[] = "/tmp/chimera-resolve-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    directory_ = name;
    chimera::net::ResolverFiles& files = chimera::net::resolver_files();
    files.hosts = write("hosts", hosts);
    files.resolv_conf = write("resolv.conf", resolv_conf);
    files.dns_port = dns_port;
  }
  ~Files() {
    unlink((directory_ + "/hosts").c_str());
    unlink((directory_ + "/resolv.conf").c_str());
    rmdir(directory_.c_str());
    chimera::net::resolver_files() = before_;
  }

 private:
  std::string write(const char* name, std::string_view text) {
    const std::string path = directory_ + "/" + name;
    FILE* f = fopen(path.c_str(), "w");
    REQUIRE(f != nullptr);
    fwrite(text.data(), 1, text.size(), f);
    fclose(f);
    return path;
  }
  chimera::net::ResolverFiles before_;
  std::string directory_;
};

inline std::string joined(const std::vector<chimera::sys::Address>& all) {
  std::string text;
  for (const chimera::sys::Address& one : all) {
    if (!text.empty()) text += ' ';
    text += to_text(one);
  }
  return text;
}

}  // namespace chimera_test
