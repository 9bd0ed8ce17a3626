// How this works: each schema is looked through once, and the raw texts behind the words we know
// are kept; a value is then written by the first of them that decides.
#include "document.hpp"

#include <math.h>

#include "chimera/base/number.hpp"
#include "chimera/base/rng.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "plan.hpp"

namespace chimera::sim {
namespace {

using wire::JsonReader;
using Event = JsonReader::Event;

constexpr int kDeepest = 16;
// Behind so many bytes written, or looked through, everything is null.
constexpr size_t kMost = 16 * 1024, kMostRead = 16u << 20;
constexpr int64_t kMostItems = 64;

enum Word { ref, constant, choice, any_of, one_of, all_of, type, properties, required, items,
            min_items, minimum, above, maximum, kWords };
constexpr const char* kNames[] = {"$ref",     "const", "enum",      "anyOf",   "oneOf",
                                  "allOf",    "type",  "properties", "required", "items",
                                  "minItems", "minimum", "exclusiveMinimum", "maximum"};
static_assert(std::size(kNames) == kWords);

// Reads the next value and returns it as it is written.
std::string_view take_value(JsonReader& in, std::string_view text) {
  const size_t begin = in.offset();
  if (!in.skip()) return {};
  return trim(text.substr(begin, in.offset() - begin));
}

struct Shape {
  std::string_view of[kWords];
  explicit Shape(std::string_view schema) {
    JsonReader in(schema);
    if (in.next() != Event::object_begin) return;
    while (in.next() == Event::key) {
      size_t word = 0;
      while (word < kWords && !in.is(kNames[word])) ++word;
      const std::string_view value = take_value(in, schema);
      if (word < kWords) of[word] = value;
    }
  }
};

// Without the blanks between its tokens: a document may have to fit in a line.
void append_compact(std::string& out, std::string_view json) {
  bool quoted = false;
  for (size_t i = 0; i < json.size(); ++i) {
    if (!quoted && is_space(json[i])) continue;
    if (json[i] == '"') quoted = !quoted;
    out += json[i];
    if (json[i] == '\\') out += json[++i];
  }
}

bool holds(std::string_view list, std::string_view name) {
  JsonReader in(list);
  if (in.next() != Event::array_begin) return false;
  for (Event e = in.next(); e == Event::string; e = in.next()) {
    if (in.is(name)) return true;
  }
  return false;
}

class Maker {
 public:
  Maker(std::string_view whole, uint64_t seed) : whole_(whole), rng_(seed) {}
  void value(std::string_view schema, int depth);
  std::string out;

