// TOML 1.0 for configuration files: a whole document becomes a flat list of what it holds.
//
//   [server]                     server             table
//   url = "http://desk:11434"    server.url         string   http://desk:11434
//   [[config]]                   config             array
//   temperature = 0.8            config[0]          table
//   "odd key" = [1, 0x2]         config[0].temperature       floating  0.8
//                                config[0]."odd key"         array
//                                config[0]."odd key"[0]      integer   1    and [1], 2
//
// Strict: what TOML forbids is an error with its line. Integers are those of 64 bits, floats too
// large for a double are refused. A byte order mark at the start is dropped.
//
// Thread: any; pure functions. Cost: looks back at all that came before for each key, so a document
// may hold 4,096 items at most, a path 512 bytes, and 32 levels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"

namespace chimera::wire {

struct TomlItem {
  enum Type : uint8_t { table, array, string, integer, floating, boolean, datetime };
  // Keys with '.' between them, quoted as in JSON where they are not plain; "[0]" of an array.
  std::string path;
  // Strings decoded; integers in decimal; floats without '_' and a '+' in front, for parse_double,
  // or "inf", "-inf", "nan", "-nan"; "true" and "false"; dates and times as they stand. Of tables
  // and arrays "".
  std::string value;
  uint32_t line = 0;             // where it begins
  Type type{};

  // While it is being read: an array's items; a table may not be opened by [header] or a dotted key
  // (any more; from the next header on); nothing may be added; an array made by [[header]].
  uint32_t items = 0;
  bool closed = false, closing = false, frozen = false, of_tables = false;
};

// Appends the items in the order of the document, a container before what is in it. Errors:
// bad_input, with `where` = what is wrong and `line` = in which line, counted from 1.
Result<void> parse_toml(std::string_view text, std::vector<TomlItem>& items, uint32_t& line);

}  // namespace chimera::wire
