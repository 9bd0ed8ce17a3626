#include <algorithm>

#include "bench_parts.hpp"
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/cli/explain.hpp"
#include "chimera/cli/presets.hpp"
#include "chimera/sys/file.hpp"
#include "chimera/sys/process.hpp"
#include "chimera/wire/toml.hpp"

namespace chimera::cli {

int refuse_bench(std::string_view what, std::string_view subject, int code) {
  std::string line = "bench: ";
  say(line.append(what).append(subject));
  return code;
}

int refuse_bench(const Error& error, std::string_view subject) {
  complain("bench", error, subject);
  return exit_code(error);
}

namespace {

using lab::BenchPart;

constexpr size_t kPlanBytes = 1 << 20;

BenchPart* find(std::vector<BenchPart>& parts, std::string_view name) {
  for (BenchPart& p : parts) {
    if (p.name == name) return &p;
  }
  return nullptr;
}

// ---- variants -----------------------------------------------------------------------------------

// "smol" of "build/chimera-smol" and "build/chimera-smol.exe"; `folder`: "build"
std::string_view program_name(std::string_view path, std::string_view& folder) {
  constexpr std::string_view kProgram = "chimera-", kWindows = ".exe";
  const size_t slash = path.rfind('/');
  std::string_view name = path.substr(slash + 1);
  folder = path.substr(0, slash);
  folder.remove_prefix(folder.rfind('/') + 1);   // npos + 1 is 0
  if (name.starts_with(kProgram) && name != kProgram) name.remove_prefix(kProgram.size());
  if (name.size() <= kWindows.size()) return name;
  const size_t stem = name.size() - kWindows.size();
  return iequals(name.substr(stem), kWindows) ? name.substr(0, stem) : name;
}

int add_program(Experiment& e, const std::string& path, uint64_t bytes) {
  BenchPart& v = e.variants.emplace_back();
  v.what = path;
  v.number = static_cast<int64_t>(bytes);
  return 0;
}

// Programs of one name are told apart by their folders.
int name_programs(Experiment& e) {
  std::string_view folder, other;
  for (BenchPart& v : e.variants) {
    const std::string_view name = program_name(v.what, folder);
    size_t count = 0;
    for (const BenchPart& u : e.variants) count += program_name(u.what, other) == name;
    v.name = name;
    if (count > 1) v.name.append("-").append(folder);
    if (find(e.variants, v.name) != &v) return refuse_bench("two programs are called ", v.name);
  }
  return 0;
}

// A program, or a folder of them.
int add_programs(Experiment& e, std::string path, bool inside) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto info = sys::file_info(path, true);
  if (!info) return refuse_bench(info.error(), path);
  if (info->kind == sys::FileInfo::Kind::regular) return add_program(e, path, info->size);
  if (inside) return 0;
  const size_t before = e.variants.size();
  const auto entries = sys::list_directory(path);
  for (size_t i = 0; entries && i < entries->size(); ++i) {
    const std::string& name = (*entries)[i].name;
    const int code = name.starts_with("chimera-") ? add_programs(e, path + "/" + name, true) : 0;
    if (code != 0) return code;
  }
  if (e.variants.size() > before) return 0;
  return refuse_bench("no program, and none called chimera-* in ", path);
}

}  // namespace

int find_variants(Experiment& e) {
  const BenchSettings& b = e.settings.bench;
  std::string_view rest = b.binaries, part;
  if (!rest.empty() && !b.presets.empty()) {
    return refuse_bench("give --presets or --binaries, not both", "");
  }
  while (next_part(rest, '\0', part)) {
    const int code = add_programs(e, sys::slashed(std::string(part)), false);
    if (code != 0) return code;
  }
  if (!e.variants.empty()) return name_programs(e);
  const auto add = [&](const Preset& p) {
    BenchPart& v = e.variants.emplace_back();
    v.name = p.name;
    v.number = sys::executable_bytes();
  };
  for (const Preset& p : presets()) {
    if (b.presets.empty() && holds(p)) add(p);
  }
  rest = b.presets;
  while (next_part(rest, ',', part)) {
    const size_t before = e.variants.size();
    for (const Preset& p : presets()) {
      if (part == p.name && holds(p) && find(e.variants, part) == nullptr) add(p);
    }
    if (e.variants.size() == before) return refuse_bench("--presets: not there, or twice: ", part);
  }
  return 0;
}

// ---- configurations -----------------------------------------------------------------------------

