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

struct Row {
  std::string name, value, from;
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

// A knob that a preset settles.
std::string knob(std::string_view name, const Settings& s) {
  if (name == "runtime") return rt::name_of(s.runtime.kind);
  std::string text;
  append_u64(text, name == "threads"     ? static_cast<uint64_t>(s.runtime.threads)
                   : name == "permits"   ? static_cast<uint64_t>(s.permits)
                   : name == "read-size" ? s.runtime.read_size
                                         : s.client.policy.coalesce);
  return text == "0" && name == "threads" ? "one per processor" : text;
}

// What nobody gave.
void add_default(std::vector<Row>& rows, const Option& o, const Settings& s) {
  const std::string_view name = o.name;
  Row row{o.name, default_of(o), "default"};
  if (name == "url" && !s.urls.empty()) {
    row.value.clear();
    for (const wire::Url& u : s.urls) row.value.append(row.value.empty() ? "" : ",").append(u.text());
    if (s.servers_from[0] != 0) row.from = s.servers_from;
  } else if (name == "url" && s.simulate) {
    row.value = "simulated";
  } else if (name == "api" && s.client.api != llm::Api::ollama) {
    row.value = llm::name_of(s.client.api);
    row.from = "the server's URL";
  } else if (name == "api-key-file") {
    row.value = s.key_from[0] != 0 ? "***" : "-";
    if (s.key_from[0] != 0) row.from = s.key_from;
  } else if (!s.given.preset.empty() && (name == "runtime" || name == "threads" ||
                                         name == "permits" || name == "read-size" ||
                                         name == "coalesce")) {
    row.value = knob(name, s);
    row.from = "preset " + s.given.preset;
  }
  rows.push_back(std::move(row));
}

std::vector<Row> rows_of(const Layers& layers, Commands command, const Settings& s) {
  std::vector<Row> rows;
  for (const Option& o : options_of(command)) {
    const size_t before = rows.size();
    for (const Setting& given : layers.settings) {
      if (!given.counts || !given.is(o.name)) continue;
      const bool on = o.metavar == nullptr || (value_optional(o) && given.value.empty());
      rows.push_back({o.name, given.off ? "off" : on ? "on" : shown_value(o, given.value),
                      from_of(given)});
    }
    if (rows.size() == before) add_default(rows, o, s);
  }
  return rows;
}

std::string text_of(const std::vector<Row>& rows) {
  size_t name = 0, value = 0;
  for (const Row& r : rows) {
    name = std::max(name, r.name.size());
    value = std::max(value, std::min<size_t>(r.value.size(), 40));
  }
  std::string text;
  for (const Row& r : rows) {
    std::string line = r.name;
    line.resize(name + 2, ' ');
    line.append(r.value);
    line.resize(std::max(line.size(), name + 2 + value) + 2, ' ');
    text.append(printable(line.append(r.from), false)).push_back('\n');
  }
  return text;
}

std::string json_of(const Layers& layers, const char* command, const std::vector<Row>& rows) {
  std::string text;
  wire::JsonWriter j(text, wire::JsonWriter::Style::pretty);
  j.begin_object().field("schema", "chimera.config/1").field("command", command);
  j.field("file", layers.file).field("profile", layers.profile);
  j.key("settings").begin_array();
  for (const Row& r : rows) {
    j.begin_object().field("name", r.name).field("value", to_valid_utf8(r.value));
    j.field("from", to_valid_utf8(r.from)).end_object();
  }
  j.end_array().end_object();
  return text.append("\n");
}

int refuse(const Layers& layers, const Error& e) {
  say(e.code == Errc::usage ? layers.what + ": see chimera config --help" : layers.what);
  return exit_code(e);
}

int print_path(const Layers& layers) {
  const Setting* const named = layers.find("config");
  const std::string path = named != nullptr ? named->value : default_config();
  if (!path.empty()) return print(path + "\n");
  say("config: no place for a file: HOME and XDG_CONFIG_HOME are not set");
  return 78;
}

}  // namespace

int config_main(std::span<char* const> words) {
  const Command* about = nullptr;
  for (size_t i = 0; i < words.size() && about == nullptr; ++i) about = find_command(words[i]);
  const char* const name = about != nullptr ? about->name : "run";
  const Commands command = about != nullptr ? about->bit : kRun;
  Layers layers(command);
  Settings s, own;
  // Before the file is read: it may be a file that is wrong that somebody looks for.
  Layers asked(command);
  if (asked.read_arguments(words, own, kConfig) && asked.find("path") != nullptr) {
    return print_path(asked);
  }
  Result<void> done = layers.read_all(words, s, kConfig);
  for (Setting& given : layers.settings) {
    if (!done || given.option.commands != kConfig) continue;
    done = given.option.set(own, given.option, given.value);
    given.counts = false;
    if (!done) layers.what = given.shown + ": " + done.error().where;
  }
  if (done && (s.positional.empty() ? about != nullptr : s.positional[0] != name)) {
    layers.what = "config: no such command: " + (s.positional.empty() ? "" : s.positional[0]);
    done = fail(Errc::usage, "arguments");
  }
  if (done) done = layers.apply(s);
  if (!done) return refuse(layers, done.error());
  const bool client = find_option(command, "api-key-file") != nullptr && command != kFetch;
  const Result<void> ready = client ? complete(s, layers.warnings) : Result<void>();
  for (const std::string& w : layers.warnings) {
    if (!s.quiet) say("warning: " + w);
  }
  const std::vector<Row> rows = rows_of(layers, command, s);
  const int printed = print(own.format == Format::json ? json_of(layers, name, rows)
                                                       : text_of(rows));
  if (ready || printed != 0) return printed;
  complain(name, ready.error(), {});
  return exit_code(ready.error());
}

}  // namespace chimera::cli
