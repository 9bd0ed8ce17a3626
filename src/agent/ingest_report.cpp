// The two forms of what `chimera ingest` prints. Names come from files and are never trusted: the
// lines for people show them printable, the JSON writer escapes them.
#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/base/time.hpp"
#include "ingest_parts.hpp"

namespace chimera::agent {
namespace {

using wire::JsonWriter;

constexpr size_t kPathColumn = 60;   // longer paths push their line to the right

// What the records add up to.
struct Totals {
  uint64_t of[kFileKinds] = {};      // rows, values, headings
};

Totals totals(const Inventory& inventory) {
  Totals t;
  for (const IngestedFile& f : inventory.files) t.of[static_cast<size_t>(f.kind)] += f.count;
  return t;
}

void pad(std::string& out, size_t used, size_t width) {
  if (used < width) out.append(width - used, ' ');
}

void append_left(std::string& out, std::string_view text, size_t width) {
  out += text;
  pad(out, count_code_points(text), width);
}

void append_right(std::string& out, uint64_t n, size_t width) {
  std::string digits;
  append_grouped(digits, n);
  pad(out, digits.size(), width);
  out += digits;
}

// "4 rows", "1 row"
void append_counted(std::string& out, uint64_t n, std::string_view noun) {
  append_grouped(out, n);
  out += ' ';
  out += noun;
  if (n != 1) out += 's';
}

void append_content(std::string& out, const IngestedFile& file) {
  switch (file.kind) {
    case FileKind::csv:
      append_counted(out, file.count, "row");
      out += " x ";
      append_counted(out, file.columns, "column");
      break;
    case FileKind::json:
      out += file.top;
      out += ", ";
      append_counted(out, file.count, "value");
      break;
    case FileKind::markdown:
      append_counted(out, file.count, "heading");
      break;
  }
}

void append_files(std::string& out, const Inventory& inventory) {
  size_t width = 0;
  for (const IngestedFile& f : inventory.files) {
    width = std::max(width, count_code_points(printable(f.path, false)));
  }
  width = std::min(width, kPathColumn);
  for (const IngestedFile& f : inventory.files) {
    append_left(out, name_of(f.kind), 10);
    append_left(out, printable(f.path, false), width);
    append_right(out, f.bytes, 12);
    out += " B  ";
    append_content(out, f);
    out += '\n';
  }
  if (!inventory.files.empty()) out += '\n';
}

void append_totals(std::string& out, const Inventory& inventory) {
  static constexpr const char* kNouns[kFileKinds] = {"row", "value", "heading"};
  const Totals t = totals(inventory);
  for (size_t i = 0; i < kFileKinds; ++i) {
    append_left(out, name_of(static_cast<FileKind>(i)), 10);
    append_right(out, inventory.files_of[i], 8);
    out += inventory.files_of[i] == 1 ? " file   " : " files  ";
    append_counted(out, t.of[i], kNouns[i]);
    out += '\n';
  }
  append_left(out, "total", 10);
  append_right(out, inventory.files.size(), 8);
  out += inventory.files.size() == 1 ? " file   " : " files  ";
  append_counted(out, inventory.total_bytes, "byte");
  out += '\n';
}

void append_value(std::string& out, const Metric& m) {
  if (m.kind == Metric::Kind::number) return append_shortest(out, m.number);
  if (m.kind == Metric::Kind::count) return append_u64(out, static_cast<uint64_t>(m.number));
  out += m.text.empty() ? "-" : printable(m.text, false);
}

void append_metrics(std::string& out, const Inventory& inventory) {
  const std::vector<Metric> metrics = data_metrics(inventory);
  size_t width = 0;
  for (const Metric& m : metrics) {
    width = std::max(width, count_code_points(printable(m.name, false)));
  }
  width = std::min(width, kPathColumn);
  out += "\nmetrics (";
  append_u64(out, metrics.size());
  out += ")\n";
  for (const Metric& m : metrics) {
    out += "  ";
    append_left(out, printable(m.name, false), width);
    out += "  ";
    append_value(out, m);
    out += '\n';
  }
}

void append_warnings(std::string& out, const Inventory& inventory) {
  if (!inventory.skipped.empty()) {
    out += "\nskipped (";
    append_u64(out, inventory.skipped.size());
    out += ")\n";
  }
  for (const SkippedFile& s : inventory.skipped) {
    out += "  " + printable(s.path, false) + ": " + s.why + '\n';
  }
  for (const char* note : inventory.notes) {
    out += "\nnote: ";
    out += note;
    out += '\n';
  }
}

void write_file(JsonWriter& json, const IngestedFile& file) {
  std::string modified;
  append_rfc3339(modified, file.modified_s * kSecond);
  json.begin_object().field("path", file.path).field("kind", name_of(file.kind));
  json.field("bytes", file.bytes).field("modified", modified);
  if (file.kind == FileKind::json) {
    json.field("json", file.top).field("values", file.count);
  } else {
    const bool csv = file.kind == FileKind::csv;
    json.field(csv ? "rows" : "heading_count", file.count);
    if (csv) json.field("column_count", file.columns);
    json.key(csv ? "columns" : "headings").begin_array();
    for (const std::string& name : file.names) json.string(name);
    json.end_array();
  }
  json.end_object();
}

void write_totals(JsonWriter& json, const Inventory& inventory) {
  const Totals t = totals(inventory);
  json.begin_object().field("files", uint64_t{inventory.files.size()});
  for (size_t i = 0; i < kFileKinds; ++i) {
    json.field(name_of(static_cast<FileKind>(i)), inventory.files_of[i]);
  }
  json.field("bytes", inventory.total_bytes);
  json.field("rows", t.of[0]).field("values", t.of[1]).field("headings", t.of[2]);
  json.field("skipped", uint64_t{inventory.skipped.size()}).end_object();
}

}  // namespace

std::string ingest_text(const Inventory& inventory) {
  std::string out;
  append_files(out, inventory);
  append_totals(out, inventory);
  append_metrics(out, inventory);
  append_warnings(out, inventory);
  return out;
}

std::string ingest_json(const Inventory& inventory) {
  std::string out;
  JsonWriter json(out, JsonWriter::Style::pretty);
  json.begin_object().field("schema", "chimera.ingest/1").field("root", inventory.root);
  json.key("files").begin_array();
  for (const IngestedFile& file : inventory.files) write_file(json, file);
  json.end_array().key("skipped").begin_array();
  for (const SkippedFile& s : inventory.skipped) {
    json.begin_object().field("path", s.path).field("why", s.why).end_object();
  }
  json.end_array().key("notes").begin_array();
  for (const char* note : inventory.notes) json.string(note);
  json.end_array().field("summary", data_summary(inventory)).key("metrics");
  write_metrics(json, data_metrics(inventory));
  json.key("totals");
  write_totals(json, inventory);
  json.end_object();
  out += '\n';
  return out;
}

}  // namespace chimera::agent
