// A folder of files for a test, and what ingestion makes of it.
#pragma once

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <filesystem>
#include <fstream>

#include "chimera/agent/ingest.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using namespace chimera;
using namespace chimera::agent;
using namespace std::literals;
namespace fs = std::filesystem;

// A folder of its own for each test, gone at the end.
class TempDir {
 public:
  TempDir() {
    std::string name = (fs::temp_directory_path() / "chimera-ingest-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDir() { fs::remove_all(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string of(std::string_view name) const { return path_ + "/" + std::string(name); }
  void put(std::string_view name, std::string_view text, time_t mtime = 1763146410) const {
    const fs::path p = of(name);
    fs::create_directories(p.parent_path());
    std::ofstream(p, std::ios::binary) << text;
    const timeval times[2] = {{mtime, 999999}, {mtime, 999999}};
    REQUIRE(utimes(p.c_str(), times) == 0);
  }

 private:
  std::string path_;
};

inline Inventory ingested(const TempDir& dir, const IngestOptions& options = {}) {
  auto result = ingest(dir.path(), options);
  REQUIRE(result);
  return std::move(*result);
}

inline std::string paths(const Inventory& inventory) {
  std::string out;
  for (const IngestedFile& f : inventory.files) out += (out.empty() ? "" : " ") + f.path;
  return out;
}

inline std::string skips(const Inventory& inventory) {
  std::string out;
  for (const SkippedFile& s : inventory.skipped) out += s.path + ": " + s.why + "\n";
  return out;
}

inline std::string metrics_json(const Inventory& inventory) {
  std::string out;
  wire::JsonWriter json(out, wire::JsonWriter::Style::compact);
  write_metrics(json, data_metrics(inventory));
  return out;
}

// The metrics of one file's content alone, without the fixed ones: "{...}".
inline std::string content_metrics(const char* name, std::string_view text) {
  const TempDir dir;
  dir.put(name, text);
  const Inventory inventory = ingested(dir);
  CHECK(skips(inventory) == "");
  std::string out;
  wire::JsonWriter json(out, wire::JsonWriter::Style::compact);
  write_metrics(json, inventory.metrics);
  return out;
}

}  // namespace chimera_test
