#include "src/sim/plan.hpp"

#include <math.h>
#include <stdlib.h>

#include "chimera/agent/prompts.hpp"
#include "chimera/base/text.hpp"
#include "tests/check.hpp"

using namespace chimera;
using namespace chimera::sim;

namespace {

Settings with(std::string_view spec) {
  Settings s;
  REQUIRE(set_all(s, spec).has_value());
  return s;
}

std::vector<Nanos> offsets(const Settings& s, uint64_t seed, size_t n) {
  Schedule schedule(s, seed);
  std::vector<Nanos> out;
  for (size_t i = 0; i < n; ++i) out.push_back(schedule.next());
  return out;
}

std::string text(Genre genre, uint32_t tokens, uint64_t seed) {
  Text t(genre, tokens, seed);
  std::string out;
  for (uint32_t i = 0; i < tokens; ++i) t.next(out);
  return out;
}

TEST_CASE("without jitter token k is due at k / rate, without drift") {
  const std::vector<Nanos> at = offsets(with("rate=3"), 1, 3001);
  CHECK(at[0] == 0);
  CHECK(at[1] == 333333333);
  CHECK(at[3000] == 1000 * kSecond);
  const std::vector<Nanos> flat = offsets(with("rate=inf,jitter=normal:10%"), 1, 100);
  CHECK(flat[99] == 0);
}

TEST_CASE("jitter keeps order and mean, and is the seed's") {
  for (const char* jitter : {"normal:10%", "normal:100%", "lognormal:0.5", "pareto:3"}) {
    CAPTURE(jitter);
    const Settings s = with(std::string("rate=100,jitter=") + jitter);
    const std::vector<Nanos> at = offsets(s, 7, 20001);
    bool ordered = true, varied = false;
    for (size_t i = 1; i < at.size(); ++i) ordered &= at[i] >= at[i - 1];
    for (size_t i = 2; i < at.size(); ++i) varied |= at[i] - at[i - 1] != at[1] - at[0];
    CHECK(ordered);
    CHECK(varied);
    const double mean = static_cast<double>(at.back()) / 20000;
    // A spread of 100 % loses its negative sixth, which leaves a mean of 1.083.
    CHECK(mean ==
          doctest::Approx(1e7).epsilon(std::string_view(jitter) == "normal:100%" ? 0.11 : 0.03));
    CHECK(at == offsets(s, 7, 20001));
    CHECK(at != offsets(s, 8, 20001));
  }
}

TEST_CASE("lengths") {
  CHECK(draw_length(with("tokens=17").tokens, 3) == 17);
  const Settings range = with("tokens=100-102"), spread = with("tokens=1100~120");
  bool hit[3] = {};
  double sum = 0, squares = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const uint32_t n = draw_length(range.tokens, seed);
    REQUIRE(n >= 100);
    REQUIRE(n <= 102);
    hit[n - 100] = true;
    const double x = draw_length(spread.tokens, seed);
    sum += x;
    squares += x * x;
  }
  CHECK((hit[0] && hit[1] && hit[2]));
  const double mean = sum / 2000;
  CHECK(mean == doctest::Approx(1100).epsilon(0.02));
  CHECK(sqrt(squares / 2000 - mean * mean) == doctest::Approx(120).epsilon(0.1));
}

TEST_CASE("a text has something to find, whatever the seed") {
  for (const Genre genre : {Genre::analysis, Genre::report}) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
      CAPTURE(seed);
      const std::string t = text(genre, 140, seed);
      CAPTURE(t);
      CHECK(is_utf8(t));
      CHECK(count_code_points(t) < t.size());  // some of it is not ASCII
      const agent::Analysis a = agent::parse_analysis(t);
      CHECK(a.summary.find("samples") != std::string::npos);
      CHECK(a.key_findings.size() >= 2);
      CHECK(a.recommendations.size() >= 1);
    }
  }
}

