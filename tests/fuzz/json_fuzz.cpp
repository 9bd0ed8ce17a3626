// JSON: reading event by event, skipping and check_json agree; what JsonWriter makes of the events
// reads back as the same events.
#include "chimera/wire/json.hpp"

#include <vector>

#include "chimera/base/text.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace chimera_fuzz {
namespace {

using chimera::wire::JsonReader;
using chimera::wire::JsonWriter;
using Event = JsonReader::Event;

struct Seen {
  Event event;
  std::string text;  // decoded keys and strings, raw numbers and literals
  bool operator==(const Seen&) const = default;
};

void check_number(const JsonReader& in) {
  const auto real = in.number();
  const auto whole = in.integer();
  const auto natural = in.unsigned_integer();
  FUZZ_CHECK(!whole || (real && *real == static_cast<double>(*whole)));
  FUZZ_CHECK(!natural || (real && *real == static_cast<double>(*natural)));
  FUZZ_CHECK(!whole || *whole < 0 || (natural && static_cast<uint64_t>(*whole) == *natural));
  if (!real) return;
  std::string again;
  JsonWriter(again, JsonWriter::Style::compact).number(*real);
  JsonReader back(again);
  FUZZ_CHECK(back.next() == Event::number && back.number() && *back.number() == *real);
}

Seen look(const JsonReader& in, Event event, std::string_view input) {
  Seen seen{event, {}};
  FUZZ_CHECK(in.offset() <= input.size() && inside(in.raw(), input));
  if (event == Event::key || event == Event::string) {
    in.string(seen.text);
    FUZZ_CHECK(in.is(std::string_view(seen.text)) && !in.is(seen.text + "x"));
    FUZZ_CHECK(chimera::is_utf8(seen.text));
  } else {
    seen.text = in.raw();
  }
  if (event == Event::number) check_number(in);
  return seen;
}

// The events of the document; the last one is end or error.
std::vector<Seen> walk(JsonReader& in, std::string_view input) {
  std::vector<Seen> out;
  int depth = 0;
  do {
    const Event e = in.next();
    depth += (e == Event::object_begin || e == Event::array_begin);
    depth -= (e == Event::object_end || e == Event::array_end);
    FUZZ_CHECK(depth >= 0 && depth <= chimera::wire::kJsonDepth);
    FUZZ_CHECK(e != Event::end || depth == 0);
    out.push_back(look(in, e, input));
  } while (out.back().event != Event::end && out.back().event != Event::error);
  FUZZ_CHECK(in.next() == out.back().event);
  return out;
}

void write(JsonWriter& w, const Seen& s) {
  switch (s.event) {
    case Event::object_begin: w.begin_object(); break;
    case Event::object_end: w.end_object(); break;
    case Event::array_begin: w.begin_array(); break;
    case Event::array_end: w.end_array(); break;
    case Event::key: w.key(s.text); break;
    case Event::string: w.string(s.text); break;
    case Event::number: w.raw(s.text); break;
    case Event::boolean: w.boolean(s.text == "true"); break;
    case Event::null: w.null(); break;
    case Event::end:
    case Event::error: break;
  }
}

void check_rewritten(const std::vector<Seen>& events, JsonWriter::Style style) {
  std::string text;
  JsonWriter writer(text, style);
  for (const Seen& s : events) write(writer, s);
  JsonReader in(text);
  FUZZ_CHECK(walk(in, text) == events);
}

// Skips every value of the outermost container, or the whole document.
bool skip_values(JsonReader& in, bool inside_first) {
  if (!inside_first) return in.skip() && in.next() == Event::end;
  Event e = in.next();
  if (e != Event::object_begin) {
    if (e == Event::array_begin && !in.skip_rest()) return false;
    return e != Event::error && in.next() == Event::end;
  }
  while ((e = in.next()) == Event::key) {
    if (!in.skip()) return false;
  }
  return e == Event::object_end && in.next() == Event::end;
}

}  // namespace

int fuzz_json(std::string_view input) {
  JsonReader in(input);
  const std::vector<Seen> events = walk(in, input);
  const bool good = events.back().event == Event::end;
  FUZZ_CHECK(good == chimera::wire::check_json(input).has_value());
  FUZZ_CHECK(good || in.what()[0] != '\0');
  for (const bool inside_first : {false, true}) {
    JsonReader skipping(input);
    FUZZ_CHECK(skip_values(skipping, inside_first) == good);
    FUZZ_CHECK(skipping.offset() == in.offset());
    FUZZ_CHECK(good || std::string_view(skipping.what()) == in.what());
  }
  if (!good) return 0;
  check_rewritten(events, JsonWriter::Style::compact);
  check_rewritten(events, JsonWriter::Style::pretty);
  return 0;
}

}  // namespace chimera_fuzz

FUZZ_ENTRY(fuzz_json)