namespace {

// That a folder may have, and that nobody takes for a run's or a runtime's.
bool is_name(std::string_view name) {
  bool good = !name.empty() && name.size() <= 200 && name[0] != '.' && !name.starts_with("run");
  for (const char c : name) {
    good = good && (is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '.');
  }
  return good;
}

// An entry `key` of a [[config]] is an option of `run`: its name with '-' or '_', its value, true
// for a switch; a list for an option that may come again. What is wrong comes back.
const char* add_entry(BenchPart& config, std::string key, const wire::TomlItem& item) {
  using Item = wire::TomlItem;
  constexpr const char* kNone = "no option of `run` that a workload can have";
  if (key == "name") {
    config.name = item.value;
    return is_name(item.value) ? nullptr
                               : "name: letters, digits, '_', '-' and '.', not beginning with run";
  }
  if (key == "servers") {
    config.number = static_cast<int64_t>(parse_u64(item.value).value_or(0));
    return config.number >= 1 && config.number <= 64 ? nullptr : "servers: 1 to 64";
  }
  if (item.type == Item::array) return nullptr;       // its items follow
  key.resize(std::min(key.find('['), key.size()));
  for (char& c : key) c = c == '_' ? '-' : c;
  const Option* const option = find_option(kRun, key);
  // Those that bench hands on are workload; of the others, these.
  bool fits = option != nullptr && item.value.find('\0') == std::string::npos;
  fits = fits && ((option->commands & kForwarded) != 0 || key.starts_with("chimera") ||
                  key == "scenario" || key == "permits" || key == "coalesce" || key == "read-size");
  if (!fits || item.type == Item::table) return kNone;
  const bool is_switch = option->metavar == nullptr;
  if (is_switch && item.type != Item::boolean) return "a switch: true or false";
  if (is_switch && item.value == "false") return nullptr;
  config.what.append("--").append(key);
  add_word(config.what, is_switch ? "" : "=", is_switch ? "" : item.value);
  return nullptr;
}

// Whether `run` takes its options, before anything is begun.
Result<void> check_config(BenchPart& config, std::string& what) {
  std::vector<char*> words;
  std::string_view rest = config.what, word;
  while (next_part(rest, '\0', word)) words.push_back(const_cast<char*>(word.data()));
  Settings s;
  s.agents = 0;
  const auto good = parse_arguments(kRun, words, s, what);
  if (s.agents != 0 && config.number == 0) config.number = s.agents;
  return good;
}

int read_plan(Experiment& e) {
  const std::string& path = e.settings.bench.plan;
  const auto text = sys::read_file(path, kPlanBytes);
  if (!text) return refuse_bench(text.error(), path);
  std::vector<wire::TomlItem> items;
  uint32_t line = 0;
  const auto read = wire::parse_toml(*text, items, line);
  std::string what = read ? "" : read.error().where;
  for (size_t i = 0; i <= items.size() && what.empty(); ++i) {
    // "config", "config[0]", "config[0].name"
    const std::string_view all = i < items.size() ? std::string_view(items[i].path) : "config[";
    const bool entry = all.starts_with("config[");
    const size_t point = all.find('.');
    if (entry && point != all.npos) {
      std::string key(all.substr(point + 1));
      const char* const why = add_entry(e.configs.back(), std::move(key), items[i]);
      line = items[i].line;
      if (why != nullptr) what = why;
      continue;
    }
    // The one before is complete.
    if (!e.configs.empty() && entry) {
      BenchPart& last = e.configs.back();
      if (last.name.empty()) what = "this [[config]] has no name";
      if (find(e.configs, last.name) != &last) what = "a name twice";
      if (what.empty()) (void)check_config(last, what);
    }
    if (!what.empty() || i == items.size()) break;
    line = items[i].line;
    if (entry) e.configs.emplace_back();
    const bool list = all == "config" && items[i].of_tables;
    if (!entry && !list) what = "a plan is a list of [[config]] tables";
  }
  if (what.empty() && e.configs.empty()) what = "no [[config]]";
  if (what.empty()) return 0;
  std::string place = path + ", line ";
  append_u64(place, line);
  return refuse_bench(place.append(": "), what, 78);
}

}  // namespace

int find_configs(Experiment& e) {
  const BenchSettings& b = e.settings.bench;
  if (!b.plan.empty()) return read_plan(e);
  if (lab::add_study(b.study, e.configs)) return 0;
  return refuse_bench("--configs: tr110, tr113, tr114 or tr115, not ", b.study);
}

std::string folder_of(const Experiment& e, const lab::BenchTrial& t) {
  std::string s = "runtime-";
  s.append(e.variants[t.variant].name).append("/").append(e.configs[t.config].name);
  append_u64(s.append("/run_"), t.run);
  return s;
}

}  // namespace chimera::cli
