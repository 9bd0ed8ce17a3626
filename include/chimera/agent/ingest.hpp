// Ingestion: what an agent reads before it asks a model anything. CSV, JSON and Markdown files of a
// folder become an inventory (one small record a file), a summary text and performance metrics.
//
// Which files: DIR/reports (csv, json, md, markdown) and DIR/csv_data (csv, json) when at least one
// of these folders exists, else all of DIR (csv, json, md, markdown). Subfolders too. Extensions in
// any case. Everything is in the order of the relative paths' bytes, with '/', on every system.
// Links to folders are never followed, links to regular files are. Folders named ".git" are left
// out without a word; everything else that cannot be used is recorded with the reason and skipped,
// and is never fatal.
//
// Thread: any, one at a time; all file access blocks, one file at a time. Cost: one file's text is
// held at a time; a record is about 200 bytes, a CSV's column names and a page's headings.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::agent {

enum class FileKind : uint8_t { csv, json, markdown };
inline constexpr size_t kFileKinds = 3;
const char* name_of(FileKind kind);      // "csv", "json", "markdown"

struct IngestedFile {
  FileKind kind{};
  std::string path;              // relative to the root, raw bytes of the system
  uint64_t bytes = 0;
  int64_t modified_s = 0;        // seconds since 1970
  uint64_t count = 0;            // csv: rows below the header; json: values, containers included;
                                 // markdown: ATX headings
  uint64_t columns = 0;          // csv
  std::vector<std::string> names;  // csv: its first 256 column names; markdown: its first 50
                                   // headings; each cut to 200 bytes
  const char* top = "";          // json: "object", "array", "string", "number", "boolean", "null"
};

struct SkippedFile {
  std::string path;
  std::string why;               // "not UTF-8", "row 7 has 3 fields, the header has 4 (line 9)"
  Errc code{};                   // not_found, io, too_large; unsupported: not a regular file or
                                 // folder; bad_input: the content
};

struct Metric {
  enum class Kind : uint8_t { number, text, count, list };
  std::string name;
  Kind kind{};
  double number = 0;             // number, and count below 2^53
  std::string text;              // text; the items of a list with ',' between
};

// What was found. `metrics` are those from the files' content, sorted by the bytes of their names.
struct Inventory {
  std::string root;
  std::vector<IngestedFile> files;      // sorted by path
  std::vector<SkippedFile> skipped;     // sorted by path
  std::vector<const char*> notes;       // a limit that cut something off; each once
  std::vector<Metric> metrics;
  uint64_t files_of[kFileKinds] = {};
  uint64_t total_bytes = 0;
  uint64_t hash_lines = 0;              // see wire/markdown.hpp
};

struct IngestOptions {
  size_t file_bytes = 16u << 20;        // a larger file is skipped
  size_t files = 100000;                // more are left out
  int depth = 64;                       // folders below the root
  size_t metrics = 2000;                // more are left out
  // Folders that are left out without a word: what they are to the system; 0 = none.
  struct Folder {
    uint64_t device = 0, inode = 0;
  };
  Folder without[2];
};

// Ingestion in steps, so that an agent can let others run between two files.
class Ingest {
 public:
  // Walks the folder and lists what is to be read. Errors: bad_input when `root` is not a folder,
  // not_found and io when it cannot be read, cancelled when a stop signal came on the way.
  static Result<Ingest> open(std::string root, const IngestOptions& options = {});

  // Reads one file. False when none is left behind it.
  bool step();
  // Valid after the last step; may be moved from.
  Inventory& inventory() { return inventory_; }

 private:
  // Something the walk found: a file to read, or what is to be skipped and why.
  struct Entry {
    std::string path;
    FileKind kind{};
    const char* refused = nullptr;
    Errc code{};
  };
  friend class Walk;

  void take(const Entry& entry);

  IngestOptions options_;
  Inventory inventory_;
  std::vector<Entry> entries_;
  size_t at_ = 0;
};

// All steps at once. Errors: as Ingest::open.
Result<Inventory> ingest(std::string root, const IngestOptions& options = {});

// The text about the files that goes into the analysis prompt and the record: counts, up to five
// paths and the latest change of each kind. Names are made printable. `paths` bounds the paths
// listed altogether; the last kinds lose theirs first.
std::string data_summary(const Inventory& inventory, size_t paths = SIZE_MAX);
// How many it lists without a bound.
size_t summary_paths(const Inventory& inventory);

// All performance metrics, sorted by the bytes of their names: those from the content and the fixed
// ones (total_files_analyzed, data_types, total_file_size_bytes; json_documents and
// markdown_heading_count when not 0). Names from content:
//   csv_<column>   the first row's value: a number when it parses, else its text. (The reference
//                  program looks at ten rows, but there the first value wins and every row has
//                  every column, so the first row decides.)
//   json_<path>    "a.b[3].c" of a number, or of a string that parses as one.
// A column or whole path must contain tok, throughput, latency, ttft or speed, in any case. A
// number may have thousands commas and '%' or 's' behind it. The first file that has a name decides
// its value; so does the first of repeated keys of a JSON object and the last of repeated CSV
// columns. Names and texts over 1,024 bytes are left out, with a note.
std::vector<Metric> data_metrics(const Inventory& inventory);
// As one JSON object, in the order given.
void write_metrics(wire::JsonWriter& out, std::span<const Metric> metrics);

// What `chimera ingest` prints: lines for people, or the document "chimera.ingest/1".
std::string ingest_text(const Inventory& inventory);
std::string ingest_json(const Inventory& inventory);

}  // namespace chimera::agent
