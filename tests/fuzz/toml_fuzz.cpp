// TOML: items are in order, name their line, are found by unique paths, and mean the same when they
// are written again one by one.
#include "chimera/wire/toml.hpp"

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::wire::TomlItem;
using Type = TomlItem::Type;

// An array with the item alone, so that paths through arrays need not be written.
void check_value(const TomlItem& item) {
  if (item.type == TomlItem::table || item.type == TomlItem::array) {
    FUZZ_CHECK(item.value.empty());
    return;
  }
  std::string text = "v = [";
  item.type == TomlItem::string ? chimera::wire::append_json_string(text, item.value)
                                : (void)text.append(item.value);
  std::vector<TomlItem> again;
  uint32_t line = 0;
  const size_t del = text.find('\x7f');   // which JSON does not escape
  if (del != text.npos) return;
  FUZZ_CHECK(chimera::wire::parse_toml(text + "]", again, line));
  FUZZ_CHECK(again.size() == 2 && again[1].type == item.type && again[1].value == item.value);
}

}  // namespace

int fuzz_toml(std::string_view input) {
  std::vector<TomlItem> items;
  uint32_t line = 0;
  const auto done = chimera::wire::parse_toml(input, items, line);
  size_t lines = 1;
  for (const char c : input) lines += c == '\n';
  FUZZ_CHECK(line >= 1 && line <= lines);
  FUZZ_CHECK(done || done.error().where[0] != 0);
  if (!done) return 0;
  FUZZ_CHECK(items.size() <= 4096);
  uint32_t before = 1;
  for (const TomlItem& item : items) {
    FUZZ_CHECK(item.line >= before && item.line <= lines);
    before = item.line;
    FUZZ_CHECK(!item.path.empty() && chimera::is_utf8(item.path));
    FUZZ_CHECK(chimera::is_utf8(item.value));
    if (item.type == TomlItem::integer) FUZZ_CHECK(chimera::parse_i64(item.value));
    if (items.size() < 200) check_value(item);
  }
  for (size_t i = 0; i < items.size() && items.size() < 200; ++i) {
    for (size_t k = 0; k < i; ++k) FUZZ_CHECK(items[k].path != items[i].path);
  }
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_toml)
