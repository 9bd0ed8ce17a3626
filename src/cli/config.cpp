// chimera config [COMMAND]: what is in force for a command, and who says so.
#include "chimera/base/number.hpp"
#include "chimera/base/packed.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/commands.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/layers.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::cli {
namespace {

// One line, or one object, for each that is set.
struct Output {
  void row(std::string_view name, std::string_view value, std::string_view from) {
    if (json) {
      writer.begin_object().field("name", name).field("value", to_valid_utf8(value));
      writer.field("from", to_valid_utf8(from)).end_object();
      return;
    }
    std::string line(name);
    line.resize(std::max<size_t>(line.size() + 2, kValue), ' ');
    line.append(value);
    line.resize(std::max(line.size() + 2, kFrom), ' ');
    text.append(printable(line.append(from), false)).push_back('\n');
  }

  static constexpr size_t kValue = 25, kFrom = 56;   // columns
  bool json = false;
  std::string text;
  wire::JsonWriter writer{text, wire::JsonWriter::Style::pretty};
};

// The default stands in the last parentheses of the help.
std::string default_of(const Option& o) {
  std::string help;
  append_unpacked(help, o.help);
  const size_t end = help.rfind(')'), begin = help.rfind('(', end);
  if (o.metavar == nullptr) return "off";
  if (end == help.npos || begin == help.npos) return "-";
  return help.substr(begin + 1, end - begin - 1);
}

std::string from_of(const Setting& s) {
  if (s.layer == Layer::arguments) return "command line";
  if (s.layer == Layer::environment) return "env " + s.shown;
  return s.shown.substr(0, s.shown.rfind(": "));       // the file and line, without the key
}

// A knob, whether given or a preset's or a default; "" of any other option.
std::string knob(std::string_view name, const Settings& s) {
  std::string text;
  if (name == "runtime") text = rt::name_of(s.runtime.kind);
  if (name == "threads" && s.runtime.threads != 0) append_i64(text, s.runtime.threads);
  if (name == "permits") append_i64(text, s.permits);
  if (name == "read-size") append_u64(text, s.runtime.read_size);
  if (name == "coalesce") append_u64(text, s.client.policy.coalesce);
  return text;
}

// What nobody gave.
void print_default(Output& out, const Option& o, const Settings& s, const Layers& layers) {
  const std::string_view name = o.name;
  std::string value = default_of(o), from = "default";
  if (name == "url" && !s.urls.empty()) {
    value.clear();
    for (const wire::Url& u : s.urls) value.append(value.empty() ? "" : ",").append(u.text());
    if (s.servers_from[0] != 0) from = s.servers_from;
  } else if (name == "url" && s.simulate) {
    value = "simulated";
  } else if (name == "api" && s.client.api != llm::Api::ollama) {
    value = llm::name_of(s.client.api);
    from = "the server's URL";
  } else if (name == "api-key-file") {
    value = s.key_from[0] != 0 ? "***" : "-";
    if (s.key_from[0] != 0) from = s.key_from;
  } else if (name == "config") {
    value = layers.file.empty() ? "-" : layers.file;
  } else if (!s.given.preset.empty()) {
    const std::string settled = knob(name, s);
    if (!settled.empty()) from = "preset " + s.given.preset;
    if (!settled.empty()) value = settled;
  }
  out.row(name, value, from);
}

void print_all(Output& out, const Layers& layers, Commands command, const Settings& s) {
  for (const Option& o : options_of(command)) {
    bool found = false;
    for (const Setting& given : layers.settings) {
      if (!given.counts || !given.is(o.name)) continue;
      const bool on = o.metavar == nullptr || (value_optional(o) && given.value.empty());
      out.row(o.name, given.off ? "off" : on ? "on" : shown_value(o, given.value), from_of(given));
      found = true;
    }
    if (!found) print_default(out, o, s, layers);
  }
}

int refuse(const Layers& layers, const Error& e) {
  say(e.code == Errc::usage ? with_help(layers.what, "config") : layers.what);
  return exit_code(e);
}

int print_path() {
  const std::string path = default_config();
  if (!path.empty()) return print(path + "\n");
  say("config: no place for a file: HOME and XDG_CONFIG_HOME are not set");
  return 78;
}

// Whether a word behind this one is its value, such as that of "-m".
bool takes_next(std::string_view word) {
  const Option* o = nullptr;
  if (word.starts_with("--")) o = find_option(kRun, word.substr(2));
  if (word.size() == 2 && word[0] == '-') o = find_option(kRun, word[1]);
  return o != nullptr && o->metavar != nullptr && !value_optional(*o);
}

}  // namespace

int config_main(std::span<char* const> words, Settings& s) {
  const Command* about = nullptr;
  const char* before = "";
  for (const char* word : words) {
    // Before the file is read: it may be a file that is wrong that somebody looks for.
    if (std::string_view(word) == "--path") return print_path();
    if (about == nullptr && !takes_next(before)) about = find_command(word);
    before = word;
  }
  const char* const name = about != nullptr ? about->name : "run";
  const Commands command = about != nullptr ? about->bit : kRun;
  Layers layers(command);
  bool json = false;
  Output out;
  Result<void> done = layers.read_all(words, s, kConfig);
  for (Setting& given : layers.settings) {
    if (!done || given.option.commands != kConfig) continue;
    given.counts = false;
    json = given.value == "json";
    if (json || given.value.empty() || given.value == "text") continue;   // no value: --path
    layers.what = given.shown + ": text or json";
    done = fail(Errc::usage, "arguments");
  }
  if (done && (s.positional.empty() ? about != nullptr : s.positional[0] != name)) {
    const std::string word = s.positional.empty() ? "" : s.positional[0];
    layers.what =
        "config: no such command: " + word + did_you_mean("config ", nearest_command(word));
    done = fail(Errc::usage, "arguments");
  }
  if (done) done = layers.apply(s);
  if (!done) return refuse(layers, done.error());
  const bool client = find_option(command, "api-key-file") != nullptr && command != kFetch;
  const Result<void> ready = client ? complete(s, layers.warnings) : Result<void>();
  for (const std::string& w : layers.warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  out.json = json;
  if (out.json) {
    out.writer.begin_object().field("schema", "chimera.config/1").field("command", name);
    out.writer.field("file", layers.file).field("profile", layers.profile);
    out.writer.key("settings").begin_array();
  }
  print_all(out, layers, command, s);
  if (out.json) out.writer.end_array().end_object();
  if (out.json) out.text.push_back('\n');
  const int printed = print(out.text);
  if (ready || printed != 0) return printed;
  complain(name, ready.error(), {});
  return exit_code(ready.error());
}

}  // namespace chimera::cli
