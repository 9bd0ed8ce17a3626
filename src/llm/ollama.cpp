#include "chimera/llm/ollama.hpp"

#include <string.h>

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::llm {
namespace {

using wire::JsonReader;
using wire::JsonWriter;
using Event = JsonReader::Event;

void option(JsonWriter& w, const char* name, const std::optional<int64_t>& v) {
  if (v) w.field(name, *v);
}
void option(JsonWriter& w, const char* name, const std::optional<double>& v) {
  if (v) w.field(name, *v);
}
// A value given as text: JSON as it stands, anything else as a string.
void json_or_text(JsonWriter& w, const char* name, std::string_view value) {
  w.key(name);
  if (wire::check_json(value)) {
    w.raw(value);
  } else {
    w.string(value);
  }
}

void write_options(JsonWriter& w, const Options& o) {
  w.key("options").begin_object();
  option(w, "num_gpu", o.num_gpu);
  option(w, "num_ctx", o.num_ctx);
  option(w, "temperature", o.temperature);
  option(w, "top_p", o.top_p);
  option(w, "top_k", o.top_k);
  option(w, "repeat_penalty", o.repeat_penalty);
  option(w, "seed", o.seed);
  option(w, "num_predict", o.num_predict);
  for (const auto& [name, value] : o.extra) json_or_text(w, name.c_str(), value);
  w.end_object();
}

Result<void> wrong(const char* what) { return fail(Errc::protocol, what); }
constexpr const char* kNotJson = "reply is not JSON";
// A value that is not what it should be, or not even JSON.
Result<void> mistyped(Event e, const char* what) {
  return wrong(e == Event::error ? kNotJson : what);
}

// The count fields of the last record. Others are not ours.
struct CountField {
  std::string_view name;
  uint64_t Call::* count;
  Nanos Call::* duration;
};
constexpr CountField kCountFields[] = {
    {"eval_count", &Call::eval_count, nullptr},
    {"prompt_eval_count", &Call::prompt_eval_count, nullptr},
    {"total_duration", nullptr, &Call::total_duration},
    {"load_duration", nullptr, &Call::load_duration},
    {"prompt_eval_duration", nullptr, &Call::prompt_eval_duration},
    {"eval_duration", nullptr, &Call::eval_duration},
};

// Appends a string value; null counts as empty.
Result<void> take_text(JsonReader& r, std::string& out) {
  const Event e = r.next();
  if (e == Event::string) {
    r.string(out);
    return {};
  }
  return e == Event::null ? Result<void>() : mistyped(e, "reply: a text field is not a string");
}

Result<void> take_number(JsonReader& r, const CountField& field, Call& call) {
  const Event e = r.next();
  if (e != Event::number) return mistyped(e, "reply: a count is not a number");
  const auto value = r.unsigned_integer();
  if (!value || *value > INT64_MAX) return wrong("reply: a count is out of range");
  if (field.count != nullptr) call.*field.count = *value;
  if (field.duration != nullptr) call.*field.duration = static_cast<Nanos>(*value);
  return {};
}

// What a record carries besides the counts.
struct Record {
  std::string* visible;
  std::string thinking;
  bool error = false;
};

// null and "" say that there is no error.
Result<void> take_error(JsonReader& r, Record& record) {
  const Event e = r.next();
  if (e == Event::null || (e == Event::string && r.raw().empty())) return {};
  record.error = true;
  const bool container = e == Event::object_begin || e == Event::array_begin;
  const bool good = container ? r.skip_rest() : e != Event::error;
  return good ? Result<void>() : wrong(kNotJson);
}

Result<void> skip(JsonReader& r) { return r.skip() ? Result<void>() : wrong(kNotJson); }

Result<void> take_done(JsonReader& r, Call& call) {
  const Event e = r.next();
  if (e != Event::boolean) return mistyped(e, "reply: done is not a boolean");
  call.done = call.done || r.boolean();
  return {};
}

// Of a field that only some records have.
Result<void> take_rare_field(JsonReader& r, Call& call, Record& record) {
  if (r.is("thinking")) return take_text(r, record.thinking);
  if (r.is("error")) return take_error(r, record);
  if (r.is("done_reason")) {
    call.done_reason.clear();
    return take_text(r, call.done_reason);
  }
  for (const CountField& field : kCountFields) {
    if (r.is(field.name)) return take_number(r, field, call);
  }
  return skip(r);
}

// The fields of every record first.
Result<void> take_field(JsonReader& r, Call& call, Record& record) {
  if (r.is("response")) return take_text(r, *record.visible);
  if (r.is("done")) return take_done(r, call);
  if (r.is("model") || r.is("created_at")) return skip(r);
  return take_rare_field(r, call, record);
}

void stamp(Call& call, bool visible, Nanos at) {
  if (call.pieces != 0) {
    const Nanos gap = (at - call.last_token) / kMicro;
    call.gaps_us.push_back(gap > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(gap));
  } else {
    call.first_token = at;
  }
  if (visible && call.first_visible == 0) call.first_visible = at;
  call.last_token = at;
  ++call.pieces;
}

// Takes `literal` off the front of `s`, if it is there.
template <size_t N>
bool take_literal(std::string_view& s, const char (&literal)[N]) {
  if (s.size() < N - 1 || memcmp(s.data(), literal, N - 1) != 0) return false;
  s = {s.data() + N - 1, s.size() - (N - 1)};
  return true;
}
// Takes characters that stand for themselves.
std::string_view take_plain(std::string_view& s) {
  const char* const end = s.data() + s.size();
  const char* const p = wire::skip_plain(s.data(), end);
  const std::string_view plain(s.data(), static_cast<size_t>(p - s.data()));
  s = {p, static_cast<size_t>(end - p)};
  return plain;
}

// The record that all tokens but the last come in, character for character as Ollama writes it,
// with a text that needs no decoding: a tenth of the instructions of the general reader, whose
// grammar it is a part of. False = take the general way.
bool take_common_record(std::string_view line, std::string& text) {
  if (!take_literal(line, "{\"model\":\"")) return false;
  take_plain(line);
  if (!take_literal(line, "\",\"created_at\":\"")) return false;
  take_plain(line);
  if (!take_literal(line, "\",\"response\":\"")) return false;
  const std::string_view plain = take_plain(line);
  if (!take_literal(line, "\",\"done\":false}") || !line.empty()) return false;
  text.append(plain);
  return true;
}

// Behind "error": its string, or the "message" of its object.
bool take_error_value(JsonReader& r, std::string& out) {
  const Event e = r.next();
  if (e == Event::string) {
    r.string(out);
    return true;
  }
  if (e != Event::object_begin) return false;
  while (r.next() == Event::key) {
    if (!r.is("message")) {
      if (!r.skip()) return false;
      continue;
    }
    if (r.next() == Event::string) r.string(out);
    return true;
  }
  return false;
}

Result<void> too_long(std::string& piece) {
  piece.clear();
  return fail(Errc::too_large, "answer");
}

Result<void> take_any_record(std::string_view line, Nanos at, Call& call, std::string& piece) {
  Record record{&piece, {}, false};
  JsonReader r(line);
  Event e = r.next();
  if (e != Event::object_begin) {
    return mistyped(e, "reply is not a JSON object");
  }
  for (e = r.next(); e == Event::key; e = r.next()) CHI_TRY_VOID(take_field(r, call, record));
  if (e != Event::object_end || r.next() != Event::end) return wrong(kNotJson);
  if (record.error) {
    call.error_text = error_words(line);
    const bool missing =
        icontains(call.error_text, "model") && icontains(call.error_text, "not found");
    return fail(missing ? Errc::no_model : Errc::server_error, "reply");
  }
  const size_t so_far = call.text.size() + call.thinking.size();
  if (so_far + piece.size() + record.thinking.size() > kAnswerLimit) return too_long(piece);
  call.text.append(piece);
  call.thinking.append(record.thinking);
  if (!piece.empty() || !record.thinking.empty()) stamp(call, !piece.empty(), at);
  return {};
}

}  // namespace

std::string generate_body(const Request& request) {
  std::string body;
  JsonWriter w(body, JsonWriter::Style::compact);
  w.begin_object().field("model", request.model).field("prompt", request.prompt);
  if (!request.system.empty()) w.field("system", request.system);
  w.field("stream", true);
  const Options& o = request.options;
  if (o.any_model_option()) write_options(w, o);
  if (!o.keep_alive.empty()) json_or_text(w, "keep_alive", o.keep_alive);
  if (!o.think.empty()) json_or_text(w, "think", o.think);
  w.end_object();
  return body;
}

Result<void> take_record(std::string_view line, Nanos at, Call& call, std::string& piece) {
  piece.clear();
  if (!take_common_record(line, piece)) return take_any_record(line, at, call, piece);
  if (call.text.size() + call.thinking.size() + piece.size() > kAnswerLimit) return too_long(piece);
  call.text.append(piece);
  if (!piece.empty()) stamp(call, true, at);
  return {};
}

std::string error_words(std::string_view body) {
  std::string words;
  JsonReader r(body);
  bool found = false;
  if (r.next() == Event::object_begin) {
    while (!found && r.next() == Event::key) {
      const bool is_error = r.is("error");
      found = is_error ? take_error_value(r, words) : false;
      if (!is_error && !r.skip()) break;
      if (is_error && !found) break;
    }
  }
  const std::string_view chosen = found ? std::string_view(words) : trim(body);
  // Cut before, to do no work in vain, and behind: an escape is longer than what it stands for.
  constexpr size_t kMost = 300;
  std::string out = printable(utf8_truncate(to_valid_utf8(chosen), kMost), false);
  out.resize(utf8_truncate(out, kMost).size());
  return out;
}

}  // namespace chimera::llm
