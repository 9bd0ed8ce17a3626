// Who says what an option is: command line over environment over configuration file over default.
//
// Everything is collected first, as text; then whatever a higher layer says differently is dropped,
// and the rest goes through Option::set, lowest layer first. So an option that may come again is
// replaced as a whole by a higher layer, and nothing is parsed twice.
//
// Thread: main thread, before the runtime starts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

enum class Layer : uint8_t {
  seed,            // the file's tables [ollama1] and [ollama2]
  seed_agents,     // its [agent_a] and [agent_b]
  file,            // its top level
  table,           // [run], [ask], ...
  profile,         // [profile.NAME]
  profile_table,   // [profile.NAME.run]
  environment,     // CHIMERA_*
  arguments,
};

// One option as one layer has it.
struct Setting {
  Option option;           // a copy: those of `sim` are made when they are looked up
  Layer layer;
  bool off = false;        // a switch that is not to be on, whatever lower layers say
  bool counts = true;      // no higher layer says something else
  std::string shown;       // who says so: "-m", "CHIMERA_MODEL", "config.toml:3: model"
  std::string value;       // "" of a switch

  bool is(std::string_view name) const { return name == option.name; }
};

// The settings of one command. On an error `what` holds the words for people.
class Layers {
 public:
  explicit Layers(Commands command) : command_(command) {}

  // Takes the words behind the command's name; what is no option goes to s.positional, and all of
  // it to `line`, as a shell takes it and without secrets. Options of `own`, when not 0, count
  // more than the command's. Errors: usage.
  Result<void> read_arguments(std::span<char* const> words, Settings& s, Commands own = {});
  // `variables`: "NAME=value", a null at the end. Errors: bad_config.
  Result<void> read_environment(const char* const* variables);
  // Chooses the configuration file and profile by what was given before, and reads it, if there is
  // one. Errors: bad_config.
  Result<void> find_config();
  // The text of `file`, with `profile` chosen ("" = none). Errors: bad_config.
  Result<void> read_config(std::string_view text);
  // All three, the environment first; the arguments alone when CHIMERA_NO_CONFIG=all. Errors: of
  // all.
  Result<void> read_all(std::span<char* const> words, Settings& s, Commands own = {});
  // Into `s`, and settles the knobs. Errors: usage, bad_config, and those of reading a file.
  Result<void> apply(Settings& s);

  // What the last setting of this name says that counts, or nullptr.
  const Setting* find(std::string_view name) const;

  std::vector<Setting> settings;
  std::vector<std::string> warnings;
  std::string what, line;
  std::string file, profile;     // "" = none

 private:
  friend class ConfigReader;
  friend class Parser;
  Setting& append(const Option& option, Layer layer, std::string_view shown,
                  std::string_view value);
  Result<void> add(const Option& option, Layer layer, std::string_view shown,
                   std::string_view value);
  Result<void> add_variable(std::string_view name, std::string_view value);
  Result<void> set(Setting& setting, Settings& s);
  Result<void> bad(std::string_view shown, std::string_view why);
  bool drop_others(const Setting& over, Setting& under);

  Commands command_;
};

// Where the configuration file is looked for when none is named; "" without a home.
std::string default_config();

// A word for a switch, of the environment or a file: 1, 0, or -1 when it is neither.
int on_or_off(std::string_view word);

// Whether an option takes a value. What else that does, it does to settings that nobody uses.
bool takes(const Option& o, std::string_view value);
inline bool repeatable(const Option& o) { return (o.commands & kRepeatable) != 0; }
// All options of a command in the order of --help; of `sim` its keys as well.
std::vector<Option> options_of(Commands command);
inline bool value_optional(const Option& o) { return o.metavar != nullptr && o.metavar[0] == '['; }
bool takes_two(const Option& o);
// A value as it may be shown: of a header only its name.
std::string shown_value(const Option& o, std::string_view value);
// "--NAME=VALUE" behind `line`, as a shell takes it and without secrets.
void note(std::string& line, const Option& o, std::string_view value);

}  // namespace chimera::cli
