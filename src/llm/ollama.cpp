#include "chimera/llm/ollama.hpp"

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
uint64_t* count_field(const JsonReader& r, Call& c) {
  if (r.is("eval_count")) return &c.eval_count;
  if (r.is("prompt_eval_count")) return &c.prompt_eval_count;
  return nullptr;
}
Nanos* duration_field(const JsonReader& r, Call& c) {
  if (r.is("total_duration")) return &c.total_duration;
  if (r.is("load_duration")) return &c.load_duration;
  if (r.is("prompt_eval_duration")) return &c.prompt_eval_duration;
  if (r.is("eval_duration")) return &c.eval_duration;
  return nullptr;
}

// Appends a string value; null counts as empty.
Result<void> take_text(JsonReader& r, std::string& out) {
  const Event e = r.next();
  if (e == Event::string) {
    r.string(out);
    return {};
  }
  return e == Event::null ? Result<void>() : mistyped(e, "reply: a text field is not a string");
}

Result<void> take_number(JsonReader& r, uint64_t* count, Nanos* duration) {
  const Event e = r.next();
  if (e != Event::number) return mistyped(e, "reply: a count is not a number");
  const auto value = r.unsigned_integer();
  if (!value || *value > INT64_MAX) return wrong("reply: a count is out of range");
  if (count != nullptr) *count = *value;
  if (duration != nullptr) *duration = static_cast<Nanos>(*value);
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

Result<void> take_field(JsonReader& r, Call& call, Record& record) {
  uint64_t* count = count_field(r, call);
  Nanos* duration = duration_field(r, call);
  if (count != nullptr || duration != nullptr) return take_number(r, count, duration);
  if (r.is("response")) return take_text(r, *record.visible);
  if (r.is("thinking")) return take_text(r, record.thinking);
  if (r.is("done_reason")) {
    call.done_reason.clear();
    return take_text(r, call.done_reason);
  }
  if (r.is("done")) {
    const Event e = r.next();
    if (e != Event::boolean) return mistyped(e, "reply: done is not a boolean");
    call.done = call.done || r.boolean();
    return {};
  }
  if (r.is("error")) return take_error(r, record);
  return r.skip() ? Result<void>() : wrong(kNotJson);
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
  if (call.text.size() + call.thinking.size() + piece.size() + record.thinking.size() >
      kAnswerLimit) {
    piece.clear();
    return fail(Errc::too_large, "answer");
  }
  call.text.append(piece);
  call.thinking.append(record.thinking);
  if (!piece.empty() || !record.thinking.empty()) stamp(call, !piece.empty(), at);
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
