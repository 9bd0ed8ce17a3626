#include "map_record.hpp"

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/sort.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json_schema.hpp"

namespace chimera::cli {
namespace {

bool is_name(std::string_view s) {
  for (const char c : s) {
    if (!is_alpha(c) && !is_digit(c) && c != '_' && c != '-' && c != '.') return false;
  }
  return true;
}

// The next place of a template: what is before it is text. False when there is none left.
struct Place {
  std::string_view before, name;
};
bool next_place(std::string_view& rest, Place& place) {
  for (size_t at = 0; (at = rest.find_first_of("{}", at)) != rest.npos; ++at) {
    const bool twice = at + 1 < rest.size() && rest[at + 1] == rest[at];
    const size_t end = rest[at] == '{' ? rest.find('}', at) : rest.npos;
    if (twice) {                       // one brace, as text
      place = {rest.substr(0, at + 1), {}};
      rest.remove_prefix(at + 2);
      return true;
    }
    if (end == rest.npos || !is_name(rest.substr(at + 1, end - at - 1))) continue;
    place = {rest.substr(0, at), rest.substr(at, end + 1 - at)};   // braces and all
    rest.remove_prefix(end + 1);
    return true;
  }
  return false;
}

// A member by its name, or by a path of names.
std::string_view member_at(std::string_view object, std::string_view path) {
  std::string_view found = wire::json_member(object, path);
  if (!found.empty()) return found;
  found = object;
  for (std::string_view name; !found.empty() && next_part(path, '.', name);) {
    found = wire::json_member(found, name);
  }
  return found == object ? std::string_view() : found;
}

void append_value(std::string& out, std::string_view json) {
  json.starts_with('"') ? wire::append_decoded(out, json) : (void)out.append(json);
}

uint64_t hash_of(std::string_view id) {
  uint64_t h = 0xcbf29ce484222325;
  for (const char c : id) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return h ^ h >> 29;
}

// The same id whatever the escapes: of strings the decoded text behind a quote.
std::string plain_id(std::string_view json) {
  std::string plain;
  if (!json.starts_with('"')) return std::string(json);
  plain.push_back('"');
  wire::append_decoded(plain, json);
  return plain;
}

}  // namespace

bool template_has_place(std::string_view pattern) {
  Place place;
  while (next_place(pattern, place)) {
    if (!place.name.empty()) return true;
  }
  return false;
}

Result<std::string> fill_template(std::string_view pattern, std::string_view line, MapInput input,
                                  std::string& what) {
  std::string out;
  Place place;
  while (next_place(pattern, place)) {
    out.append(place.before);
    if (place.name.empty()) continue;
    const std::string_view name = place.name.substr(1, place.name.size() - 2);
    if (name.empty() || (input == MapInput::text && name == "text")) {
      out.append(line);
      continue;
    }
    const auto value = input == MapInput::text ? std::string_view() : member_at(line, name);
    if (value.empty()) {
      what = "no \"" + std::string(name) + "\" in the record";
      if (input == MapInput::text) what.append(", which is text: {text} is all of it");
      return fail(Errc::bad_input, "template");
    }
    append_value(out, value);
  }
  return out.append(pattern);
}

Result<MapRecord> map_record(std::string_view line, MapInput input, std::string_view pattern,
                             uint64_t number, std::string& what) {
  MapRecord r;
  append_u64(r.id, number);
  if (input == MapInput::ndjson) {
    wire::JsonReader reader(line);
    reader.skip();
    if (reader.next() != wire::JsonReader::Event::end) {
      what = std::string("not JSON: ") + reader.what();
      return fail(Errc::bad_input, "record");
    }
    if (!line.starts_with('{')) return fail(Errc::bad_input, "not an object");
    const std::string_view id = wire::json_member(line, "id");
    if (!id.empty() && id != "null") r.id = id;
  }
  if (!pattern.empty()) {
    CHI_TRY(r.prompt, fill_template(pattern, line, input, what));
  } else if (input == MapInput::ndjson) {
    std::string_view prompt = wire::json_member(line, "prompt");
    if (prompt.empty()) prompt = wire::json_member(line, "text");
    if (!prompt.starts_with('"')) {
      return fail(Errc::bad_input, "no \"prompt\" or \"text\" in the record: give --template");
    }
    wire::append_decoded(r.prompt, prompt);
  } else {
    r.prompt = line;
  }
  return r;
}

void MapDone::add(std::string_view line) {
  if (!wire::check_json(line)) return;
  const std::string_view id = wire::json_member(line, "id");
  if (id.empty() || !wire::json_member(line, "error").empty()) return;
  ids_.push_back(hash_of(plain_id(id)));
}

void MapDone::freeze() {
  const auto less = [this](size_t a, size_t b) { return ids_[a] < ids_[b]; };
  const auto swap = [this](size_t a, size_t b) { std::swap(ids_[a], ids_[b]); };
  sort_places(ids_.size(), less, swap);
  taken_.assign(ids_.size(), 0);
}

// How many of a run of equal ones are taken, the first of them knows.
bool MapDone::take(std::string_view id) {
  const uint64_t h = hash_of(plain_id(id));
  const size_t i =
      static_cast<size_t>(std::lower_bound(ids_.begin(), ids_.end(), h) - ids_.begin());
  if (i == ids_.size() || ids_[i] != h) return false;
  const size_t next = i + taken_[i];
  if (next == ids_.size() || ids_[next] != h) return false;
  ++taken_[i];
  return true;
}

}  // namespace chimera::cli
