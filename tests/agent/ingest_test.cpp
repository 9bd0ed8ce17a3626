#include "chimera/agent/ingest.hpp"

#include "tests/agent/ingest_fixture.hpp"

using namespace chimera_test;

namespace {

std::string why_skipped(const char* name, std::string_view text) {
  const TempDir dir;
  dir.put(name, text);
  const Inventory inventory = ingested(dir);
  CHECK(inventory.metrics.empty());
  CHECK(inventory.total_bytes == 0);
  CHECK(inventory.hash_lines == 0);
  if (inventory.skipped.size() != 1) return "not skipped";
  CHECK(inventory.files.empty());
  CHECK(inventory.skipped[0].path == name);
  CHECK(inventory.skipped[0].code == Errc::bad_input);
  return inventory.skipped[0].why;
}

}  // namespace

TEST_CASE("ingest: which files") {
  struct Case {
    const char* name;
    std::vector<const char*> there;
    const char* want;
  };
  const Case cases[] = {
      {"nothing", {}, ""},
      {"both folders", {"reports/a.md", "csv_data/b.csv", "c.md", "other/d.md"},
       "csv_data/b.csv reports/a.md"},
      {"only reports", {"reports/a.md", "c.md"}, "reports/a.md"},
      {"only csv_data", {"csv_data/a.csv", "csv_data/b.json", "csv_data/c.md", "d.md"},
       "csv_data/a.csv csv_data/b.json"},
      {"neither", {"b.markdown", "a/x.csv", "c.json", "a.md"}, "a.md a/x.csv b.markdown c.json"},
      {"extensions in any case", {"a.CSV", "b.Json", "c.MD", "d.MarkDown"},
       "a.CSV b.Json c.MD d.MarkDown"},
      {"other extensions", {"a.txt", "csv", "a.csv.gz", "b.csv~", "c.", "mdx", "d.mdx"}, ""},
      {"hidden files and folders", {".a.csv", ".h/b.json", ".csv"}, ".a.csv .csv .h/b.json"},
      {".git is left out", {".git/a.csv", "x/.git/b.csv", ".github/c.csv"}, ".github/c.csv"},
      {"by bytes of the whole path", {"a/z.csv", "a-b.csv", "a.csv", "B.csv", "a0.csv"},
       "B.csv a-b.csv a.csv a/z.csv a0.csv"},
      {"deeper folders of reports", {"reports/x/y/a.markdown", "csv_data/x/b.csv"},
       "csv_data/x/b.csv reports/x/y/a.markdown"},
      {"reports that is a file", {"reports", "a.md"}, "a.md"},
      {"dots in folders", {"x.csv/a.md"}, "x.csv/a.md"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    const TempDir dir;
    for (const char* name : c.there) dir.put(name, "1");   // good CSV, JSON and Markdown
    const Inventory inventory = ingested(dir);
    CHECK(paths(inventory) == c.want);
    CHECK(skips(inventory) == "");
    CHECK(inventory.notes.empty());
    const auto slash = ingest(dir.path() + "/");
    REQUIRE(slash);
    CHECK(paths(*slash) == c.want);
  }
}

TEST_CASE("ingest: a root that cannot be read") {
  const TempDir dir;
  dir.put("file.csv", "a\n1\n");
  CHECK(ingest(dir.of("none")).error().code == Errc::not_found);
  CHECK(ingest("").error().code == Errc::not_found);
  CHECK(ingest(dir.of("file.csv")).error().code == Errc::bad_input);
  fs::create_symlink(dir.path(), dir.of("self"));
  const auto through_link = ingest(dir.of("self"));   // the root itself may be a link
  REQUIRE(through_link);
  CHECK(paths(*through_link) == "file.csv");
}

TEST_CASE("ingest: a step takes one file") {
  const TempDir dir;
  dir.put("a.csv", "a\n1\n");
  dir.put("b.csv", "");
  dir.put("c.md", "# c");
  fs::create_symlink("nowhere", dir.of("d.md"));
  auto run = Ingest::open(dir.path());
  REQUIRE(run);
  CHECK(run->inventory().files.empty());
  CHECK(run->step());
  CHECK(paths(run->inventory()) == "a.csv");
  CHECK(run->step());
  CHECK(skips(run->inventory()) == "b.csv: empty\n");
  CHECK(run->step());
  CHECK(paths(run->inventory()) == "a.csv c.md");
  CHECK_FALSE(run->step());
  CHECK(run->inventory().skipped.size() == 2);
  CHECK_FALSE(run->step());
  CHECK(run->inventory().files.size() == 2);
}

TEST_CASE("ingest: records of the files") {
  const TempDir dir;
  dir.put("a.csv", "\xEF\xBB\xBF Name ,\"x, \"\"y\"\"\"\r\n1,2\r\n\r\n3,4", 1000);
  dir.put("b.json", " {\"a\":[1,{\"b\":null}],\"c\":true}\n", -5);
  dir.put("c.md", "# One\ntext\n```\n# code\n```\n### Three ###\n", 2000);
  const Inventory inv = ingested(dir);
  REQUIRE(inv.files.size() == 3);
  CHECK(inv.files[0].kind == FileKind::csv);
  CHECK(inv.files[0].bytes == 32);
  CHECK(inv.files[0].modified_s == 1000);
  CHECK(inv.files[0].count == 2);
  CHECK(inv.files[0].columns == 2);
  CHECK(inv.files[0].names == std::vector<std::string>{"Name", "x, \"y\""});
  CHECK(inv.files[1].top == "object"s);
  CHECK(inv.files[1].count == 6);
  CHECK(inv.files[2].count == 2);
  CHECK(inv.files[2].names == std::vector<std::string>{"One", "Three"});
  CHECK(inv.hash_lines == 3);
  CHECK(inv.total_bytes == 32 + 31 + 40);
  CHECK(inv.files_of[0] == 1);
}

TEST_CASE("ingest: kinds of JSON documents") {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "object 1"}, {"[]", "array 1"},   {"[[],1]", "array 3"}, {"\"x\"", "string 1"},
      {"1e5", "number 1"}, {"true", "boolean 1"}, {"null", "null 1"}};
  for (const auto& [text, want] : cases) {
    CAPTURE(text);
    const TempDir dir;
    dir.put("a.json", text);
    const Inventory inv = ingested(dir);
    REQUIRE(inv.files.size() == 1);
    CHECK(inv.files[0].top + " "s + std::to_string(inv.files[0].count) == want);
  }
}

