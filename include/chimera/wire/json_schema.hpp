// A JSON document held against a JSON Schema (draft 2020-12), as far as schemas are given to
// language models: type, enum, const, required, properties, additionalProperties, items,
// prefixItems, anyOf, oneOf, allOf, $ref within the schema, and the limits of numbers, lengths and
// counts. Every other keyword (pattern, format, ...) is ignored, as the draft wants it.
//
// Thread: any; pure functions. Cost: reads a value once for each level it is nested in.
#pragma once

#include <string>
#include <string_view>

#include "chimera/base/result.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::wire {

// The members of an object, or the items of an array, each as a part of the text, which is JSON.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view container) : text_(container), reader_(container) {
    object_ = reader_.next() == JsonReader::Event::object_begin;
  }
  bool next();                 // false behind the last one
  std::string key;             // decoded; of an object's members
  std::string_view value;

 private:
  std::string_view part();
  std::string_view text_;
  JsonReader reader_;
  bool object_;
};

// The text of the value behind `key` of an object; empty when there is none, or no object.
std::string_view json_member(std::string_view object, std::string_view key);
// Appends what a string's text (with its quotes) says; nothing when it is no string.
void append_decoded(std::string& out, std::string_view string);

// `document` and `schema` are JSON. Errors: bad_input, with `what` in words ("items[2].price: not a
// number"); usage when it is the schema that makes no sense.
Result<void> check_schema(std::string_view document, std::string_view schema, std::string& what);

}  // namespace chimera::wire
