// What the tests of splitters share: whatever the cuts, the same parts come out.
#pragma once

#include <initializer_list>

#include "chimera/base/result.hpp"
#include "tests/check.hpp"

namespace chimera_test {

using Strings = std::vector<std::string>;

struct SplitCase {
  const char* name;
  std::string_view bytes;
  Strings parts;
};

// The parts as `text` says them, and "!" with the reason behind them when the splitter refused.
template <class Splitter, class Text>
Strings parts_of(const std::vector<std::string_view>& pieces, size_t limit, Text text) {
  Strings out;
  Splitter splitter(limit);
  const auto sink = [&](const auto& part) -> chimera::Result<void> {
    out.push_back(text(part));
    return {};
  };
  for (std::string_view piece : pieces) {
    if (const auto fed = splitter.feed(piece, sink); !fed) {
      out.push_back(std::string("! ") + fed.error().where);
      CHECK(fed.error().code == chimera::Errc::too_large);
      return out;
    }
  }
  CHECK(splitter.finish(sink));
  CHECK(splitter.finish(sink));   // hands nothing on twice
  return out;
}

template <class Splitter, class Text>
void check_every_split(std::initializer_list<SplitCase> cases, size_t limit, Text text) {
  for (const SplitCase& c : cases) {
    INFO(std::string(c.name));
    each_split(c.bytes, [&](const std::vector<std::string_view>& pieces) {
      CHECK(parts_of<Splitter>(pieces, limit, text) == c.parts);
    });
  }
}

// `bytes` hold the parts "a", "b" and "c", `tail` an unended one: the sink refuses "b", and the
// last.
template <class Splitter, class Text>
void check_refusal(std::string_view bytes, std::string_view tail, Text text) {
  using chimera::Errc;
  each_split(bytes, [&](const std::vector<std::string_view>& pieces) {
    Splitter splitter;
    std::string seen;
    bool stopped = false;
    for (std::string_view piece : pieces) {
      const auto fed = splitter.feed(piece, [&](const auto& part) -> chimera::Result<void> {
        seen += text(part);
        if (text(part) == "b") return chimera::fail(Errc::protocol, "b", 7);
        return {};
      });
      if (fed) continue;
      CHECK(fed.error().code == Errc::protocol);
      CHECK(fed.error().os == 7);
      stopped = true;
      break;
    }
    CHECK(stopped);
    CHECK(seen == "ab");
  });
  Splitter last;
  const auto refuse = [](const auto&) -> chimera::Result<void> {
    return chimera::fail(Errc::bad_input, "x");
  };
  CHECK(last.feed(tail, refuse));
  CHECK(last.finish(refuse).error().code == Errc::bad_input);
}

}  // namespace chimera_test
