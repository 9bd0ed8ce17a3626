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
  if (s.format != Format::text && s.format != Format::json) {
    say("--format: text or json here: see chimera ingest --help");
    return 2;
  }
  const auto inventory = agent::ingest(s.positional[0]);
  if (!inventory) {
    complain("ingest", inventory.error(), s.positional[0]);
    return exit_code(inventory.error());
  }
  return print(s.format == Format::json ? agent::ingest_json(*inventory)
                                        : agent::ingest_text(*inventory));
}

}  // namespace chimera::cli