TEST_CASE("ingest: names are kept in part") {
  const TempDir dir;
  std::string csv = std::string(199, 'x') + "\xC3\xA9" "tail";
  for (int i = 1; i < 300; ++i) csv += ",c" + std::to_string(i);
  std::string md;
  for (int i = 0; i < 60; ++i) md += "# h" + std::to_string(i) + "\n";
  dir.put("a.csv", csv);
  dir.put("b.md", md);
  const Inventory inv = ingested(dir);
  REQUIRE(inv.files.size() == 2);
  CHECK(inv.files[0].columns == 300);
  REQUIRE(inv.files[0].names.size() == 256);
  CHECK(inv.files[0].names[0] == std::string(199, 'x'));
  CHECK(inv.files[0].names[255] == "c255");
  CHECK(inv.files[1].count == 60);
  REQUIRE(inv.files[1].names.size() == 50);
  CHECK(inv.files[1].names[49] == "h49");
}

TEST_CASE("ingest: why a file is skipped") {
  struct Case {
    const char* name;
    const char* file;
    std::string text;
    const char* why;
  };
  const Case cases[] = {
      {"0 bytes, csv", "a.csv", "", "empty"},
      {"0 bytes, json", "a.json", "", "empty"},
      {"0 bytes, md", "a.md", "", "empty"},
      {"only empty lines", "a.csv", "\n\r\n", "no header"},
      {"only a byte order mark", "a.csv", "\xEF\xBB\xBF", "no header"},
      {"Latin-1", "a.md", "# caf\xE9", "not UTF-8"},
      {"UTF-16", "a.csv", "\xFF\xFE" "a\0,\0b\0"s, "not UTF-8"},
      {"UTF-16 without a mark", "a.csv", "a\0,\0b\0"s, "line 1: a NUL byte"},
      {"a surrogate", "a.json", "\"\xED\xA0\x80\"", "not UTF-8"},
      {"too few fields", "a.csv", "tok,b,c,d\n1,2,3,4\n\n1,2,3\n",
       "row 2 has 3 fields, the header has 4 (line 4)"},
      {"too many fields", "a.csv", "tok\n1,2", "row 1 has 2 fields, the header has 1 (line 2)"},
      {"one field", "a.csv", "tok,b\n1", "row 1 has 1 field, the header has 2 (line 2)"},
      {"a stray quote late", "a.csv", "tok\n1\n2\n\"3\"x\n", "line 4: text after a closing quote"},
      {"an open quote", "a.csv", "tok\n1\n\"2\n3\n", "line 3: a quote that is never closed"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(why_skipped(c.file, c.text) == c.why);
  }
}

TEST_CASE("ingest: malformed JSON leaves nothing behind") {
  const std::pair<const char*, size_t> cases[] = {
      {"{\"tok\":1,}", 9},    {"{\"tok\":1", 8},  {"{\"tok\":1} x", 10}, {"{\"tok\":01}", 8},
      {"\xEF\xBB\xBF{\"tok\":1}", 0}, {"{\"tok\":NaN}", 7}, {"// c\n{}", 0}};
  for (const auto& [text, at] : cases) {
    CAPTURE(text);
    const std::string why = why_skipped("a.json", text);
    CAPTURE(why);
    CHECK(why.starts_with("not JSON: "));
    CHECK(why.ends_with(" at byte " + std::to_string(at)));
  }
}

TEST_CASE("ingest: deep JSON") {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += i % 2 ? "{\"tok\":" : "[";
    text += "7";
    for (int i = depth; i-- > 0;) text += i % 2 ? "}" : "]";
    return text;
  };
  CHECK(content_metrics("a.json", nested(4)) == "{\"json_[0].tok[0].tok\":7.0}");
  CHECK(why_skipped("a.json", nested(513)).starts_with("not JSON: "));
  CHECK(why_skipped("a.json", std::string(1000000, '[')).starts_with("not JSON: "));
  // 512 levels are fine; only the path is too long for a metric.
  const TempDir dir;
  dir.put("a.json", nested(512));
  const Inventory inv = ingested(dir);
  CHECK(inv.files.size() == 1);
  CHECK(inv.metrics.empty());
  CHECK(inv.notes.size() == 1);
}

