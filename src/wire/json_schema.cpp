// How this works: a value is a part of the document's text, a schema a part of the schema's.
// check() holds one against the other, keyword by keyword, and calls itself for what is inside.
#include "chimera/wire/json_schema.hpp"

#include <math.h>

#include <algorithm>

#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"

namespace chimera::wire {

using Event = JsonReader::Event;

// From here to the end of the next value, without what separates it from the one before.
std::string_view JsonWalk::part() {
  const size_t from = reader_.offset();
  const Event e = reader_.next();
  if (e == Event::object_begin || e == Event::array_begin) reader_.skip_rest();
  if (e == Event::array_end || e == Event::error || e == Event::end) return {};
  std::string_view s = text_.substr(from, reader_.offset() - from);
  while (!s.empty() && (is_space(s[0]) || s[0] == ',' || s[0] == ':')) s.remove_prefix(1);
  return s;
}

bool JsonWalk::next() {
  if (object_) {
    if (reader_.next() != Event::key) return false;
    key.clear();
    reader_.string(key);
  }
  value = part();
  return !value.empty();
}

std::string_view json_member(std::string_view object, std::string_view key) {
  if (!trim_left(object).starts_with('{')) return {};
  JsonWalk walk(object);
  while (walk.next()) {
    if (walk.key == key) return walk.value;
  }
  return {};
}

void append_decoded(std::string& out, std::string_view string) {
  JsonReader r(string);
  if (r.next() == Event::string) r.string(out);
}

namespace {

constexpr int kDepth = 100;    // of schemas within schemas: what a thread's stack has room for

std::string decoded(std::string_view string) {
  std::string out;
  append_decoded(out, string);
  return out;
}

const char* type_of(std::string_view value) {
  switch (value[0]) {
    case '{': return "object";
    case '[': return "array";
    case '"': return "string";
    case 't': case 'f': return "boolean";
    case 'n': return "null";
    default: return "number";
  }
}

// Infinite beyond the largest.
double number_of(std::string_view value) {
  return parse_double(value).value_or(value[0] == '-' ? -INFINITY : INFINITY);
}

bool is_whole(double x) { return x == __builtin_floor(x); }

bool has_type(std::string_view value, std::string_view name) {
  const std::string_view type = type_of(value);
  if (name == "integer") return type == "number" && is_whole(number_of(value));
  return type == name;
}

// Token by token: blanks and the forms of numbers and strings do not count, the order of members
// does.
bool same(std::string_view a, std::string_view b) {
  JsonReader x(a), y(b);
  for (;;) {
    const Event e = x.next();
    if (y.next() != e) return false;
    if (e == Event::end || e == Event::error) return e == Event::end;
    if (e == Event::boolean && x.boolean() != y.boolean()) return false;
    if (e == Event::number && x.raw() != y.raw() && number_of(x.raw()) != number_of(y.raw())) {
      return false;
    }
    if (e != Event::string && e != Event::key) continue;
    std::string one, other;
    x.string(one);
    y.string(other);
    if (one != other) return false;
  }
}

size_t size_of(std::string_view value) {
  if (value[0] == '"') return count_code_points(decoded(value));
  size_t n = 0;
  for (JsonWalk walk(value); walk.next();) ++n;
  return n;
}

// Keywords that set a limit: of a number, or of how many.
struct Limit {
  std::string_view keyword;
  const char* type;
  bool least, open;
  const char* words;
};
constexpr Limit kLimits[] = {
    {"minimum", "number", true, false, "too small"},
    {"maximum", "number", false, false, "too large"},
    {"exclusiveMinimum", "number", true, true, "too small"},
    {"exclusiveMaximum", "number", false, true, "too large"},
    {"minLength", "string", true, false, "too short"},
    {"maxLength", "string", false, false, "too long"},
    {"minItems", "array", true, false, "too few items"},
    {"maxItems", "array", false, false, "too many items"},
    {"minProperties", "object", true, false, "too few members"},
    {"maxProperties", "object", false, false, "too many members"},
};

class Checker {
 public:
  Checker(std::string_view root, std::string& what) : root_(root), what_(what) {}

