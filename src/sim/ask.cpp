#include "chimera/base/number.hpp"
#include "chimera/wire/json.hpp"
#include "engine.hpp"

namespace chimera::sim {
namespace {

using wire::JsonReader;
using Event = JsonReader::Event;

Error broken(const JsonReader& in) {
  return {Errc::bad_input, 0, in.what()};
}

// The value behind a key. Errors: bad_input; null leaves `out` as it is.
Result<void> read_text(JsonReader& in, std::string& out) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::null) return {};
  if (e != Event::string) return fail(Errc::bad_input, "a field that must be a string is not");
  out.clear();
  in.string(out);
  return {};
}

Result<void> read_flag(JsonReader& in, bool& out) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::null) return {};
  if (e != Event::boolean) return fail(Errc::bad_input, "a field that must be a boolean is not");
  out = in.boolean();
  return {};
}

Result<std::optional<int64_t>> read_integer(JsonReader& in) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::null) return std::nullopt;
  if (e == Event::number) {
    const Result<int64_t> n = in.integer();
    if (n) return *n;
  }
  return fail(Errc::bad_input, "an option that must be an integer is not");
}

Result<void> skip(JsonReader& in) {
  if (!in.skip()) return fail(broken(in));
  return {};
}

void add_to_key(std::string& key, const char* name, int64_t value) {
  key.append("\n").append(name);
  append_i64(key, value);
}

Result<void> read_options(JsonReader& in, Ask& ask) {
  Event e = in.next();
  if (e == Event::null) return {};
  if (e == Event::error) return fail(broken(in));
  if (e != Event::object_begin) return fail(Errc::bad_input, "options must be an object");
  std::optional<int64_t> gpu;
  while ((e = in.next()) == Event::key) {
    const bool predict = in.is("num_predict"), context = in.is("num_ctx"), seed = in.is("seed");
    if (!predict && !context && !seed && !in.is("num_gpu")) {
      CHI_TRY_VOID(skip(in));
      continue;
    }
    CHI_TRY(const std::optional<int64_t> n, read_integer(in));
    if (!n) continue;
    if (predict) {
      ask.num_predict = *n;
    } else if (context) {
      ask.num_ctx = *n > 0 ? *n : ask.num_ctx;
    } else {
      (seed ? ask.seed : gpu) = *n;
    }
  }
  if (e != Event::object_end) return fail(broken(in));
  if (gpu) add_to_key(ask.load_key, "gpu", *gpu);
  return {};
}

// "0", 0, "0s": the model is to leave the memory at once.
Result<bool> read_keep_alive(JsonReader& in) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::number) return in.raw() == "0";
  if (e == Event::string) return in.is("0") || in.is("0s") || in.is("0m");
  if (e != Event::null) return fail(Errc::bad_input, "keep_alive must be a duration");
  return false;
}

Result<void> read_field(JsonReader& in, Ask& ask) {
  if (in.is("model")) return read_text(in, ask.model);
  if (in.is("prompt")) return read_text(in, ask.prompt);
  if (in.is("stream")) return read_flag(in, ask.stream);
  if (in.is("options")) return read_options(in, ask);
  if (in.is("keep_alive")) {
    CHI_TRY(ask.unload, read_keep_alive(in));
    return {};
  }
  return skip(in);
}

}  // namespace

Result<Ask> parse_ask(std::string_view body) {
  if (body.empty()) return fail(Errc::bad_input, "missing request body");
  JsonReader in(body);
  Ask ask;
  Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e != Event::object_begin) return fail(Errc::bad_input, "the request must be an object");
  while ((e = in.next()) == Event::key) CHI_TRY_VOID(read_field(in, ask));
  if (e != Event::object_end || in.next() != Event::end) return fail(broken(in));
  add_to_key(ask.load_key, "ctx", ask.num_ctx);
  ask.load_key += '\n';
  ask.load_key += ask.model;
  return ask;
}

}  // namespace chimera::sim
