#include "tests/agent/ingest_fixture.hpp"

using namespace chimera_test;

TEST_CASE("ingest: metrics from JSON") {
  struct Case {
    const char* name;
    const char* text;
    const char* want;
  };
  static const Case cases[] = {
      {"paths", R"({"a":{"b":[0,1,2,{"tok_c":3}]}})", R"({"json_a.b[3].tok_c":3.0})"},
      {"the whole path is looked at", R"({"Latency":{"p50":1,"x":[2,3]},"p50":4})",
       R"({"json_Latency.p50":1.0,"json_Latency.x[0]":2.0,"json_Latency.x[1]":3.0})"},
      {"siblings of a wanted path", R"({"ttft":{"a":1},"b":2,"c":{"d":3}})",
       R"({"json_ttft.a":1.0})"},
      {"an array at the top", R"([{"speed":1},{"speed":2},3])",
       R"({"json_[0].speed":1.0,"json_[1].speed":2.0})"},
      {"all words, any case",
       R"({"xTOKx":1,"ThroughPut":2,"LATENCY":3,"ttft":4,"SpeedUp":5,"to k":6})",
       R"({"json_LATENCY":3.0,"json_SpeedUp":5.0,)"
       R"("json_ThroughPut":2.0,"json_ttft":4.0,"json_xTOKx":1.0})"},
      {"a word is not put together from parts", R"({"t":{"ok":1},"tt":{"ft":[1]}})", "{}"},
      {"strings that are numbers",
       R"({"tok":{"a":" 1,234.5 ","b":"98%","c":"0.5s","d":"1e3","e":"7s%s"}})",
       R"({"json_tok.a":1234.5,"json_tok.b":98.0,"json_tok.c":0.5,"json_tok.d":1000.0,)"
       R"("json_tok.e":7.0})"},
      {"strings that are not",
       R"({"tok":["","s","fast","5 s","1 2","nan","inf","0x10","-"]})", "{}"},
      {"other values", R"({"tok":[true,false,null,{},[]]})", "{}"},
      {"escapes in keys and strings", R"({"t\u006fk\n\"":"\u0031"})", "{\"json_tok\\n\\\"\":1.0}"},
      {"repeated keys: the first", R"({"tok":1,"tok":2})", R"({"json_tok":1.0})"},
      {"an empty key", R"({"":{"tok":1}})", R"({"json_tok":1.0})"},
      {"numbers", R"({"tok":[-0.0,1e308,9007199254740993,0.1,-9449.3235]})",
       R"({"json_tok[0]":-0.0,"json_tok[1]":1e308,"json_tok[2]":9007199254740992.0,)"
       R"("json_tok[3]":0.1,"json_tok[4]":-9449.3235})"},
      {"numbers that do not fit", R"({"tok":[1e999,2,"-1e999"]})", R"({"json_tok[1]":2.0})"},
      {"a number alone", "42", "{}"},
      {"sorted by bytes", R"({"tokB":1,"toka":2,"tok":3,"tok.":4,"tok[0]":5})",
       R"({"json_tok":3.0,"json_tok.":4.0,"json_tokB":1.0,"json_tok[0]":5.0,"json_toka":2.0})"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(content_metrics("a.json", c.text) == c.want);
  }
}

TEST_CASE("ingest: metrics from CSV") {
  struct Case {
    const char* name;
    const char* text;
    const char* want;
  };
  static const Case cases[] = {
      {"the first row decides", "tok\n1\n2\n", R"({"csv_tok":1.0})"},
      {"only wanted columns", "a,Tokens,mean_TTFT_s\n1,2,3\n",
       R"({"csv_Tokens":2.0,"csv_mean_TTFT_s":3.0})"},
      {"text stays text", "speed,tok\nfast,\n1,2\n", R"({"csv_speed":"fast","csv_tok":""})"},
      {"cells are trimmed", " tok ,latency\n  7 ,\" a b \"\n",
       R"({"csv_latency":"a b","csv_tok":7.0})"},
      {"numbers as people write them", "tok,speed,ttft,latency\n\"1,234\",98.20%,0.5s,12 ms\n",
       R"({"csv_latency":"12 ms","csv_speed":98.2,"csv_tok":1234.0,"csv_ttft":0.5})"},
      {"doubled quotes", "\"tok \"\"x\"\"\"\n\"a\"\"b\"\n", R"({"csv_tok \"x\"":"a\"b"})"},
      {"repeated columns: the last", "tok,tok,a\n1,2,3\n", R"({"csv_tok":2.0})"},
      {"no rows", "tok,speed\n", "{}"},
      {"not finite is text", "tok,speed,ttft\nnan,1e999,0x1\n",
       R"({"csv_speed":"1e999","csv_tok":"nan","csv_ttft":"0x1"})"},
  };
  for (const Case& c : cases) {
    INFO(c.name);
    CHECK(content_metrics("a.csv", c.text) == c.want);
  }
}

