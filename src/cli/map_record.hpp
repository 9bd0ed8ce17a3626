// One input record of `map`: from a line to a prompt.
//
// Thread: any; pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/cli/settings.hpp"

namespace chimera::cli {

struct MapRecord {
  std::string id;        // JSON: a number, or what stood in the record
  std::string prompt;
};

// Takes a line apart. Without a template the prompt is the line (text), or "prompt", else "text"
// of the object. Errors: bad_input, with the reason in `where` or, when it names a field, `what`.
Result<MapRecord> map_record(std::string_view line, MapInput input, std::string_view pattern,
                             uint64_t number, std::string& what);

// Fills a template: {name} is that member of the record (a string decoded, anything else as JSON;
// "a.b" looks into objects), {} the whole line, {{ and }} are braces. Of a text record {text} is
// the line. A brace that begins neither is itself. Errors: bad_input, a member that is not there:
// `what` names it.
Result<std::string> fill_template(std::string_view pattern, std::string_view line, MapInput input,
                                  std::string& what);
// Whether it has a place for anything of the record.
bool template_has_place(std::string_view pattern);

// The ids of records that an earlier run has answered. An id may be there several times: so many
// records with it are done.
class MapDone {
 public:
  // A line of results. Those with an "error", and what is no result, do not count.
  void add(std::string_view result_line);
  void freeze();                         // behind the last add()
  // True when a record with this id is done; takes it off.
  bool take(std::string_view id);
  size_t size() const { return ids_.size(); }

 private:
  std::vector<uint64_t> ids_;            // 64-bit hashes, sorted once frozen
  std::vector<uint32_t> taken_;          // of those that are equal to this one
};

}  // namespace chimera::cli
