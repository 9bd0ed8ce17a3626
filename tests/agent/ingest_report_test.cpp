#include "tests/agent/ingest_fixture.hpp"

using namespace chimera_test;

// WHY stands for the JSON reader's words.
static const char* const kText = R"(csv       csv_data/a.csv                10 B  1 row x 2 columns
json      csv_data/b.json                3 B  array, 2 values
markdown  reports/long name.md          13 B  2 headings

csv              1 file   1 row
json             1 file   2 values
markdown         1 file   2 headings
total            3 files  26 bytes

metrics (6)
  csv_tok                 1.0
  data_types              csv,json,markdown
  json_documents          1
  markdown_heading_count  2
  total_file_size_bytes   26
  total_files_analyzed    3

skipped (1)
  csv_data/c.json: WHY
)";

static const char* const kDocument = R"({
  "schema": "chimera.ingest/1",
  "root": "ROOT",
  "files": [
    {
      "path": "csv_data/a.csv",
      "kind": "csv",
      "bytes": 10,
      "modified": "1970-01-01T00:00:00Z",
      "rows": 1,
      "column_count": 2,
      "columns": [
        "tok",
        "b"
      ]
    },
    {
      "path": "csv_data/b.json",
      "kind": "json",
      "bytes": 3,
      "modified": "2025-11-14T18:53:30Z",
      "json": "array",
      "values": 2
    },
    {
      "path": "reports/long name.md",
      "kind": "markdown",
      "bytes": 13,
      "modified": "1970-01-01T00:00:00Z",
      "heading_count": 2,
      "headings": [
        "One",
        "Two"
      ]
    }
  ],
  "skipped": [
    {
      "path": "csv_data/c.json",
      "why": "WHY"
    }
  ],
  "notes": [],
  "summary": "Total files analyzed: 3\n\n)"
    R"(CSV Files (1)\n  - csv_data/a.csv\n  Latest modified: 1970-01-01 00:00:00 UTC\n\n)"
    R"(JSON Files (1)\n  - csv_data/b.json\n  Latest modified: 2025-11-14 18:53:30 UTC\n\n)"
    R"(MARKDOWN Files (1)\n  - reports/long name.md\n)"
    R"(  Latest modified: 1970-01-01 00:00:00 UTC\n\n",
  "metrics": {
    "csv_tok": 1.0,
    "data_types": [
      "csv",
      "json",
      "markdown"
    ],
    "json_documents": 1,
    "markdown_heading_count": 2,
    "total_file_size_bytes": 26,
    "total_files_analyzed": 3
  },
  "totals": {
    "files": 3,
    "csv": 1,
    "json": 1,
    "markdown": 1,
    "bytes": 26,
    "rows": 1,
    "values": 2,
    "headings": 2,
    "skipped": 1
  }
}
)";

TEST_CASE("ingest: what the command prints") {
  const TempDir dir;
  dir.put("csv_data/a.csv", "tok,b\n1,2\n", 0);
  dir.put("csv_data/b.json", "[1]", 1763146410);
  dir.put("csv_data/c.json", "[1", 0);
  dir.put("reports/long name.md", "# One\n## Two\n", 0);
  Inventory inv = ingested(dir);
  inv.root = "ROOT";
  REQUIRE(inv.skipped.size() == 1);
  inv.skipped[0].why = "WHY";
  CHECK(ingest_text(inv) == kText);
  CHECK(ingest_json(inv) == kDocument);
}

TEST_CASE("ingest: what the command prints for nothing") {
  const TempDir dir;
  Inventory inv = ingested(dir);
  inv.notes.push_back("NOTE");
  CHECK(ingest_text(inv) == R"(csv              0 files  0 rows
json             0 files  0 values
markdown         0 files  0 headings
total            0 files  0 bytes

metrics (3)
  data_types             -
  total_file_size_bytes  0
  total_files_analyzed   0

note: NOTE
)");
  const std::string document = ingest_json(inv);
  CHECK(wire::check_json(document));
  CHECK(document.find("\"files\": [],\n  \"skipped\": [],\n") != document.npos);
}

TEST_CASE("ingest: untrusted names in what the command prints") {
  Inventory inv;
  inv.files.resize(2);
  inv.files[0].path = "\xC3\xA9\x1b.csv";
  inv.files[1].kind = FileKind::markdown;
  inv.files[1].path = "\xff.md";
  inv.files[1].names.push_back("a\x1b\"\xff");
  inv.metrics.push_back({"tok\n", Metric::Kind::text, 0, "a\r"});
  const std::string text = ingest_text(inv);
  // Columns line up by characters, not by bytes.
  CHECK(text.starts_with("csv       \xC3\xA9\\x1b.csv           0 B  0 rows x 0 columns\n"
                         "markdown  \\xff.md             0 B  0 headings\n"));
  CHECK(text.find("tok\\x0a ") != text.npos);
  CHECK(text.find("a\\x0d\n") != text.npos);
  const std::string document = ingest_json(inv);
  CHECK(wire::check_json(document));
  CHECK(document.find("\"\xEF\xBF\xBD.md\"") != document.npos);
  CHECK(document.find("\"a\\u001b\\\"\xEF\xBF\xBD\"") != document.npos);
}
