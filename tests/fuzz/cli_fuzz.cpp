// The command line, for every command: never a crash, an error has words, no header line is
// smuggled in, and the command as it is recorded means the same again.
// Input: one argument per line. Left out: the option that reads a file.
#include "chimera/base/text.hpp"
#include "chimera/cli/settings.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::cli;
using Words = std::vector<std::string>;

chimera::Result<void> parse(Commands command, Words& words, Settings& s, std::string& what) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return parse_arguments(command, arguments, s, what);
}

// As a shell takes `line` apart, as far as recorded commands go: blanks, '...' and \'.
Words shell_words(std::string_view line) {
  Words out;
  bool quoted = false, in_word = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ' && !quoted) {
      in_word = false;
      continue;
    }
    if (!in_word) out.emplace_back();
    in_word = true;
    if (line[i] == '\'') {
      quoted = !quoted;
      continue;
    }
    if (line[i] == '\\' && !quoted) ++i;
    FUZZ_CHECK(i < line.size());
    out.back() += line[i];
  }
  FUZZ_CHECK(!quoted);
  return out;
}

void check_headers(std::string_view lines) {
  std::string_view line;
  while (chimera::next_line(lines, line)) {
    const size_t colon = line.find(": ");
    FUZZ_CHECK(colon != line.npos);
    FUZZ_CHECK(chimera::wire::valid_field(line.substr(0, colon), line.substr(colon + 2)));
  }
}

void check_settings(const Settings& s) {
  FUZZ_CHECK(s.agents >= 1 && s.agents <= 512 && s.runs >= 0 && s.permits >= 0);
  FUZZ_CHECK(s.runtime.threads >= 0 && s.runtime.read_size >= 1 && s.sim_servers >= 0);
  FUZZ_CHECK(s.client.timeouts.connect >= 0 && s.client.timeouts.total >= 0);
  FUZZ_CHECK(s.client.timeouts.first_token >= 0 && s.client.timeouts.idle >= 0);
  for (const chimera::wire::Url& url : s.urls) FUZZ_CHECK(!url.host.empty() && url.port != 0);
  check_headers(s.headers);
}

void check_command(Commands command, Words words) {
  Settings s;
  std::string what;
  const auto done = parse(command, words, s, what);
  FUZZ_CHECK(done || done.error().code != chimera::Errc::usage || !what.empty());
  check_settings(s);
  if (!done || !s.headers.empty()) return;  // headers are recorded as "***"

  Words recorded = shell_words(s.command);
  Settings again;
  FUZZ_CHECK(parse(command, recorded, again, what));
  FUZZ_CHECK(again.command == s.command && again.positional == s.positional);
  FUZZ_CHECK(again.model == s.model && again.output == s.output && again.sim_spec == s.sim_spec);
  FUZZ_CHECK(again.common.extra == s.common.extra && again.urls.size() == s.urls.size());
}

}  // namespace

int fuzz_cli(std::string_view input) {
  if (input.find("api-key-file") != input.npos) return 0;
  Words words;
  std::string_view word;
  while (chimera::next_part(input, '\n', word)) words.emplace_back(word.substr(0, word.find('\0')));
  for (const Commands command : {kRun, kFetch, kIngest, kSim, kBench}) {
    check_command(command, words);
  }
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_cli)