// The numbers in a text, in their order.
std::vector<double> numbers(std::string_view s) {
  std::vector<double> out;
  for (size_t i = 0; i < s.size();) {
    size_t n = 0;
    while (i + n < s.size() && (is_digit(s[i + n]) || (n > 0 && s[i + n] == '.'))) ++n;
    if (n > 0) out.push_back(strtod(std::string(s.substr(i, n)).c_str(), nullptr));
    i += n > 0 ? n : 1;
  }
  return out;
}

TEST_CASE("the figures of a sentence agree") {
  size_t seen[7] = {};
  for (uint64_t seed = 0; seed < 300; ++seed) {
    std::string all = text(seed % 2 ? Genre::report : Genre::analysis, 700, seed);
    for (size_t at = all.find("1024"); at != all.npos; at = all.find("1024")) all.erase(at, 4);
    for (const char* name : {"context of 512", "num_gpu 80", "temperature 0.8", "p99", "95th"}) {
      for (size_t at = all.find(name); at != all.npos; at = all.find(name)) {
        all.erase(at, std::string_view(name).size());
      }
    }
    std::string_view rest = all, line;
    while (next_line(rest, line)) {
      // A sentence ends in ". "; "3.5" has no blank.
      while (!line.empty()) {
        const size_t end = std::min(line.find(". "), line.size());
        const std::string sentence(line.substr(0, end));
        line.remove_prefix(std::min(line.size(), end + 2));
        CAPTURE(sentence);
        const std::vector<double> n = numbers(sentence);
        auto is = [&](int i, const char* words) {
          const bool found = sentence.find(words) != sentence.npos;
          seen[i] += found;
          return found;
        };
        if (is(0, "samples the")) CHECK((n.size() == 3 && n[1] < n[2]));
        if (is(1, "throughput improves")) CHECK(fabs(100 * (n[2] / n[1] - 1) - n[0]) < 0.6);
        if (is(2, "falls by")) CHECK(fabs(100 * (1 - n[2] / n[1]) - n[0]) < 0.6);
        if (is(3, "median and")) CHECK(n[0] < n[1]);
        if (is(4, "runs show contention")) CHECK((n[0] >= 1 && n[0] <= n[1]));
        if (is(5, "finished within")) {
          CHECK(n[1] <= n[0]);
          CHECK(fabs(100 * n[1] / n[0] - n[2]) <= 0.05001);
        }
        if (is(6, "runs is small")) CHECK((n[0] > 0 && n[0] <= 3));
      }
    }
  }
  for (size_t n : seen) CHECK(n > 20);
}

TEST_CASE("a text of 80 tokens and more ends with a whole sentence, in its recommendations") {
  for (uint32_t tokens = 80; tokens < 700; tokens += tokens < 300 ? 1 : 37) {
    for (const Genre genre : {Genre::analysis, Genre::report}) {
      const std::string t = text(genre, tokens, tokens * 3);
      CAPTURE(tokens);
      CAPTURE(t);
      const std::string_view whole = trim(t);
      CHECK(whole.ends_with('.'));
      const size_t at = t.find("## Recommendations\n\n1. We recommend ");
      REQUIRE(at != t.npos);
      CHECK(t.find("\n#", at) == t.npos);
      CHECK(t.find("## Executive Summary") < at);
      CHECK(t.find(" %.", at) != t.npos);       // the first recommendation is complete
    }
  }
}

TEST_CASE("texts are the seed's") {
  CHECK(text(Genre::analysis, 300, 1) == text(Genre::analysis, 300, 1));
  CHECK(text(Genre::analysis, 300, 1) != text(Genre::analysis, 300, 2));
  CHECK(text(Genre::analysis, 300, 1) != text(Genre::report, 300, 1));
}

TEST_CASE("tokens are whole characters, never empty, and never end") {
  Text t(Genre::analysis, 5000, 9);
  for (int i = 0; i < 5000; ++i) {
    std::string token;
    t.next(token);
    REQUIRE(!token.empty());
    REQUIRE(is_utf8(token));
    REQUIRE(token.size() < 16);
  }
}

TEST_CASE("the genre is found in the prompt") {
  CHECK(genre_of("Your task: write a Technical Report from the analysis") == Genre::report);
  CHECK(genre_of("analyse the performance data") == Genre::analysis);
}

}  // namespace
