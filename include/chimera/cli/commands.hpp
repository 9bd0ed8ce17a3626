// The commands. Each returns the exit code (contract section 4).
#pragma once

#include <string>
#include <string_view>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

int run_command(Settings& s);
int ask_command(Settings& s);
int worker_command(Settings& s);
int probe_command(Settings& s);
int map_command(Settings& s);
int ingest_command(Settings& s);
int fetch_command(Settings& s);
int sim_command(Settings& s);
int selftest_command(Settings& s);
int stats_command(Settings& s);
int bench_command(Settings& s);
int completion_command(Settings& s);
int man_command(Settings& s);
// Reads its own arguments: they are those of another command.
int config_main(std::span<char* const> words, Settings& s);

struct Command {
  Commands bit;
  const char* name;
  const char* synopsis;       // behind the name
  const char* summary;        // one line
  const char* details;        // behind the option list; packed (base/packed.hpp)
  int (*main)(Settings& s);
};
std::span<const Command> commands();
const Command* find_command(std::string_view name);
// The one that was probably meant by a word that names none; "" when none is near.
std::string_view nearest_command(std::string_view word);

std::string help_text();
std::string help_text(const Command& command);
std::string_view exit_codes();           // its last part, without the heading

const char* version();

}  // namespace chimera::cli
