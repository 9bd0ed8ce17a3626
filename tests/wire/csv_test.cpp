#include "chimera/wire/csv.hpp"

#include "tests/check.hpp"

using chimera::wire::CsvField;
using chimera::wire::CsvReader;
using chimera_test::Guarded;

namespace {

// Every record as "[a|b]" and, behind an error, "!line what".
std::string read_all(std::string_view bytes) {
  const Guarded page(bytes);
  CsvReader reader(page.view());
  std::vector<CsvField> record;
  std::string out, scratch;
  for (;;) {
    const auto more = reader.next(record);
    if (!more) {
      CHECK(more.error().code == chimera::Errc::bad_input);
      CHECK(record.empty());
      out += "!" + std::to_string(reader.line()) + " " + more.error().where;
      const auto again = reader.next(record);
      REQUIRE(!again);
      CHECK(again.error().where == more.error().where);
      return out;
    }
    if (!*more) return out;
    CHECK(!record.empty());
    out += '[';
    for (const CsvField& f : record) {
      if (&f != &record[0]) out += '|';
      out += f.text(scratch);
    }
    out += ']';
  }
}

struct Case {
  const char* name;
  std::string_view text;
  const char* want;
};

}  // namespace

using namespace std::literals;

TEST_CASE("csv: records") {
  static const Case cases[] = {
      {"nothing", "", ""},
      {"one field", "a", "[a]"},
      {"unterminated last line", "a,b\nc,d", "[a|b][c|d]"},
      {"LF", "a,b\nc,d\n", "[a|b][c|d]"},
      {"CRLF", "a,b\r\nc,d\r\n", "[a|b][c|d]"},
      {"lone CR", "a,b\rc,d\r", "[a|b][c|d]"},
      {"mixed ends", "a\r\nb\nc\rd", "[a][b][c][d]"},
      {"empty lines between", "a\n\n\r\n\rb\n\n", "[a][b]"},
      {"empty lines only", "\n\r\n\n", ""},
      {"empty lines first", "\n\na,b\n", "[a|b]"},
      {"line of a blank is a record", "a\n \nb", "[a][ ][b]"},
      {"empty fields", ",\n,,\n", "[|][||]"},
      {"trailing comma at the end", "a,", "[a|]"},
      {"blanks are kept", " a , b ", "[ a | b ]"},
      {"quoted", "\"a\",\"b\"\n", "[a|b]"},
      {"quoted empty is a record", "\"\"\n\"\"", "[][]"},
      {"comma in quotes", "\"a,b\",c", "[a,b|c]"},
      {"line ends in quotes", "\"a\nb\r\nc\rd\",e\nf,g", "[a\nb\r\nc\rd|e][f|g]"},
      {"doubled quotes", "\"a\"\"b\",\"\"\"\",\"\"\"x\"\"\"", "[a\"b|\"|\"x\"]"},
      {"byte order mark", "\xEF\xBB\xBF" "a,b\n", "[a|b]"},
      {"byte order mark before a quote", "\xEF\xBB\xBF\"a\",b\n", "[a|b]"},
      {"only a byte order mark", "\xEF\xBB\xBF", ""},
      {"half a byte order mark is text", "\xEF\xBB", "[\xEF\xBB]"},
      {"a later byte order mark is text", "a\n\xEF\xBB\xBF" "b", "[a][\xEF\xBB\xBF" "b]"},
      {"other bytes pass", "\xff\x80,\x01", "[\xff\x80|\x01]"},
      {"semicolons are not separators", "a;b\tc", "[a;b\tc]"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(read_all(c.text) == c.want);
  }
}

TEST_CASE("csv: errors name the line") {
  static const Case cases[] = {
      {"quote in a field", "a,b\nc\"d,e", "[a|b]!2 a quote inside an unquoted field"},
      {"blank before a quote", "a, \"b\"", "!1 a quote inside an unquoted field"},
      {"text behind a quote", "a\r\n\r\n\"b\"c", "[a]!3 text after a closing quote"},
      {"blank behind a quote", "\"b\" ,c", "!1 text after a closing quote"},
      {"never closed: the line it opens", "a\n\"b\nc\nd", "[a]!2 a quote that is never closed"},
      {"never closed at the end", "\"", "!1 a quote that is never closed"},
      {"never closed behind doubled", "\"a\"\"", "!1 a quote that is never closed"},
      {"NUL", "a\nb\0c"sv, "[a]!2 a NUL byte"},
      {"NUL in quotes on its own line", "\"a\n\n\0\""sv, "!3 a NUL byte"},
      {"NUL behind a quote", "\"a\"\0"sv, "!1 text after a closing quote"},
      {"UTF-16", "\xff\xfe" "a\0,\0"sv, "!1 a NUL byte"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(read_all(c.text) == c.want);
  }
}

TEST_CASE("csv: line() is where a record begins") {
  const Guarded page("\n\na,\"x\ny\"\r\n\rb\nc");
  CsvReader reader(page.view());
  std::vector<CsvField> record;
  const size_t want[] = {3, 6, 7};
  for (size_t line : want) {
    REQUIRE(reader.next(record).value());
    CHECK(reader.line() == line);
  }
  CHECK_FALSE(reader.next(record).value());
}

TEST_CASE("csv: fields are views unless quotes are doubled") {
  const Guarded page("ab,\"cd\",\"e\"\"f\"");
  CsvReader reader(page.view());
  std::vector<CsvField> record;
  REQUIRE(reader.next(record).value());
  std::string scratch;
  CHECK(record[0].text(scratch).data() == page.view().data());
  CHECK(record[1].text(scratch).data() == page.view().data() + 4);
  CHECK(scratch.empty());
  CHECK(record[2].text(scratch) == "e\"f");
}

TEST_CASE("csv: every prefix of a document ends well") {
  const std::string_view whole = "\xEF\xBB\xBF\"a\"\"\r\n\",b\r\n\r\n1,\"2\"\r3,\"\"\n";
  for (size_t n = 0; n <= whole.size(); ++n) {
    CAPTURE(n);
    const std::string got = read_all(whole.substr(0, n));
    if (n == whole.size()) CHECK(got == "[a\"\r\n|b][1|2][3|]");
    if (n == 5) CHECK(got == "!1 a quote that is never closed");
  }
}

TEST_CASE("csv: the number of fields is limited") {
  const std::string most(chimera::wire::kCsvFields - 1, ',');
  std::vector<CsvField> record;
  CsvReader fits(most);
  REQUIRE(fits.next(record).value());
  CHECK(record.size() == chimera::wire::kCsvFields);
  CHECK(read_all("a\n" + most + ",") == "[a]!2 more than 65536 fields");
}