 private:
  bool tired() const { return out.size() > kMost || read_ > kMostRead; }
  std::string_view target(std::string_view pointer);
  void object(const Shape& shape, int depth);
  void array(const Shape& shape, int depth);
  void number(const Shape& shape, bool whole);
  void bound(std::string_view value, bool whole, double (*round)(double));
  std::string_view whole_;
  Rng rng_;
  size_t read_ = 0;
};

// "#/$defs/Name", a pointer from the root of the schema.
std::string_view Maker::target(std::string_view pointer) {
  std::string path;
  append_text(path, pointer);
  std::string_view rest = path, part, at = whole_;
  next_part(rest, '/', part);
  while (next_part(rest, '/', part)) {
    read_ += at.size();
    at = member(at, part);
  }
  return at;
}

void Maker::object(const Shape& shape, int depth) {
  const std::string_view list = shape.of[properties], needed = shape.of[required];
  out += '{';
  JsonReader in(list);
  bool first = true;
  if (in.next() == Event::object_begin) {
    while (in.next() == Event::key) {
      const std::string_view raw = in.raw();
      std::string name;
      in.string(name);
      const std::string_view schema = take_value(in, list);
      read_ += needed.size();
      if (tired() || (!needed.empty() && !holds(needed, name))) continue;
      out.append(first ? "\"" : ",\"").append(raw).append("\":");
      first = false;
      value(schema, depth + 1);
    }
  }
  // What is needed and not described may be anything.
  JsonReader names(needed);
  if (names.next() == Event::array_begin) {
    while (names.next() == Event::string) {
      std::string name;
      const std::string_view raw = names.raw();
      names.string(name);
      read_ += list.size();
      if (tired() || !member(list, name).empty()) continue;
      out.append(first ? "\"" : ",\"").append(raw).append("\":true");
      first = false;
    }
  }
  out += '}';
}

void Maker::array(const Shape& shape, int depth) {
  int64_t count = 1;
  JsonReader in(shape.of[min_items]);
  if (in.next() == Event::number) count = in.integer().value_or(1);
  if (count < 1) count = 1;
  out += '[';
  for (int64_t i = 0; i < count && i < kMostItems; ++i) {
    if (i > 0) out += ',';
    value(shape.of[items], depth + 1);
  }
  out += ']';
}

// A bound as it stands, or the next whole number towards what is allowed.
void Maker::bound(std::string_view value, bool whole, double (*round)(double)) {
  JsonReader in(value);
  if (!whole || value.find_first_of(".eE") == value.npos || in.next() != Event::number) {
    return append_compact(out, value);
  }
  append_fixed(out, round(in.number().value_or(0)), 0);
}

void Maker::number(const Shape& shape, bool whole) {
  JsonReader in(shape.of[above]);
  if (!shape.of[minimum].empty()) {
    bound(shape.of[minimum], whole, ceil);
  } else if (in.next() == Event::number) {
    append_fixed(out, floor(in.number().value_or(0)) + 1, 0);
  } else if (!shape.of[maximum].empty()) {
    bound(shape.of[maximum], whole, floor);
  } else {
    append_u64(out, 1 + rng_.below(100));
    if (!whole) out += ".5";
  }
}

void Maker::value(std::string_view schema, int depth) {
  read_ += schema.size();
  if (depth > kDeepest || tired()) {
    out += "null";
    return;
  }
  const Shape shape(schema);
  if (!shape.of[ref].empty()) return value(target(shape.of[ref]), depth + 1);
  if (!shape.of[constant].empty()) return append_compact(out, shape.of[constant]);
  const std::string_view chosen = first_item(shape.of[choice]);
  if (!chosen.empty()) return append_compact(out, chosen);
  for (const Word word : {any_of, one_of, all_of}) {
    const std::string_view option = first_item(shape.of[word]);
    if (!option.empty()) return value(option, depth + 1);
  }
  std::string_view kind = shape.of[type];
  if (kind.starts_with('[')) kind = first_item(kind);
  if (kind == "\"object\"" || (kind.empty() && !shape.of[properties].empty())) {
    object(shape, depth);
  } else if (kind == "\"array\"" || (kind.empty() && !shape.of[items].empty())) {
    array(shape, depth);
  } else if (kind == "\"number\"" || kind == "\"integer\"") {
    number(shape, kind == "\"integer\"");
  } else if (kind == "\"boolean\"") {
    out += "true";
  } else if (kind == "\"null\"") {
    out += "null";
  } else {
    wire::append_json_string(out, a_phrase(rng_.next()));
  }
}

}  // namespace

std::string_view member(std::string_view object, std::string_view name) {
  JsonReader in(object);
  if (in.next() != Event::object_begin) return {};
  while (in.next() == Event::key) {
    const bool found = in.is(name);
    const std::string_view value = take_value(in, object);
    if (found) return value;
  }
  return {};
}

std::string_view first_item(std::string_view array) {
  JsonReader in(array);
  if (in.next() != Event::array_begin) return {};
  const std::string_view value = take_value(in, array);
  return value == "]" ? std::string_view() : value;
}

bool append_text(std::string& out, std::string_view value) {
  JsonReader in(value);
  if (in.next() != Event::string) return false;
  in.string(out);
  return true;
}

std::string document_for(std::string_view schema, uint64_t seed) {
  Maker maker(schema, seed);
  maker.value(schema.empty() ? R"({"properties":{"answer":{}}})" : schema, 0);
  return std::move(maker.out);
}

}  // namespace chimera::sim
