// Environment and configuration file: any text gives settings that are in their bounds, or an error
// with words; what was laid over it on the command line counts.
// Input: lines with "CHIMERA_" at the front are variables, the others the file. Left out: what
// reads a file.
#include "chimera/base/text.hpp"
#include "chimera/cli/layers.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::cli;

void check(Commands command, const std::vector<std::string>& variables, const std::string& file) {
  std::vector<const char*> pointers;
  for (const std::string& v : variables) pointers.push_back(v.c_str());
  pointers.push_back(nullptr);
  const bool model = find_option(command, "model") != nullptr && command != kSim;
  std::string words[] = {"--model", "typed"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (!model) arguments.clear();

  Layers layers(command);
  layers.file = "f";
  layers.profile = "p";
  Settings s;
  chimera::Result<void> done = layers.read_environment(pointers.data());
  if (done) done = layers.read_arguments(arguments, s);
  if (done) done = layers.read_config(file);
  if (done) done = layers.apply(s);
  if (!done) {
    FUZZ_CHECK(!layers.what.empty());
    return;
  }
  FUZZ_CHECK(!model || s.model == "typed");
  FUZZ_CHECK(s.agents >= 1 && s.agents <= 512 && s.runs >= 0 && s.permits >= 0);
  FUZZ_CHECK(s.runtime.threads >= 0 && s.runtime.read_size >= 1 && s.sim_servers >= 0);
  for (const chimera::wire::Url& url : s.urls) FUZZ_CHECK(!url.host.empty() && url.port != 0);
  for (const Setting& setting : layers.settings) {
    FUZZ_CHECK(!setting.shown.empty() && setting.value.find('\0') == std::string::npos);
    FUZZ_CHECK(!setting.counts || layers.find(setting.option.name) != nullptr);
    const bool lower = model && setting.is("model") && setting.layer != Layer::arguments;
    FUZZ_CHECK(!lower || !setting.counts);
  }
}

}  // namespace

int fuzz_config(std::string_view input) {
  for (const char* reads : {"key-file", "key_file", "KEY_FILE", "\\"}) {
    if (input.find(reads) != input.npos) return 0;
  }
  std::vector<std::string> variables;
  std::string file;
  std::string_view rest = input, part;
  while (chimera::next_part(rest, '\n', part)) {
    if (part.starts_with("CHIMERA_")) {
      variables.emplace_back(part.substr(0, part.find('\0')));
    } else {
      file.append(part).append("\n");
    }
  }
  file.append("[profile.p]\n");
  for (const Commands command : {kRun, kFetch, kSim, kBench, kAsk, kStats}) {
    check(command, variables, file);
  }
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_config)
