// What is kept of fuzzing, through the same functions: every input of corpus/ and regress/ at a
// guard page, the short ones also at every prefix. One test case per parser.
#include <dirent.h>
#include <stdio.h>

#include <algorithm>

#include "tests/check.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace chimera_fuzz;
using chimera_test::Guarded;

namespace {

using Fuzz = int (*)(std::string_view);

constexpr size_t kPrefixesBelow = 300;  // bytes of an input whose every prefix is tried

// tests/fuzz, as this file was named to the compiler: from where that ran, tests run too.
std::string here() {
  const std::string file = __FILE__;
  return file.substr(0, file.rfind('/') + 1);
}

// The files of a folder in the order of their names; none when there is no such folder.
std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> out;
  DIR* const dir = opendir(folder.c_str());
  if (dir == nullptr) return out;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') out.push_back(folder + "/" + entry->d_name);
  }
  closedir(dir);
  std::sort(out.begin(), out.end());
  return out;
}

std::string read_whole(const std::string& path) {
  std::string out;
  FILE* const file = fopen(path.c_str(), "rb");
  REQUIRE(file != nullptr);
  char room[4096];
  for (size_t n; (n = fread(room, 1, sizeof room, file)) > 0;) out.append(room, n);
  fclose(file);
  return out;
}

void replay_file(const std::string& path, Fuzz fuzz) {
  CAPTURE(path);
  input_name = path.c_str();
  const std::string bytes = read_whole(path);
  CHECK(fuzz(Guarded(bytes).view()) == 0);
  const size_t prefixes = bytes.size() < kPrefixesBelow ? bytes.size() : 0;
  const std::string part = "a prefix of " + path;
  input_name = part.c_str();
  for (size_t n = 0; n < prefixes; ++n) {
    fuzz(Guarded(std::string_view(bytes).substr(0, n)).view());
  }
  input_name = "input";
}

void replay(const std::string& parser, Fuzz fuzz) {
  const std::vector<std::string> seeds = files_in(here() + "corpus/" + parser);
  REQUIRE_MESSAGE(!seeds.empty(), "nothing in " << here() << "corpus/" << parser);
  for (const std::string& path : seeds) replay_file(path, fuzz);
  for (const std::string& path : files_in(here() + "regress/" + parser)) replay_file(path, fuzz);
}

}  // namespace

TEST_SUITE("fuzz") {
TEST_CASE("chunked") { replay("chunked", fuzz_chunked); }
TEST_CASE("cli") { replay("cli", fuzz_cli); }
TEST_CASE("config") { replay("config", fuzz_config); }
TEST_CASE("csv") { replay("csv", fuzz_csv); }
TEST_CASE("dns") { replay("dns", fuzz_dns); }
TEST_CASE("http1") { replay("http1", fuzz_http1); }
TEST_CASE("http_date") { replay("http_date", fuzz_http_date); }
TEST_CASE("job") { replay("job", fuzz_job); }
TEST_CASE("json") { replay("json", fuzz_json); }
TEST_CASE("load") { replay("load", fuzz_load); }
TEST_CASE("map") { replay("map", fuzz_map); }
TEST_CASE("markdown") { replay("markdown", fuzz_markdown); }
TEST_CASE("ndjson") { replay("ndjson", fuzz_ndjson); }
TEST_CASE("number") { replay("number", fuzz_number); }
TEST_CASE("record") { replay("record", fuzz_record); }
TEST_CASE("resolv") { replay("resolv", fuzz_resolv); }
TEST_CASE("sim_ask") { replay("sim_ask", fuzz_sim_ask); }
TEST_CASE("sim_settings") { replay("sim_settings", fuzz_sim_settings); }
TEST_CASE("sse") { replay("sse", fuzz_sse); }
TEST_CASE("text") { replay("text", fuzz_text); }
TEST_CASE("toml") { replay("toml", fuzz_toml); }
TEST_CASE("trials") { replay("trials", fuzz_trials); }
TEST_CASE("url") { replay("url", fuzz_url); }
}
