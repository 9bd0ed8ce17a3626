// What counts of all that was said, and setting it; and what the environment says. The
// configuration file is read in config_file.cpp.
#include "chimera/cli/layers.hpp"

#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"

namespace chimera::cli {
namespace {

// Options that cannot both be meant: who says one of a `kind` does away with what lower layers say
// of the kinds it `ends`. `--sim` on the command line is not in conflict with a file's servers, nor
// `--preset` with its knobs.
struct Family {
  const char* name;
  uint8_t kind, ends;
};
enum : uint8_t { kServers = 1, kPlaces = 2, kSimulated = 4, kPreset = 8, kKnob = 16, kKind = 32 };
constexpr Family kFamilies[] = {
    {"url", kServers, kPlaces | kSimulated},
    {"collector-ollama-url", kPlaces, kSimulated},
    {"insight-ollama-url", kPlaces, kSimulated},
    {"sim", kSimulated, kServers | kPlaces},
    {"sim-profile", kSimulated, kServers | kPlaces},
    {"speed", kSimulated, kServers | kPlaces},
    {"sim-servers", kSimulated, kServers | kPlaces},
    {"preset", kPreset, kKnob | kKind},
    {"runtime", kKind, 0},
    {"threads", kKnob, 0},
    {"permits", kKnob, 0},
    {"read-size", kKnob, 0},
    {"coalesce", kKnob, 0},
};

Family family_of(std::string_view name) {
  for (const Family& f : kFamilies) {
    if (name == f.name) return f;
  }
  return {"", 0, 0};
}

// Whether some other command has an option of this name for which the value is good.
bool elsewhere(const Setting& setting) {
  const std::string_view name = setting.option.name;
  for (const Option& o : options()) {
    const bool other = name == o.name && o.commands != setting.option.commands;
    if (other && takes(o, setting.value)) return true;
  }
  const Option* const key = find_option(kSim, name);
  return key != nullptr && takes(*key, setting.value);
}

void forward(std::string& words, const Option& o, std::string_view value) {
  words.append("--").append(o.name);
  add_word(words, o.metavar == nullptr ? "" : "=", value);
}

}  // namespace

int on_or_off(std::string_view word) {
  for (const char* on : {"1", "true", "on", "yes"}) {
    if (word == on) return 1;
  }
  for (const char* off : {"0", "false", "off", "no"}) {
    if (word == off) return 0;
  }
  return -1;
}

// Not local: their destructor is 800 bytes that nothing else needs.
bool takes(const Option& o, std::string_view value) {
  static Settings& scratch = *new Settings;
  return o.set(scratch, o, value).has_value();
}

std::string shown_value(const Option& o, std::string_view value) {
  if (o.letter == 'H') return std::string(value.substr(0, value.find(':'))).append(": ***");
  return std::string(value);
}

const Setting* Layers::find(std::string_view name) const {
  const Setting* found = nullptr;
  for (const Setting& s : settings) {
    if (s.counts && s.is(name)) found = &s;
  }
  return found;
}

Result<void> Layers::bad(std::string_view shown, std::string_view why) {
  what = shown;
  what.append(": ").append(why);
  return fail(Errc::bad_config, "settings");
}

Setting& Layers::append(const Option& option, Layer layer, std::string_view shown,
                        std::string_view value) {
  Setting& s = settings.emplace_back();
  s.option = option;
  s.layer = layer;
  s.shown = shown;
  s.value = value;
  return s;
}

// A switch, and what may come without a value, take words for on and off.
Result<void> Layers::add(const Option& option, Layer layer, std::string_view shown,
                         std::string_view value) {
  const bool is_switch = option.metavar == nullptr;
  const int on = is_switch || value_optional(option) ? on_or_off(value) : -1;
  if (is_switch && on < 0) return bad(shown, "a switch: true or false");
  if (value.find('\0') != value.npos) return bad(shown, "a NUL in it");
  // The model that is asked for, and the only ones that a simulated server has, are not the same.
  const bool table = layer == Layer::table || layer == Layer::profile_table;
  if (command_ == kSim && !table && std::string_view(option.name) == "model") return {};
  append(option, layer, shown, on < 0 ? value : std::string_view()).off = on == 0;
  return {};
}

// ---- environment --------------------------------------------------------------------------------

// CHIMERA_NUM_CTX is num-ctx. An empty one is as none. One that may come again is a list with
// commas, where its values have none.
Result<void> Layers::add_variable(std::string_view name, std::string_view value) {
  std::string shown = "CHIMERA_";
  shown.append(name);
  bool good = true;
  std::string key(name);
  for (char& c : key) {
    good = good && (c < 'a' || c > 'z');
    c = c == '_' ? '-' : to_lower(c);
  }
  const Option* const found = good ? find_option(command_, key) : nullptr;
  if (found == nullptr) {
    good = good && find_option(kEvery, key) != nullptr;
    if (good) return {};
    std::string near(nearest_option(kEvery, key));
    for (char& c : near) c = c == '-' ? '_' : to_upper(c);
    warnings.push_back(shown + " is set, but there is no such option" +
                       did_you_mean("CHIMERA_", near));
    return {};
  }
  if (value.empty()) return {};
  const Option option = *found;
  const bool list = option.metavar != nullptr && option.metavar[0] != '\'' &&
                    !takes_two(option) && repeatable(option);
  if (!list) return add(option, Layer::environment, shown, value);
  for (std::string_view part; next_part(value, ',', part);) {
    CHI_TRY_VOID(add(option, Layer::environment, shown, trim(part)));
  }
  return {};
}

Result<void> Layers::read_environment(const char* const* variables) {
  constexpr std::string_view kPrefix = "CHIMERA_";
  for (; *variables != nullptr; ++variables) {
    std::string_view entry = *variables;
    const size_t equals = entry.find('=');
    if (!entry.starts_with(kPrefix) || equals == entry.npos) continue;
    const std::string_view name = entry.substr(kPrefix.size(), equals - kPrefix.size());
    CHI_TRY_VOID(add_variable(name, entry.substr(equals + 1)));
  }
  return {};
}

// ---- what counts --------------------------------------------------------------------------------

bool Layers::drop_others(const Setting& over, Setting& under) {
  if (over.layer <= under.layer || !over.counts) return false;
  if (over.is(under.option.name)) return true;
  const Family strong = family_of(over.option.name), weak = family_of(under.option.name);
  // So many threads are part of the runtime's kind.
  const bool part = strong.kind == kKind && (under.is("threads") || under.is("pop"));
  return part || (!over.off && (strong.ends & weak.kind) != 0);
}

Result<void> Layers::set(Setting& setting, Settings& s) {
  const Option& o = setting.option;
  const std::string_view value = setting.value;
  const bool typed = setting.layer == Layer::arguments;
  if (setting.off) return {};
  const Result<void> done = o.set(s, o, value);
  if (done && (o.commands & kForwarded) != 0 && command_ == kBench) {
    forward(s.bench.forwarded, o, value);
  }
  if (done && !typed) note(s.command, o, value);
  if (done) return done;
  const Error& e = done.error();
  std::string why;
  if (e.code != Errc::usage && e.code != Errc::bad_input) {
    why = explain(e, value, {});
    if (e.code == Errc::not_found) why.append(" (").append(printable(value, false)).append(")");
  } else {
    // What may hold a secret is not shown: a header, or the password of a URL.
    const bool secret = o.letter == 'H' || value.find('@') != value.npos;
    why = secret ? "the value" : "'" + printable(value, false) + "'";
    why.append(" is not valid");
    why.append(" (").append(e.where).append(")");
  }
  if (!typed) {
    // What is said to all commands need not be good for each of them.
    const bool table = setting.layer == Layer::table || setting.layer == Layer::profile_table;
    if (!table && elsewhere(setting)) {
      setting.counts = false;
      return {};
    }
    return bad(setting.shown, why);
  }
  what = setting.shown;
  what.append(": ").append(why);
  return e.code == Errc::bad_input ? fail(Errc::usage, "arguments") : done;
}

Result<void> Layers::apply(Settings& s) {
  if ((command_ & kCalls) != 0) s.client.max_retries = 2;
  if (command_ == kProbe) s.client.timeouts.total = 10 * kSecond;
  if (command_ == kMap) s.format = Format::ndjson;
  for (int layer = static_cast<int>(Layer::arguments); layer >= 0; --layer) {
    for (Setting& under : settings) {
      if (static_cast<int>(under.layer) != layer) continue;
      for (const Setting& over : settings) under.counts = under.counts && !drop_others(over, under);
    }
  }
  for (int layer = 0; layer <= static_cast<int>(Layer::arguments); ++layer) {
    for (Setting& setting : settings) {
      if (!setting.counts || static_cast<int>(setting.layer) != layer) continue;
      CHI_TRY_VOID(set(setting, s));
    }
  }
  s.command.append(line);
  // A file may say how many there would be.
  const Setting* const servers = find("sim-servers");
  if (servers != nullptr && servers->layer != Layer::arguments && !s.simulate) s.sim_servers = 0;
  std::string why;
  const Result<void> settled = settle_knobs(s, why);
  if (settled) return settled;
  // "--preset: no such preset: x"
  const std::string_view name = std::string_view(why).substr(2, why.find_first_of(": ") - 2);
  const Setting* const whose = find(name);
  if (whose != nullptr && whose->layer != Layer::arguments) return bad(whose->shown, why);
  what.append(why);
  return settled;
}

}  // namespace chimera::cli
