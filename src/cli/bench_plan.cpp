#include "bench_parts.hpp"

#include <string.h>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/toml.hpp"

namespace chimera::cli {
namespace {

constexpr std::string_view kProgram = "chimera-";
constexpr size_t kPlanBytes = 1 << 20;

int refuse(std::string_view what, std::string_view subject, int code = 2) {
  std::string line = "bench: ";
  line.append(what).append(subject);
  say(line);
  return code;
}

// ---- variants -----------------------------------------------------------------------------------

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

void add_binary(Experiment& e, const std::string& path, uint64_t bytes) {
  std::string_view name = last_part(path);
  if (name.size() > kProgram.size() && name.starts_with(kProgram)) {
    name.remove_prefix(kProgram.size());
  }
  BenchVariant& v = e.variants.emplace_back();
  v.name = name;
  v.program = path.find('/') == path.npos ? "./" + path : path;   // not looked for elsewhere
  v.bytes = static_cast<int64_t>(bytes);
}

int add_binaries(Experiment& e, std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  using Kind = sys::FileInfo::Kind;
  const auto info = sys::file_info(path, true);
  if (!info) {
    complain("bench", info.error(), path);
    return exit_code(info.error());
  }
  const size_t before = e.variants.size();
  if (info->kind == Kind::regular) add_binary(e, path, info->size);
  const auto entries = sys::list_directory(path);
  for (size_t i = 0; info->kind == Kind::directory && entries && i < entries->size(); ++i) {
    if (!(*entries)[i].name.starts_with(kProgram)) continue;
    const std::string below = path + "/" + (*entries)[i].name;
    const auto file = sys::file_info(below, true);
    if (file && file->kind == Kind::regular) add_binary(e, below, file->size);
  }
  return e.variants.size() > before ? 0 : refuse("no program, and none called chimera-*: ", path);
}

size_t count_name(const Experiment& e, std::string_view name) {
  size_t count = 0;
  for (const BenchVariant& v : e.variants) count += v.name == name;
  return count;
}

// Programs of one name are told apart by their folders.
int tell_apart(Experiment& e) {
  std::vector<std::string> names;
  for (const BenchVariant& v : e.variants) {
    names.push_back(v.name);
    const size_t slash = v.program.rfind('/');
    if (count_name(e, v.name) < 2 || slash == v.program.npos) continue;
    names.back().append("-").append(last_part(std::string_view(v.program).substr(0, slash)));
  }
  for (size_t i = 0; i < names.size(); ++i) e.variants[i].name = std::move(names[i]);
  for (const BenchVariant& v : e.variants) {
    if (count_name(e, v.name) > 1) return refuse("two programs are called ", v.name);
  }
  return 0;
}

}  // namespace

int find_variants(Experiment& e) {
  const BenchSettings& b = e.settings.bench;
  if (!b.binaries.empty() && !b.presets.empty()) {
    return refuse("give --presets or --binaries, not both", "");
  }
  for (const std::string& path : b.binaries) {
    if (const int code = add_binaries(e, path); code != 0) return code;
  }
  if (!b.binaries.empty()) return tell_apart(e);
  const int64_t bytes = sys::executable_bytes();
  size_t found = 0;
  for (const Preset& p : presets()) {
    bool wanted = b.presets.empty();
    for (const std::string& name : b.presets) wanted = wanted || name == p.name;
    if (!wanted || !holds(p)) continue;
    ++found;
    e.variants.push_back({p.name, "", bytes});
  }
  if (found == 0 || (found < b.presets.size())) {
    return refuse("--presets: not one of those this binary holds, see chimera run --help", "");
  }
  return 0;
}

// ---- configurations -----------------------------------------------------------------------------

namespace {

// That a folder may have, and that nobody takes for a run's or a runtime's.
bool is_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 200 && name[0] != '.' && name[0] != '-';
  for (const char c : name) {
    good = good && (is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.');
  }
  return good && !name.starts_with("run_") && !name.starts_with("runtime-");
}

// "config[0].num_ctx" -> "num_ctx"; empty for anything else.
std::string_view key_of(const wire::TomlItem& item) {
  constexpr std::string_view kConfig = "config[";
  std::string_view path = item.path;
  if (!path.starts_with(kConfig)) return {};
  const size_t point = path.find('.');
  return point == path.npos ? std::string_view() : path.substr(point + 1);
}

// An entry is an option of `run`: its name with '-' or '_', its value, true for a switch.
const char* add_entry(lab::BenchConfig& config, const wire::TomlItem& item) {
  using Item = wire::TomlItem;
  std::string key(key_of(item));
  if (key == "name") {
    config.name = item.value;
    return item.type == Item::string && is_name(item.value)
               ? nullptr
               : "name: letters, digits, '_', '-' and '.', not as run_ or runtime-";
  }
  if (key == "servers") {
    config.servers = static_cast<int>(parse_u64(item.value).value_or(0));
    return config.servers >= 1 && config.servers <= 64 ? nullptr : "servers: 1 to 64";
  }
  if (item.type == Item::array) return nullptr;       // its items follow
  key.resize(std::min(key.find('['), key.size()));
  for (char& c : key) c = c == '_' ? '-' : c;
  const Option* const option = find_option(kRun, key);
  static constexpr const char* kOurs[] = {"runs", "url", "output", "output-dir", "sim", "sim-servers",
                                          "preset", "dry-run", "quiet", "without"};
  bool ours = option == nullptr || item.type == Item::table;
  for (const char* name : kOurs) ours = ours || key == name;
  if (ours) return "no option of `run` that a workload can have";
  const bool is_switch = option->metavar == nullptr;
  if (is_switch != (item.type == Item::boolean && key != "think")) {
    return is_switch ? "a switch: true or false" : "needs a value";
  }
  if (is_switch && item.value == "false") return nullptr;
  std::string& argument = config.arguments.emplace_back("--");
  argument.append(key);
  if (!is_switch) argument.append("=").append(item.value);
  return nullptr;
}

// Whether `run` takes them, before anything is begun.
bool check_arguments(lab::BenchConfig& config, int agents, std::string& what) {
  std::vector<char*> words;
  for (const std::string& a : config.arguments) words.push_back(const_cast<char*>(a.data()));
  Settings scratch;
  scratch.agents = agents;
  const bool good = parse_arguments(kRun, words, scratch, what).has_value();
  if (config.servers == 0 && scratch.agents != agents) config.servers = scratch.agents;
  return good;
}

int plan_error(const Experiment& e, uint32_t line, std::string_view why) {
  std::string s = e.settings.bench.plan + ", line ";
  append_u64(s, line);
  return refuse(s.append(": "), why, 78);
}

int read_plan(Experiment& e) {
  const std::string& path = e.settings.bench.plan;
  const auto text = sys::read_file(path, kPlanBytes);
  if (!text) {
    complain("bench", text.error(), path);
    return exit_code(text.error());
  }
  std::vector<wire::TomlItem> items;
  uint32_t line = 0;
  const auto read = wire::parse_toml(*text, items, line);
  if (!read) return plan_error(e, line, read.error().where);
  for (size_t i = 0; i < items.size(); ++i) {
    const wire::TomlItem& item = items[i];
    if (item.path == "config" && item.of_tables) continue;
    if (item.path.ends_with(']') && key_of(item).empty() && item.path.starts_with("config[")) {
      e.configs.emplace_back();
    } else if (key_of(item).empty()) {
      return plan_error(e, item.line, "a plan is a list of [[config]] tables");
    } else if (const char* why = add_entry(e.configs.back(), item)) {
      return plan_error(e, item.line, why);
    }
    const bool last = i + 1 == items.size() || key_of(items[i + 1]).empty();
    if (!last) continue;
    std::string what;
    lab::BenchConfig& config = e.configs.back();
    if (config.name.empty()) return plan_error(e, item.line, "this [[config]] has no name");
    for (const lab::BenchConfig& c : e.configs) {
      if (&c != &config && c.name == config.name) return plan_error(e, item.line, "a name twice");
    }
    if (!check_arguments(config, e.settings.agents, what)) return plan_error(e, item.line, what);
  }
  return e.configs.empty() ? plan_error(e, line, "no [[config]]") : 0;
}

}  // namespace

int find_configs(Experiment& e) {
  const BenchSettings& b = e.settings.bench;
  if (!b.plan.empty()) return read_plan(e);
  if (lab::add_study(b.study, e.configs)) return 0;
  return refuse("--configs: tr110, tr113, tr114 or tr115, not ", b.study);
}

// ---- trials -------------------------------------------------------------------------------------

std::string folder_of(const Experiment& e, const lab::BenchTrial& t) {
  std::string s = "runtime-";
  s.append(e.variants[t.variant].name).append("/").append(e.configs[t.config].name);
  append_u64(s.append("/run_"), t.run);
  return s;
}

std::vector<std::string> arguments_of(const Experiment& e, const lab::BenchTrial& t) {
  const BenchVariant& v = e.variants[t.variant];
  std::vector<std::string> out = {"run"};
  if (v.program.empty()) out.emplace_back("--preset=").append(v.name);
  const auto add = [&](const std::vector<std::string>& more) {
    for (const std::string& a : more) out.push_back(a);
  };
  add(e.settings.bench.forwarded);
  add(e.configs[t.config].arguments);
  return out;
}

}  // namespace chimera::cli
