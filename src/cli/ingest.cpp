// chimera ingest DIR: what `run` would read.
#include "chimera/agent/ingest.hpp"

#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"

namespace chimera::cli {

int ingest_command(Settings& s) {
  if (s.positional.size() != 1) {
    say("ingest takes one folder: see chimera ingest --help");
    return 2;
  }
  const std::string& folder = s.positional[0];
  const auto inventory = agent::ingest(folder);
  if (!inventory) {
    complain("ingest", inventory.error(), folder);
    return exit_code(inventory.error());
  }
  return print(s.format == Format::json ? agent::ingest_json(*inventory)
                                        : agent::ingest_text(*inventory));
}

}  // namespace chimera::cli
