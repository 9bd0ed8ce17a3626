// JSON by its raw text: values inside a checked document, and documents made for a schema.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chimera::sim {

// The value of that member of an object, as it is written; empty when there is none.
std::string_view member(std::string_view object, std::string_view name);
// The first value of an array, likewise.
std::string_view first_item(std::string_view array);
// Appends the text of a string; false when the value is none.
bool append_text(std::string& out, std::string_view value);

// What a request's schema may be long: documents are made of it again and again.
inline constexpr size_t kSchemaLimit = 64 * 1024;

// A document for a JSON schema (draft 2020-12, as far as structured outputs and tools use it):
// type, properties and required, items and minItems, enum and const, minimum, exclusiveMinimum,
// maximum, $ref within the schema, the first of anyOf, oneOf and allOf. Objects have their required
// properties, without a list of those all of them; nesting ends at a depth of 16 with null. Without
// a schema any object.
// `schema`: well-formed JSON of at most kSchemaLimit bytes, or empty.
std::string document_for(std::string_view schema, uint64_t seed);

}  // namespace chimera::sim