  Result<void> check(std::string_view value, std::string_view schema, const std::string& path) {
    if (schema == "true") return {};
    if (schema == "false") return bad(path, "not allowed");
    if (!schema.starts_with('{')) return wrong("a schema is an object");
    if (++depth_ > kDepth) {
      return wrong("$ref goes round in a circle, or schemas are nested too deep");
    }
    JsonWalk walk(schema);
    while (walk.next()) CHI_TRY_VOID(keyword(walk.key, walk.value, value, schema, path));
    --depth_;
    return {};
  }

 private:
  Result<void> bad(const std::string& path, std::string_view why) {
    what_ = path.empty() ? std::string("the document") : path;
    what_.append(": ").append(why);
    return fail(Errc::bad_input, "schema");
  }
  Result<void> wrong(const char* why) {
    what_ = why;
    return fail(Errc::usage, "schema");
  }

  Result<void> keyword(std::string_view name, std::string_view word, std::string_view value,
                       std::string_view schema, const std::string& path) {
    const std::string_view type = type_of(value);
    if (name == "type") return type_is(word, value, path);
    if (name == "enum") return one_of_values(word, value, path);
    if (name == "const") return same(word, value) ? Result<void>() : bad(path, "not that constant");
    if (name == "$ref") return reference(word, value, path);
    if (name == "allOf") return all_of(word, value, path);
    if (name == "anyOf" || name == "oneOf") return any_of(word, value, path, name == "oneOf");
    if (name == "required" && type == "object") return required(word, value, path);
    if (name == "properties" && type == "object") return properties(word, value, path);
    if (name == "additionalProperties" && type == "object") {
      return additional(word, value, schema, path);
    }
    if (name == "prefixItems" && type == "array") return prefix_items(word, value, path);
    if (name == "items" && type == "array") return items(word, value, schema, path);
    return limit(name, word, value, path);
  }

  Result<void> type_is(std::string_view word, std::string_view value, const std::string& path) {
    std::string names;
    const bool list = word.starts_with('[');
    for (JsonWalk walk(list ? word : std::string_view("[]")); walk.next();) {
      const std::string name = decoded(walk.value);
      if (has_type(value, name)) return {};
      names.append(names.empty() ? "" : " or ").append(name);
    }
    if (!list) names = decoded(word);
    if (!list && has_type(value, names)) return {};
    return bad(path, "is " + std::string(type_of(value)) + ", not " + names);
  }

  Result<void> one_of_values(std::string_view word, std::string_view value,
                             const std::string& path) {
    for (JsonWalk walk(word); walk.next();) {
      if (same(walk.value, value)) return {};
    }
    return bad(path, "none of the values that are allowed");
  }

  // "#" and "#/a/b", with "~1" for '/' and "~0" for '~' in a name (RFC 6901).
  Result<void> reference(std::string_view word, std::string_view value, const std::string& path) {
    const std::string pointer = decoded(word);
    std::string_view rest = pointer, name;
    if (!rest.starts_with('#')) return wrong("$ref leads out of the schema");
    rest.remove_prefix(rest.starts_with("#/") ? 2 : 1);
    std::string_view target = root_;
    while (next_part(rest, '/', name)) {
      std::string plain;
      for (size_t i = 0; i < name.size(); ++i) {
        const bool escape = name[i] == '~' && i + 1 < name.size();
        plain.push_back(!escape ? name[i] : name[i + 1] == '1' ? '/' : '~');
        i += escape;
      }
      target = json_member(target, plain);
      if (target.empty()) return wrong("$ref leads nowhere");
    }
    return check(value, target, path);
  }

