// The content of one file: its inventory and its metrics. A file is checked to its end before
// anything of it is kept, so that a malformed file leaves no trace but its entry among the skipped.
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/csv.hpp"
#include "chimera/wire/markdown.hpp"
#include "ingest_parts.hpp"

namespace chimera::agent {
namespace {

using wire::CsvField;
using wire::JsonReader;
using Event = wire::JsonReader::Event;

constexpr size_t kColumnsKept = 256;
constexpr size_t kHeadingsKept = 50;
constexpr size_t kNameKept = 200;      // bytes

void keep_name(IngestedFile& file, std::string_view name) {
  file.names.emplace_back(utf8_truncate(name, kNameKept));
}

void append(std::string& out, const char* before, uint64_t n) {
  out += before;
  append_u64(out, n);
}

std::string wrong_width(uint64_t row, size_t fields, size_t header, size_t line) {
  std::string why;
  append(why, "row ", row);
  append(why, " has ", fields);
  why += fields == 1 ? " field" : " fields";
  append(why, ", the header has ", header);
  append(why, " (line ", line);
  return why + ')';
}

void add_csv_metrics(const std::vector<CsvField>& header, const std::vector<CsvField>& row,
                     MetricSink& sink) {
  std::string name_scratch, value_scratch;
  // Backwards, because the last of repeated columns wins and the sink keeps what comes first.
  for (size_t i = row.size(); i-- > 0;) {
    const std::string_view name = trim(header[i].text(name_scratch));
    if (!MetricSink::wants(name)) continue;
    sink.number_or_text("csv_", name, trim(row[i].text(value_scratch)));
  }
}

const char* top_name(Event event) {
  switch (event) {
    case Event::object_begin: return "object";
    case Event::array_begin: return "array";
    case Event::string: return "string";
    case Event::number: return "number";
    case Event::boolean: return "boolean";
    default: return "null";
  }
}

bool starts_value(Event event) {
  return event == Event::object_begin || event == Event::array_begin || event == Event::string ||
         event == Event::number || event == Event::boolean || event == Event::null;
}

// Walks a checked document and hands its wanted values to the sink.
class JsonHarvest {
 public:
  JsonHarvest(std::string_view text, MetricSink& sink) : reader_(text), sink_(sink) {}

  void all() {
    while (!sink_.full()) {
      const Event event = reader_.next();
      if (event == Event::end || event == Event::error) return;
      if (event == Event::key) {
        enter_member();
      } else if (event == Event::object_end || event == Event::array_end) {
        levels_.pop_back();
      } else {
        enter_value(event);
      }
    }
  }

 private:
  struct Level {
    size_t path;         // length of the container's own path
    uint64_t items;      // so far, of an array
    bool array;
    bool wanted;         // the container's path holds one of the words
  };

  // path_ and wanted_ become those of the member behind this key.
  void enter_member() {
    path_.resize(levels_.back().path);
    if (!path_.empty()) path_ += '.';
    const size_t name = path_.size();
    reader_.string(path_);
    wanted_ = levels_.back().wanted || MetricSink::wants(std::string_view(path_).substr(name));
  }

  void enter_value(Event event) {
    if (!levels_.empty() && levels_.back().array) {
      path_.resize(levels_.back().path);
      append(path_, "[", levels_.back().items++);
      path_ += ']';
      wanted_ = levels_.back().wanted;
    }
    if (event == Event::object_begin || event == Event::array_begin) {
      levels_.push_back({path_.size(), 0, event == Event::array_begin, wanted_});
    } else if (wanted_) {
      add(event);
    }
  }

  void add(Event event) {
    Result<double> value = fail(Errc::bad_input, "not a number");
    if (event == Event::number) value = reader_.number();
    if (event == Event::string) {
      text_.clear();
      reader_.string(text_);
      value = MetricSink::parse(text_);
    }
    if (value) sink_.number("json_", path_, *value);
  }

  JsonReader reader_;
  MetricSink& sink_;
  std::string path_, text_;
  std::vector<Level> levels_;   // at most wire::kJsonDepth
  bool wanted_ = false;
};

}  // namespace

std::string take_csv(std::string_view text, IngestedFile& file, Inventory& inventory,
                     size_t limit) {
  wire::CsvReader reader(text);
  std::vector<CsvField> header, first, row;
  auto more = reader.next(header);
  if (more && !*more) return "no header";
  while (more && (more = reader.next(row)) && *more) {
    ++file.count;
    if (row.size() != header.size()) {
      return wrong_width(file.count, row.size(), header.size(), reader.line());
    }
    if (file.count == 1) first = row;
  }
  if (!more) {
    std::string why;
    append(why, "line ", reader.line());
    return why + ": " + more.error().where;
  }
  file.columns = header.size();
  std::string scratch;
  for (size_t i = 0; i < header.size() && i < kColumnsKept; ++i) {
    keep_name(file, trim(header[i].text(scratch)));
  }
  MetricSink sink(inventory, limit);
  add_csv_metrics(header, first, sink);
  return {};
}

std::string take_json(std::string_view text, IngestedFile& file, Inventory& inventory,
                      size_t limit) {
  JsonReader reader(text);
  Event event = reader.next();
  file.top = top_name(event);
  for (; event != Event::end && event != Event::error; event = reader.next()) {
    file.count += starts_value(event);
  }
  if (event == Event::error) {
    std::string why = "not JSON: ";
    why += reader.what();
    append(why, " at byte ", reader.offset());
    return why;
  }
  MetricSink sink(inventory, limit);
  JsonHarvest(text, sink).all();
  return {};
}

void take_markdown(std::string_view text, IngestedFile& file, Inventory& inventory) {
  inventory.hash_lines += wire::count_hash_lines(text);
  wire::HeadingReader reader(text);
  wire::Heading heading;
  for (; reader.next(heading); ++file.count) {
    if (file.count < kHeadingsKept) keep_name(file, heading.text);
  }
}

}  // namespace chimera::agent
