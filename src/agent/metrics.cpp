#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/time.hpp"
#include "ingest_parts.hpp"

namespace chimera::agent {
namespace {

constexpr size_t kMetricBytes = 1024;      // of a name or a text
constexpr size_t kSummaryPaths = 5;        // of each kind
constexpr const char* kTooLong = "metrics with a name or text over 1,024 bytes are left out";
constexpr const char* kTooMany = "too many metrics, the rest is left out";

// Initials: see MetricSink::wants().
constexpr std::string_view kWords[] = {"tok", "throughput", "latency", "ttft", "speed"};

bool before(const Metric& m, std::string_view name) { return m.name < name; }

Metric count_metric(const char* name, uint64_t n) {
  return {name, Metric::Kind::count, static_cast<double>(n), {}};
}

// The kinds that were found, sorted: "csv,json".
std::string kinds_found(const Inventory& inventory) {
  std::string out;
  for (size_t i = 0; i < kFileKinds; ++i) {
    if (inventory.files_of[i] == 0) continue;
    if (!out.empty()) out += ',';
    out += name_of(static_cast<FileKind>(i));
  }
  return out;
}

// `paths`: how many may be listed yet.
void append_kind_summary(std::string& out, const Inventory& inventory, FileKind kind,
                         size_t& paths) {
  const uint64_t total = inventory.files_of[static_cast<size_t>(kind)];
  if (total == 0) return;
  for (const char* c = name_of(kind); *c; ++c) out += static_cast<char>(*c - 'a' + 'A');
  out += " Files (";
  append_u64(out, total);
  out += ")\n";
  uint64_t listed = 0;
  int64_t latest = -1;
  for (const IngestedFile& file : inventory.files) {
    if (file.kind != kind) continue;
    latest = std::max(latest, file.modified_s);
    if (listed == kSummaryPaths || paths == 0) continue;
    ++listed;
    --paths;
    out += "  - " + printable(file.path, false) + '\n';
  }
  if (total > listed && listed > 0) {
    out += "  ... and ";
    append_u64(out, total - listed);
    out += " more\n";
  }
  if (latest >= 0) {
    out += "  Latest modified: ";
    append_utc_seconds(out, latest);
    out += '\n';
  }
  out += '\n';
}

}  // namespace

bool MetricSink::wants(std::string_view name) {
  for (size_t i = 0; i < name.size(); ++i) {
    const int initial = name[i] | 0x20;   // of a letter, in lower case
    if (initial != 't' && initial != 'l' && initial != 's') continue;
    for (std::string_view word : kWords) {
      if (iequals(name.substr(i, word.size()), word)) return true;
    }
  }
  return false;
}

Result<double> MetricSink::parse(std::string_view text) {
  text = trim(text);
  while (text.ends_with('%') || text.ends_with('s')) text.remove_suffix(1);
  if (text.size() > kMetricBytes) return fail(Errc::bad_input, "not a number");
  std::string digits;
  for (char c : text) {
    if (c != ',') digits += c;
  }
  return parse_double(digits);
}

Metric* MetricSink::place(const char* prefix, std::string_view name) {
  if (name.size() > kMetricBytes) {
    add_note(inventory_, kTooLong);
    return nullptr;
  }
  std::string full = prefix;
  full += name;
  std::vector<Metric>& all = inventory_.metrics;
  const auto at = std::lower_bound(all.begin(), all.end(), full, before);
  if (at != all.end() && at->name == full) return nullptr;
  if (all.size() >= limit_) {
    full_ = true;
    add_note(inventory_, kTooMany);
    return nullptr;
  }
  Metric& made = *all.insert(at, Metric{});
  made.name = std::move(full);
  return &made;
}

void MetricSink::number(const char* prefix, std::string_view name, double value) {
  if (Metric* m = place(prefix, name)) m->number = value;
}

void MetricSink::number_or_text(const char* prefix, std::string_view name, std::string_view text) {
  if (const auto value = parse(text)) return number(prefix, name, *value);
  if (text.size() > kMetricBytes) return add_note(inventory_, kTooLong);
  if (Metric* m = place(prefix, name)) {
    m->kind = Metric::Kind::text;
    m->text = text;
  }
}

std::vector<Metric> data_metrics(const Inventory& inventory) {
  std::vector<Metric> all = inventory.metrics;
  const auto add = [&all](Metric m) {
    all.insert(std::lower_bound(all.begin(), all.end(), m.name, before), std::move(m));
  };
  const auto documents = inventory.files_of[static_cast<size_t>(FileKind::json)];
  add(count_metric("total_files_analyzed", inventory.files.size()));
  add(count_metric("total_file_size_bytes", inventory.total_bytes));
  add({"data_types", Metric::Kind::list, 0, kinds_found(inventory)});
  if (documents > 0) add(count_metric("json_documents", documents));
  if (inventory.hash_lines > 0) add(count_metric("markdown_heading_count", inventory.hash_lines));
  return all;
}

void write_metrics(wire::JsonWriter& out, std::span<const Metric> metrics) {
  out.begin_object();
  for (const Metric& m : metrics) {
    out.key(m.name);
    switch (m.kind) {
      case Metric::Kind::number: out.number(m.number); break;
      case Metric::Kind::count: out.unsigned_integer(static_cast<uint64_t>(m.number)); break;
      case Metric::Kind::text: out.string(m.text); break;
      case Metric::Kind::list: {
        out.begin_array();
        std::string_view rest = m.text, item;
        while (next_part(rest, ',', item)) out.string(item);
        out.end_array();
      }
    }
  }
  out.end_object();
}

size_t summary_paths(const Inventory& inventory) {
  uint64_t paths = 0;
  for (const uint64_t n : inventory.files_of) paths += std::min<uint64_t>(n, kSummaryPaths);
  return static_cast<size_t>(paths);
}

std::string data_summary(const Inventory& inventory, size_t paths) {
  std::string out = "Total files analyzed: ";
  append_u64(out, inventory.files.size());
  out += "\n\n";
  for (size_t i = 0; i < kFileKinds; ++i) {
    append_kind_summary(out, inventory, static_cast<FileKind>(i), paths);
  }
  return out;
}

}  // namespace chimera::agent