TEST_CASE("ingest: limits") {
  const TempDir dir;
  dir.put("a.json", "{\"tok\":[0,1,2,3,4,5,6,7,8,9]}");
  dir.put("b.csv", "tok\n" + std::string(1025, 'x') + "\n");
  dir.put("c.csv", std::string(1020, 'y') + "speed\n1\n");
  dir.put("d.csv", "speed\n" + std::string(1024, 'z') + "\n");
  dir.put("s/t/e.md", "# e");

  SUBCASE("none is reached but for long names") {
    const Inventory inv = ingested(dir);
    CHECK(inv.metrics.size() == 11);
    REQUIRE(inv.notes.size() == 1);
    CHECK(inv.notes[0] == "metrics with a name or text over 1,024 bytes are left out"s);
  }
  SUBCASE("metrics") {
    const Inventory inv = ingested(dir, {.metrics = 3});
    REQUIRE(inv.metrics.size() == 3);
    CHECK(inv.metrics[2].name == "json_tok[2]");
    CHECK(inv.notes.size() == 2);
    CHECK(inv.notes[0] == "too many metrics, the rest is left out"s);
  }
  SUBCASE("bytes of a file") {
    CHECK(paths(ingested(dir, {.file_bytes = 29})) == "a.json s/t/e.md");   // a.json has 29
    const Inventory inv = ingested(dir, {.file_bytes = 28});
    CHECK(paths(inv) == "s/t/e.md");
    REQUIRE(inv.skipped.size() == 4);
    CHECK(inv.skipped[0].why == "too large");
    CHECK(inv.skipped[0].code == Errc::too_large);
  }
  SUBCASE("folders") {
    CHECK(paths(ingested(dir, {.depth = 2})).ends_with("s/t/e.md"));
    const Inventory inv = ingested(dir, {.depth = 1});
    CHECK(inv.files.size() == 4);
    CHECK(inv.notes[0] == "folders nested too deep are left out"s);
  }
  SUBCASE("files") {
    const Inventory inv = ingested(dir, {.files = 4});
    CHECK(inv.files.size() == 4);
    CHECK(inv.notes[0] == "too many files, the rest is left out"s);
    CHECK(ingested(dir, {.files = 5}).notes.size() == 1);
  }
}

