#include "chimera/cli/presets.hpp"

#include <algorithm>

#include "chimera/cli/commands.hpp"
#include "chimera/sys/thread.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::cli;
using rt::Kind;

namespace {

Result<void> parse(std::vector<std::string> words, Settings& s, std::string& what) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return parse_arguments(kRun, arguments, s, what);
}

// As the runtime resolves it.
int threads_of(const Settings& s) {
  if (s.runtime.threads != 0) return s.runtime.threads;
  return s.runtime.kind == Kind::local ? 1 : s.runtime.kind == Kind::steal ? sys::core_count() : 2;
}

TEST_CASE("the presets of the contract") {
  struct Row {
    const char* name;
    Kind kind;
    int threads;
    uint32_t read_size, coalesce;
    int permits;
  };
  const Row rows[] = {
      {"tokio-default", Kind::steal, sys::core_count(), 8192, 0, 0},
      {"tokio-localset", Kind::local, 1, 8192, 0, 0},
      {"asyncio", Kind::local, 1, 65536, 0, 0},
      {"smol", Kind::fixed, 2, 8192, 0, 0},
      {"smol-1kb", Kind::fixed, 2, 1024, 0, 0},
      {"async-std", Kind::bridge, 2, 8192, 0, 1},
      {"upstream-smol", Kind::bridge, 2, 8192, 0, 2},
      {"upstream-smol-1kb", Kind::bridge, 2, 8192, 1024, 2},
  };
  CHECK(presets().size() == std::size(rows));
  for (const Row& row : rows) {
    CAPTURE(std::string(row.name));
    Settings s;
    std::string what;
    REQUIRE(parse({"--preset", row.name}, s, what).has_value());
    CHECK(s.runtime.kind == row.kind);
    CHECK(threads_of(s) == row.threads);
    CHECK(s.runtime.read_size == row.read_size);
    CHECK(s.client.policy.coalesce == row.coalesce);
    CHECK(s.permits == row.permits);
    CHECK(std::string(preset_in_force(s, threads_of(s))) == row.name);
    const bool in_help =
        help_text(*find_command("run")).find(std::string("\n  ") + row.name + " ") !=
        std::string::npos;
    CHECK(in_help);
  }
}

TEST_CASE("flag over preset over default, in any order; the name is computed") {
  struct Case {
    std::vector<std::string> words;
    Kind kind;
    int threads;
    uint32_t read_size, coalesce;
    int permits;
    const char* preset;
  };
  const Case cases[] = {
      {{}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--read-size", "8k"}, Kind::fixed, 2, 8192, 0, 0, "smol"},
      {{"--threads", "2"}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--threads", "3"}, Kind::fixed, 3, 1024, 0, 0, ""},
      {{"--preset", "smol", "--read-size", "1k"}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--read-size", "1k", "--preset", "smol"}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--preset", "smol", "--preset=asyncio"}, Kind::local, 1, 65536, 0, 0, "asyncio"},
      {{"--preset=smol", "--runtime=local"}, Kind::local, 1, 8192, 0, 0, "tokio-localset"},
      {{"--runtime=local", "--preset=smol"}, Kind::local, 1, 8192, 0, 0, "tokio-localset"},
      {{"--preset=tokio-localset", "--runtime=fixed"}, Kind::fixed, 2, 8192, 0, 0, "smol"},
      {{"--preset=async-std", "--permits=2"}, Kind::bridge, 2, 8192, 0, 2, "upstream-smol"},
      {{"--permits=0", "--preset=async-std"}, Kind::bridge, 2, 8192, 0, 0, ""},
      {{"--preset=upstream-smol-1kb", "--coalesce=0"}, Kind::bridge, 2, 8192, 0, 2,
       "upstream-smol"},
      {{"--coalesce=1k", "--preset=upstream-smol"}, Kind::bridge, 2, 8192, 1024, 2,
       "upstream-smol-1kb"},
      {{"--pin"}, Kind::fixed, 2, 1024, 0, 0, ""},
      {{"--keep-alive=off"}, Kind::fixed, 2, 1024, 0, 0, ""},
      {{"--keep-alive=5m"}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--preset=tokio-default", "--pop=lifo"}, Kind::steal, sys::core_count(), 8192, 0, 0, ""},
      {{"--pop=fifo", "--preset=tokio-default"}, Kind::steal, sys::core_count(), 8192, 0, 0,
       "tokio-default"},
      {{"--pop=fifo"}, Kind::fixed, 2, 1024, 0, 0, "smol-1kb"},
      {{"--threads=1", "--runtime=local"}, Kind::local, 1, 1024, 0, 0, ""},
  };
  for (const Case& c : cases) {
    std::string line;
    for (const std::string& w : c.words) line += w + " ";
    CAPTURE(line);
    Settings s;
    std::string what;
    REQUIRE(parse(c.words, s, what).has_value());
    CHECK(s.runtime.kind == c.kind);
    CHECK(threads_of(s) == c.threads);
    CHECK(s.runtime.read_size == c.read_size);
    CHECK(s.client.policy.coalesce == c.coalesce);
    CHECK(s.permits == c.permits);
    CHECK(std::string(preset_in_force(s, threads_of(s))) == c.preset);
  }
}

TEST_CASE("knobs that do not go together") {
  struct Case {
    std::vector<std::string> words;
    const char* what;
  };
  const Case cases[] = {
      {{"--runtime=local", "--threads=2"}, "--runtime local has one thread"},
      {{"--threads=4", "--preset=asyncio"}, "--runtime local has one thread"},
      {{"--pop=lifo"}, "--pop lifo goes with --runtime steal"},
      {{"--preset=async-std", "--pop=lifo"}, "--pop lifo goes with --runtime steal"},
      {{"--preset=none"}, "--preset: no such preset: none"},
      {{"--preset=Smol"}, "--preset: no such preset: Smol; did you mean smol?"},
      {{"--preset=\x1b[2J"}, "--preset: no such preset: \\x1b[2J"},
      {{"--preset="}, "--preset: '' is not valid (a name)"},
      {{"--runtime=tokio"}, "--runtime: 'tokio' is not valid (steal, fixed, local or bridge)"},
      {{"--pop=random"}, "--pop: 'random' is not valid (fifo or lifo)"},
      {{"--permits=-1"}, "--permits: '-1' is not valid (0 to 512)"},
      {{"--threads=0"}, "--threads: '0' is not valid (1 to 256)"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.words[0]);
    Settings s;
    std::string what;
    const auto parsed = parse(c.words, s, what);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == Errc::usage);
    CHECK(what == c.what);
  }
}

TEST_CASE("a preset's knobs in words") {
  const auto words = [](std::string_view name) {
    for (const Preset& p : presets()) {
      if (name == p.name) return knobs_of(p);
    }
    return std::string();
  };
  CHECK(words("smol-1kb") == "fixed, 2 threads, reads of 1024 bytes");
  CHECK(words("asyncio") == "local, 1 thread, reads of 65536 bytes");
  CHECK(words("tokio-default") == "steal, a thread per processor, reads of 8192 bytes");
  CHECK(words("upstream-smol-1kb") ==
        "bridge, 2 threads for I/O, reads of 8192 bytes, coalesced to 1024, permits 2");
}

}  // namespace