  Result<void> all_of(std::string_view word, std::string_view value, const std::string& path) {
    for (JsonWalk walk(word); walk.next();) CHI_TRY_VOID(check(value, walk.value, path));
    return {};
  }

  Result<void> any_of(std::string_view word, std::string_view value, const std::string& path,
                      bool only_one) {
    int fit = 0;
    const int depth = depth_;
    for (JsonWalk walk(word); walk.next();) {
      const Result<void> r = check(value, walk.value, path);
      if (!r && r.error().code == Errc::usage) return r;
      depth_ = depth;
      fit += r.has_value();
    }
    what_.clear();
    if (fit == 1 || (fit > 1 && !only_one)) return {};
    return bad(path, fit == 0 ? "fits none of the alternatives" : "fits more than one alternative");
  }

  Result<void> required(std::string_view word, std::string_view value, const std::string& path) {
    for (JsonWalk walk(word); walk.next();) {
      const std::string name = decoded(walk.value);
      if (json_member(value, name).empty()) return bad(path, "lacks \"" + name + "\"");
    }
    return {};
  }

  static std::string inner(const std::string& path, std::string_view name) {
    std::string out = path;
    return out.append(path.empty() ? "" : ".").append(name);
  }
  static std::string inner(const std::string& path, uint64_t index) {
    std::string out = path + "[";
    append_u64(out, index);
    return out.append("]");
  }

  Result<void> properties(std::string_view word, std::string_view value, const std::string& path) {
    for (JsonWalk walk(value); walk.next();) {
      const std::string_view schema = json_member(word, walk.key);
      if (!schema.empty()) CHI_TRY_VOID(check(walk.value, schema, inner(path, walk.key)));
    }
    return {};
  }

  // Of what `properties` does not name. With patternProperties, which is not looked at, nobody
  // knows.
  Result<void> additional(std::string_view word, std::string_view value, std::string_view schema,
                          const std::string& path) {
    if (!json_member(schema, "patternProperties").empty()) return {};
    const std::string_view known = json_member(schema, "properties");
    for (JsonWalk walk(value); walk.next();) {
      if (!json_member(known, walk.key).empty()) continue;
      CHI_TRY_VOID(check(walk.value, word, inner(path, walk.key)));
    }
    return {};
  }

  Result<void> prefix_items(std::string_view word, std::string_view value,
                            const std::string& path) {
    JsonWalk schema(word);
    uint64_t i = 0;
    for (JsonWalk walk(value); walk.next() && schema.next(); ++i) {
      CHI_TRY_VOID(check(walk.value, schema.value, inner(path, i)));
    }
    return {};
  }

  Result<void> items(std::string_view word, std::string_view value, std::string_view schema,
                     const std::string& path) {
    const std::string_view before = json_member(schema, "prefixItems");
    const size_t skipped = before.empty() ? 0 : size_of(before);
    uint64_t i = 0;
    for (JsonWalk walk(value); walk.next(); ++i) {
      if (i >= skipped) CHI_TRY_VOID(check(walk.value, word, inner(path, i)));
    }
    return {};
  }

  Result<void> limit(std::string_view name, std::string_view word, std::string_view value,
                     const std::string& path) {
    for (const Limit& l : kLimits) {
      const std::string_view type(l.type);
      if (name != l.keyword || type != type_of(value) || !has_type(word, "number")) continue;
      const bool number = value[0] != '"' && value[0] != '[' && value[0] != '{';
      const double have = number ? number_of(value) : static_cast<double>(size_of(value));
      const double bound = number_of(word);
      const bool good = l.least ? have >= bound : have <= bound;
      if (!good || (l.open && have == bound)) return bad(path, l.words);
    }
    return {};
  }

  std::string_view root_;
  std::string& what_;
  int depth_ = 0;
};

}  // namespace

Result<void> check_schema(std::string_view document, std::string_view schema, std::string& what) {
  const std::string_view root = trim(schema);
  return Checker(root, what).check(trim(document), root, {});
}

}  // namespace chimera::wire