TEST_CASE("ingest: a nasty folder") {
  const TempDir dir;
  dir.put("ok.csv", "tok\n1\n");
  dir.put("new\nline\x1b[31m.md", "# x");
  dir.put("bad\xff.json", "1");
  dir.put("empty.csv", "");
  dir.put("sub/real.md", "# y");
  fs::create_symlink("loop.csv", dir.of("loop.csv"));
  fs::create_symlink("nowhere", dir.of("dangling"));
  fs::create_directory_symlink("..", dir.of("sub/up"));
  fs::create_symlink("sub/real.md", dir.of("link.md"));
  fs::create_symlink("sub/real.md", dir.of("link.txt"));
  fs::create_symlink("/dev/zero", dir.of("zero.json"));
  REQUIRE(mkfifo(dir.of("pipe.md").c_str(), 0600) == 0);
  std::string deep = "d";
  for (int i = 0; i < 69; ++i) deep += "/d";
  dir.put(deep + "/deep.md", "# deep");

  const Inventory inv = ingested(dir);
  CHECK(paths(inv) == "bad\xff.json link.md new\nline\x1b[31m.md ok.csv sub/real.md");
  CHECK(skips(inv) ==
        "dangling: link that leads nowhere\n"
        "empty.csv: empty\n"
        "loop.csv: link that leads nowhere\n"
        "pipe.md: not a regular file\n"
        "sub/up: link to a folder\n"
        "zero.json: not a regular file\n");
  const Errc codes[] = {Errc::not_found, Errc::bad_input,   Errc::io,
                        Errc::unsupported, Errc::unsupported, Errc::unsupported};
  REQUIRE(inv.skipped.size() == std::size(codes));
  for (size_t i = 0; i < std::size(codes); ++i) CHECK(inv.skipped[i].code == codes[i]);
  REQUIRE(inv.notes.size() == 1);
  CHECK(inv.notes[0] == "folders nested too deep are left out"s);

  const std::string summary = data_summary(inv);
  CHECK(summary.find("  - new\\x0aline\\x1b[31m.md\n") != summary.npos);
  CHECK(summary.find("  - bad\\xff.json\n") != summary.npos);
  const std::string text = ingest_text(inv);
  CHECK(text.find('\x1b') == text.npos);
  CHECK(text.find('\xff') == text.npos);
  CHECK(wire::check_json(ingest_json(inv)));
}

TEST_CASE("ingest: reports that is a link to a folder") {
  const TempDir dir;
  dir.put("real/a.md", "# x");
  fs::create_directory_symlink("real", dir.of("reports"));
  const Inventory inv = ingested(dir);
  CHECK(paths(inv) == "real/a.md");
  CHECK(skips(inv) == "reports: link to a folder\n");
}