TEST_CASE("ingest: the fixed metrics and one sorted order") {
  const TempDir dir;
  CHECK(metrics_json(ingested(dir)) ==
        R"({"data_types":[],"total_file_size_bytes":0,"total_files_analyzed":0})");
  dir.put("b.csv", "tok\n5\n");
  dir.put("a.csv", "tok\n4\n");
  dir.put("c.json", "{\"ttft\":1,\"Ztok\":2}");
  dir.put("d.md", "#!/bin/sh\ntext\n  # x\n");
  dir.put("e.csv", "tok,b\n1\n");
  CHECK(metrics_json(ingested(dir)) ==
        R"({"csv_tok":4.0,"data_types":["csv","json","markdown"],"json_Ztok":2.0,)"
        R"("json_documents":1,"json_ttft":1.0,"markdown_heading_count":2,)"
        R"("total_file_size_bytes":52,"total_files_analyzed":4})");
}

TEST_CASE("ingest: the data summary") {
  const TempDir dir;
  CHECK(data_summary(ingested(dir)) == "Total files analyzed: 0\n\n");
  for (int i = 0; i < 7; ++i) dir.put("reports/r" + std::to_string(i) + ".md", "x", 1763146410 + i);
  dir.put("csv_data/a.csv", "a\n1\n", 0);
  dir.put("csv_data/bad.csv", "a\n1,2\n", 1900000000);
  dir.put("csv_data/old.json", "1", -1);
  CHECK(data_summary(ingested(dir)) ==
        "Total files analyzed: 9\n"
        "\n"
        "CSV Files (1)\n"
        "  - csv_data/a.csv\n"
        "  Latest modified: 1970-01-01 00:00:00 UTC\n"
        "\n"
        "JSON Files (1)\n"
        "  - csv_data/old.json\n"
        "\n"
        "MARKDOWN Files (7)\n"
        "  - reports/r0.md\n"
        "  - reports/r1.md\n"
        "  - reports/r2.md\n"
        "  - reports/r3.md\n"
        "  - reports/r4.md\n"
        "  ... and 2 more\n"
        "  Latest modified: 2025-11-14 18:53:36 UTC\n"
        "\n");
}

TEST_CASE("ingest: the real folder") {
  const char* shared = getenv("CHIMERA_SHARED");
  const std::string root = (shared ? std::string(shared) : "../shared"s) + "/data/ingest";
  if (!fs::is_directory(root)) {
    MESSAGE("skipped: shared data not present");
    return;
  }
  const auto result = ingest(root);
  REQUIRE(result);
  // Counted with Python's csv and json modules over the same files.
  CHECK(result->files.size() == 26);
  CHECK(skips(*result) == "");
  CHECK(result->notes.empty());
  CHECK(metrics_json(*result) ==
        R"({"csv_Tokens":44.0,"csv_Tokens per Second":14.24,"csv_mean_tokens_s":77.29,)"
        R"("csv_mean_ttft_s":3.2022,"csv_speedup":1.4673878916507563,)"
        R"("csv_throughput_delta":1.3242397001228454,"csv_tokens_s":77.5,)"
        R"("csv_total_tokens":124.0,"csv_ttft_delta_ms":-9449.3235,"csv_ttft_s":5.7669,)"
        R"("data_types":["csv","json","markdown"],"json_documents":17,)"
        R"("json_metrics[0].gpu[0].fan_speed":0.0,)"
        R"("json_metrics[1].gpu[0].fan_speed":0.0,"json_metrics[2].gpu[0].fan_speed":0.0,)"
        R"("json_metrics[3].gpu[0].fan_speed":0.0,"json_metrics[4].gpu[0].fan_speed":0.0,)"
        R"("json_metrics[5].gpu[0].fan_speed":0.0,)"
        R"("json_overall_tokens_per_second":14.590837494496075,)"
        R"("json_results[0].tokens":44.0,"json_results[0].tokens_per_second":14.244004049000157,)"
        R"("json_results[1].tokens":44.0,"json_results[1].tokens_per_second":13.603429535323556,)"
        R"("json_results[2].tokens":37.0,"json_results[2].tokens_per_second":14.106339902901299,)"
        R"("json_results[3].tokens":35.0,"json_results[3].tokens_per_second":13.849203212019999,)"
        R"("json_results[4].tokens":58.0,"json_results[4].tokens_per_second":13.274566825679415,)"
        R"("json_summary.avg_tokens_per_second":14.106339902901299,)"
        R"("json_timing_stats.latency_percentiles.p50":15.502165000179957,)"
        R"("json_timing_stats.latency_percentiles.p95":15.58403500039276,)"
        R"("json_timing_stats.latency_percentiles.p99":15.58403500039276,)"
        R"("json_total_tokens":225.0,)"
        R"("markdown_heading_count":80,"total_file_size_bytes":123519,"total_files_analyzed":26})");
  const std::string summary = data_summary(*result);
  CHECK(summary.starts_with("Total files analyzed: 26\n\nCSV Files (5)\n"
                            "  - csv_data/baseline_performance_summary.csv\n"));
  CHECK(summary.find("demo_baseline_1759181419.json\n  ... and 12 more\n  Latest modified: ") !=
        summary.npos);
}
