// What the files of ingestion share and nobody else needs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chimera/agent/ingest.hpp"

namespace chimera::agent {

// Adds a note once.
void add_note(Inventory& inventory, const char* note);

// One file's content: fills in the record and adds its metrics to the inventory. Returns why the
// file cannot be used, or "" and only then was anything added to the inventory.
// `limit` is the number of metrics that the inventory may hold.
std::string take_csv(std::string_view text, IngestedFile& file, Inventory& inventory,
                     size_t limit);
std::string take_json(std::string_view text, IngestedFile& file, Inventory& inventory,
                      size_t limit);
void take_markdown(std::string_view text, IngestedFile& file, Inventory& inventory);

// The metrics of an inventory while it grows.
class MetricSink {
 public:
  MetricSink(Inventory& inventory, size_t limit) : inventory_(inventory), limit_(limit) {}

  // Whether a column or a path's part makes a metric. The words hold neither '.' nor '[', so a path
  // contains one exactly when one of its parts does.
  static bool wants(std::string_view name);
  // A number as people write it: "1,234.5", "98.2%", "0.5s".
  static Result<double> parse(std::string_view text);

  void number(const char* prefix, std::string_view name, double value);
  // Empty text and text that is no number are kept as they are.
  void number_or_text(const char* prefix, std::string_view name, std::string_view text);
  // A metric found no room any more: nothing that follows can change the inventory.
  bool full() const { return full_; }

 private:
  // The place for a new metric; nothing when the name is taken, or a limit is reached.
  Metric* place(const char* prefix, std::string_view name);

  Inventory& inventory_;
  size_t limit_;
  bool full_ = false;
};

}  // namespace chimera::agent
