// The configuration file: TOML whose keys are names of options, in five places, each of which
// counts more than the ones before:
//
//   [ollama1] port, [agent_a] num_gpu   the file of the study's report, section 9.3
//   model = "x"                         for every command that has the option
//   [run]                               for one command
//   [profile.NAME]                      when that profile is chosen
//   [profile.NAME.run]
//
// A list is for an option that may come again; a table for one of two values (`option`).
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/toml.hpp"

namespace chimera::cli {

class ConfigReader {
 public:
  explicit ConfigReader(Layers& layers) : to_(layers) {}

  Result<void> take(const wire::TomlItem& item);
  bool found_profile() const { return found_; }

 private:
  using Item = wire::TomlItem;

  bool find_table(const Item& item, std::string_view& key);
  Result<void> seed(const Item& item, std::string_view table, std::string_view key);
  Result<void> option(const Item& item, std::string_view key);
  Result<void> add(const Option& option, Layer layer, const Item& item, std::string_view value);
  std::string place_of(const Item& item, std::string_view key) const;
  void unknown(const Item& item, std::string_view key);
  void skip(std::string_view path) { skipped_ = path; }

  Layers& to_;
  Layer layer_ = Layer::file;
  std::string_view skipped_;       // nothing below this path is looked at
  bool agents_ = false, found_ = false;
};

namespace {

// Cuts "name" and what separates it from the rest off `key`, when it begins with that.
bool take_head(std::string_view& key, std::string_view name) {
  if (!key.starts_with(name)) return false;
  const std::string_view rest = key.substr(name.size());
  if (!rest.empty() && rest[0] != '.') return false;
  key = rest.empty() ? rest : rest.substr(1);
  return true;
}

// A key as the option's name.
std::string dashed(std::string_view key) {
  std::string name(key);
  for (char& c : name) c = c == '_' ? '-' : c;
  return name;
}

std::string at_line(const std::string& file, uint32_t line) {
  std::string place = file;
  append_u64(place.append(":"), line);
  return place.append(": ");
}

}  // namespace

std::string ConfigReader::place_of(const Item& item, std::string_view key) const {
  return at_line(to_.file, item.line).append(key);
}

void ConfigReader::unknown(const Item& item, std::string_view key) {
  skip(item.path);
  const std::string_view word = key.substr(key.rfind('.') + 1);
  const bool one = layer_ == Layer::table || layer_ == Layer::profile_table;
  const std::string_view near = item.type == Item::table
                                    ? nearest_command(word)
                                    : nearest_option(one ? to_.command_ : kEvery, dashed(word));
  to_.warnings.push_back(place_of(item, key).append(": no such option") + did_you_mean("", near));
}

Result<void> ConfigReader::add(const Option& option, Layer layer, const Item& item,
                               std::string_view value) {
  return to_.add(option, layer, place_of(item, item.path), value);
}

// Where an item stands: `key` becomes what is behind the name of its table. False when that is all
// there is to it.
bool ConfigReader::find_table(const Item& item, std::string_view& key) {
  const bool table = item.type == Item::table;
  layer_ = Layer::file;
  if (take_head(key, "profile") && (table || !key.empty())) {
    if (key.empty()) return false;
    if (to_.profile.empty() || !take_head(key, to_.profile)) {
      skip(item.path);
      return false;
    }
    if (key.empty() && !table) return false;   // [[profile.NAME]] is not one
    found_ = true;
    layer_ = Layer::profile;
    if (key.empty()) return false;
  }
  const std::string_view head = key.substr(0, key.find('.'));
  const Command* const command = find_command(head);
  if (command == nullptr || !(table || head.size() < key.size())) return true;
  if (command->bit != to_.command_) {
    skip(item.path);
    return false;
  }
  (void)take_head(key, head);
  layer_ = layer_ == Layer::file ? Layer::table : Layer::profile_table;
  return !key.empty();
}

Result<void> ConfigReader::take(const Item& item) {
  std::string_view key = item.path;
  if (!skipped_.empty() && key.starts_with(skipped_) &&
      (key.size() == skipped_.size() || key[skipped_.size()] == '.' ||
       key[skipped_.size()] == '[')) {
    return {};
  }
  skip({});
  if (!find_table(item, key)) return {};
  if (layer_ == Layer::file) {
    for (const char* table : {"ollama1", "ollama2", "agent_a", "agent_b"}) {
      if (take_head(key, table)) return seed(item, table, key);
    }
  }
  return option(item, key);
}

// Server i is that of agent i; agents with options of their own are the scenario chimera-hetero.
Result<void> ConfigReader::seed(const Item& item, std::string_view table, std::string_view key) {
  const bool second = table.back() == '2' || table.back() == 'b', server = table[0] == 'o';
  if (key.empty()) return {};
  std::string name = second ? "chimera2-" : "chimera-", value = item.value;
  const char* const place = second ? "insight-ollama-url" : "collector-ollama-url";
  if (key == "base_url" || server) {
    name = place;
  } else {
    name.append(dashed(key));
  }
  if (find_option(kRun, name) == nullptr || (server && key != "port")) {
    unknown(item, item.path);
    return {};
  }
  if (server) value.insert(0, "http://127.0.0.1:");
  const Option* const to = find_option(to_.command_, server && to_.command_ != kRun ? "url" : name);
  if (to == nullptr) return {};
  CHI_TRY_VOID(add(*to, server ? Layer::seed : Layer::seed_agents, item, value));
  if (server || std::exchange(agents_, true)) return {};
  return add(*find_option(kRun, "scenario"), Layer::seed, item, "chimera-hetero");
}

Result<void> ConfigReader::option(const Item& item, std::string_view key) {
  const size_t end = std::min(key.find_first_of(".["), key.size());
  const std::string name = dashed(key.substr(0, end));
  const std::string_view rest = key.substr(end);
  const std::string shown = place_of(item, item.path);
  if (name == "api-key") {
    return to_.bad(shown, "no keys in this file: api-key-file names the file with it");
  }
  const Option* const found = find_option(to_.command_, name);
  const bool chooses = name == "config" || name == "no-config" ||
                       (name == "profile" && to_.command_ != kSim);
  if (found == nullptr || chooses) {
    const bool table = layer_ == Layer::table || layer_ == Layer::profile_table;
    if (chooses || table || find_option(kEvery, name) == nullptr) unknown(item, item.path);
    skip(item.path);
    return {};
  }
  const Option o = *found;
  if (item.type == Item::table) {
    return takes_two(o) && rest.empty() ? Result<void>() : to_.bad(shown, "takes a value");
  }
  if (item.type == Item::array) {
    return repeatable(o) && rest.empty() ? Result<void>() : to_.bad(shown, "takes one value");
  }
  if (rest.empty() || rest[0] == '[') return add(o, layer_, item, item.value);
  std::string pair(rest.substr(1));
  return add(o, layer_, item, pair.append("=").append(item.value));
}

Result<void> Layers::read_config(std::string_view text) {
  std::vector<wire::TomlItem> items;
  uint32_t at = 0;
  const auto parsed = wire::parse_toml(text, items, at);
  if (!parsed) {
    std::string place = at_line(file, at);
    place.resize(place.size() - 2);
    return bad(place, parsed.error().where);
  }
  ConfigReader reader(*this);
  for (const wire::TomlItem& item : items) CHI_TRY_VOID(reader.take(item));
  if (profile.empty() || reader.found_profile()) return {};
  return bad(file, "there is no [profile." + profile + "]");
}

// ---- which file ---------------------------------------------------------------------------------

std::string default_config() {
  // A relative one is to be ignored (XDG Base Directory Specification).
  std::string path(sys::env("XDG_CONFIG_HOME"));
  if (!sys::is_absolute(path)) path = sys::home_folder("/.config");
  if (path.empty()) return path;
  return path.append("/chimera/config.toml");
}

namespace {

constexpr size_t kConfigBytes = 1 << 20;

}  // namespace

Result<void> Layers::find_config() {
  const Setting *none = find("no-config"), *named = find("config"), *chosen = find("profile");
  if (chosen != nullptr && (chosen->option.commands & kSim) != 0) chosen = nullptr;
  if (none != nullptr && !none->off && (named == nullptr || named->layer <= none->layer)) {
    const bool both = chosen != nullptr && chosen->layer == Layer::arguments;
    return both ? bad(chosen->shown, "goes with a configuration file") : Result<void>();
  }
  if (chosen != nullptr) profile = chosen->value;
  if (named != nullptr) file = named->value;
  const bool by_default = file.empty();
  if (by_default) file = default_config();
  const auto text = sys::read_file(file, kConfigBytes);
  if (text) return read_config(*text);
  const std::string why = explain(text.error(), file, {});
  const std::string place = std::exchange(file, {});
  if (!by_default || !profile.empty()) return bad(place, why);
  if (text.error().code != Errc::not_found) warnings.push_back(place + " is not read: " + why);
  return {};
}

Result<void> Layers::read_all(std::span<char* const> words, Settings& s, Commands own) {
  // Who starts us as a part of its own work has said all on the command line.
  const bool alone = sys::env("CHIMERA_NO_CONFIG") == "all";
  if (!alone) CHI_TRY_VOID(read_environment(sys::environment()));
  CHI_TRY_VOID(read_arguments(words, s, own));
  return alone ? Result<void>() : find_config();
}

}  // namespace chimera::cli
