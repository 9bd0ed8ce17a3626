// CSV: the fields that were read, written with every field in quotes, read back the same.
#include "chimera/wire/csv.hpp"

#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using namespace chimera::wire;

using Table = std::vector<std::vector<std::string>>;

// Reads all records. False on an error.
bool read(std::string_view text, Table& table) {
  CsvReader reader(text);
  std::vector<CsvField> record;
  size_t line = 1;
  for (;;) {
    const auto more = reader.next(record);
    FUZZ_CHECK(reader.line() >= line);
    line = reader.line();
    if (!more) {
      const auto again = reader.next(record);
      FUZZ_CHECK(!again && again.error().where == more.error().where && record.empty());
      FUZZ_CHECK(reader.line() == line);
      return false;
    }
    if (!*more) return true;
    FUZZ_CHECK(!record.empty() && record.size() <= kCsvFields);
    std::vector<std::string>& row = table.emplace_back();
    std::string scratch;
    for (const CsvField& field : record) {
      FUZZ_CHECK(inside(field.raw, text));
      row.emplace_back(field.text(scratch));
    }
  }
}

}  // namespace

int fuzz_csv(std::string_view input) {
  Table table;
  const bool good = read(input, table);
  std::string quoted;
  for (const auto& row : table) {
    char before = '\n';
    for (const std::string& field : row) {
      if (before == ',') quoted += ',';
      before = ',';
      quoted += '"';
      for (const char c : field) quoted.append(c == '"' ? 2 : 1, c);
      quoted += '"';
    }
    quoted += "\r\n";
  }
  Table again;
  FUZZ_CHECK(read(quoted, again) && again == table);
  FUZZ_CHECK(good || !input.empty());
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_csv)
