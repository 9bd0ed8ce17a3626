// CSV (RFC 4180): a strict pull reader over a complete text.
//
// Fields are separated by ','; nothing is guessed. Records end at CRLF, LF or a lone CR (which old
// spreadsheets write); the last one need not end. Empty lines are skipped, also at the start. A
// UTF-8 byte order mark at the start is dropped. Quoted fields may hold commas, line ends and
// doubled quotes. Blanks are part of a field, so `a, "b"` is an error: its quote is in the middle
// of an unquoted field. Whether the text is UTF-8 is the caller's question.
//
// Thread: any, one at a time. Errors: bad_input, with line() at the offending line; the reader then
// gives the same error for ever. Cost: looks at each byte about once; allocates only the caller's
// vector (24 bytes a field).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "chimera/base/result.hpp"

namespace chimera::wire {

// Fields of one record; more are refused, so that a text of commas cannot ask for 24 times its
// size.
inline constexpr size_t kCsvFields = 65536;

// A field as a view into the text that was given to the reader.
struct CsvField {
  std::string_view raw;         // without the quotes around it
  bool has_doubled = false;     // raw holds doubled quotes

  // The field's value: raw itself, or `scratch` filled with the value when quotes were doubled.
  std::string_view text(std::string& scratch) const;
};

class CsvReader {
 public:
  explicit CsvReader(std::string_view text);

  // Replaces `record` by the next record (at least one field). False at the end of the text.
  Result<bool> next(std::vector<CsvField>& record);
  // The line, from 1, where the last record began; behind an error, where the offending byte is.
  size_t line() const { return record_line_; }

 private:
  const char* quoted(CsvField& field);
  const char* plain(CsvField& field);
  bool take_line_end();

  std::string_view text_;
  size_t at_ = 0;
  size_t line_ = 1;             // of at_
  size_t record_line_ = 1;
  const char* what_ = nullptr;  // why it failed
};

}  // namespace chimera::wire
