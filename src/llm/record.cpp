#include "record.hpp"

#include <algorithm>
#include <span>

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::llm {
namespace {

using wire::JsonReader;
using Event = JsonReader::Event;

Result<void> wrong(const char* what) { return fail(Errc::protocol, what); }
constexpr const char* kNotJson = "reply is not JSON";
constexpr const char* kNoText = "reply: a text field is not a string";
// A value that is not what it should be, or not even JSON.
Result<void> mistyped(Event e, const char* what) {
  return wrong(e == Event::error ? kNotJson : what);
}

// What a known field holds, and so where it goes.
enum class What : uint8_t {
  visible,       // text of the answer; with `inner` perhaps in parts
  thinking,      // the same of the reasoning
  refusal,       // the model's words of why there is no answer
  reason,        // why it ended: into the call
  finish,        // the same, and that it has ended
  done,
  count, nanos, millis,
  index,         // of a choice or a tool call
  error,
  kind,          // "error" says that the whole record is one
  object,        // fields of `inner`
  choices,       // an array of objects with fields of `inner`
  tools,         // an array of tool calls
  id, name, arguments,   // of a tool call
};
struct Field {
  std::string_view key;
  What what;
  std::span<const Field> inner = {};
  uint64_t Call::* count = nullptr;
  Nanos Call::* duration = nullptr;
};

constexpr Field kFunction[] = {{"name", What::name}, {"arguments", What::arguments}};
constexpr Field kTool[] = {
    {"index", What::index}, {"id", What::id}, {"function", What::object, kFunction}};
// Parts of a text: {"type":"text","text":...}, {"type":"thinking","thinking":[{"text":...}]}.
constexpr Field kPartOfPart[] = {{"text", What::visible}};
constexpr Field kPart[] = {{"text", What::visible},
                           {"thinking", What::thinking, kPartOfPart},
                           {"refusal", What::refusal}};
constexpr Field kDetail[] = {{"text", What::visible}, {"summary", What::visible}};
constexpr Field kMessage[] = {{"content", What::visible, kPart},
                              {"reasoning_content", What::thinking},
                              {"reasoning", What::thinking},
                              {"thinking", What::thinking},
                              {"reasoning_details", What::thinking, kDetail},
                              {"refusal", What::refusal},
                              {"tool_calls", What::tools}};

constexpr Field kOllama[] = {
    {"response", What::visible},
    {"message", What::object, kMessage},
    {"done", What::done},
    {"thinking", What::thinking},
    {"reasoning_content", What::thinking},
    {"error", What::error},
    {"done_reason", What::reason},
    {"eval_count", What::count, {}, &Call::eval_count},
    {"prompt_eval_count", What::count, {}, &Call::prompt_eval_count},
    {"prompt_eval_cached_count", What::count, {}, &Call::cached_count},
    {"total_duration", What::nanos, {}, nullptr, &Call::total_duration},
    {"load_duration", What::nanos, {}, nullptr, &Call::load_duration},
    {"prompt_eval_duration", What::nanos, {}, nullptr, &Call::prompt_eval_duration},
    {"eval_duration", What::nanos, {}, nullptr, &Call::eval_duration},
};

constexpr Field kChoice[] = {{"index", What::index},
                             {"delta", What::object, kMessage},
                             {"text", What::visible},
                             {"finish_reason", What::finish},
                             {"message", What::object, kMessage}};
constexpr Field kCached[] = {{"cached_tokens", What::count, {}, &Call::cached_count}};
constexpr Field kUsage[] = {{"prompt_tokens", What::count, {}, &Call::prompt_eval_count},
                            {"completion_tokens", What::count, {}, &Call::eval_count},
                            {"prompt_tokens_details", What::object, kCached},
                            {"prompt_cache_hit_tokens", What::count, {}, &Call::cached_count},
                            {"cached_tokens", What::count, {}, &Call::cached_count}};
constexpr Field kGroq[] = {{"usage", What::object, kUsage}};
// Of llama.cpp's server.
constexpr Field kTimings[] = {
    {"cache_n", What::count, {}, &Call::cached_count},
    {"prompt_ms", What::millis, {}, nullptr, &Call::prompt_eval_duration},
    {"predicted_ms", What::millis, {}, nullptr, &Call::eval_duration},
};
constexpr Field kOpenai[] = {{"choices", What::choices, kChoice},
                             {"usage", What::object, kUsage},
                             {"x_groq", What::object, kGroq},
                             {"timings", What::object, kTimings},
                             {"error", What::error},
                             {"object", What::kind}};

class RecordReader {
 public:
  RecordReader(std::string_view json, Call& call) : text_(json), r_(json), call_(call) {}

  Result<void> read(std::span<const Field> fields, Record& record) {
    const Event e = r_.next();
    if (e != Event::object_begin) return mistyped(e, "reply is not a JSON object");
    CHI_TRY_VOID(read_fields(fields, record, nullptr));
    return r_.next() == Event::end ? Result<void>() : wrong(kNotJson);
  }

 private:
  Result<void> read_fields(std::span<const Field> fields, Record& record, ToolPart* tool);
  Result<void> take(const Field& field, Record& record, ToolPart* tool);
  Result<void> take_text(std::string& out);
  Result<void> take_words(const Field& field, Record& record);
  Result<void> take_parts(const Field& field, Record& record);
  Result<void> take_done();
  Result<void> take_index(int64_t& out);
  Result<void> take_number(const Field& field);
  Result<void> take_error(Record& record);
  Result<void> take_kind(Record& record);
  Result<void> skip_value(Event e);
  Result<void> take_object(const Field& field, Record& record, ToolPart* tool);
  Result<void> take_choices(const Field& field, Record& record);
  Result<void> take_tools(Record& record);
  Result<void> take_tool(Record& record);
  Result<void> take_arguments(std::string& out);

  std::string_view text_;
  JsonReader r_;
  Call& call_;
};

// The fields of an object that has begun.
Result<void> RecordReader::read_fields(std::span<const Field> fields, Record& record,
                                       ToolPart* tool) {
  Event e;
  for (e = r_.next(); e == Event::key; e = r_.next()) {
    const Field* field = fields.data();
    const Field* const end = field + fields.size();
    while (field != end && !r_.is(field->key)) ++field;
    if (field != end) {
      CHI_TRY_VOID(take(*field, record, tool));
    } else if (!r_.skip()) {
      return wrong(kNotJson);
    }
  }
  return e == Event::object_end ? Result<void>() : wrong(kNotJson);
}

Result<void> RecordReader::take(const Field& field, Record& record, ToolPart* tool) {
  switch (field.what) {
    case What::visible:
    case What::thinking:
    case What::refusal: return take_words(field, record);
    case What::reason: call_.done_reason.clear(); return take_text(call_.done_reason);
    case What::finish: return take_text(record.reason);
    case What::done: return take_done();
    case What::count:
    case What::nanos:
    case What::millis: return take_number(field);
    case What::index: return take_index(tool != nullptr ? tool->index : record.index);
    case What::error: return take_error(record);
    case What::kind: return take_kind(record);
    case What::object: return take_object(field, record, tool);
    case What::choices: return take_choices(field, record);
    case What::tools: return take_tools(record);
    // Fields of kTool alone, which are those of a tool call.
    // NOLINTBEGIN(clang-analyzer-core.NonNullParamChecker)
    case What::id: return take_text(tool->id);
    case What::name: return take_text(tool->name);
    case What::arguments: return take_arguments(tool->arguments);
    // NOLINTEND(clang-analyzer-core.NonNullParamChecker)
  }
  return {};
}

// Appends a string value; null counts as empty.
Result<void> RecordReader::take_text(std::string& out) {
  const Event e = r_.next();
  if (e == Event::string) r_.string(out);
  const bool good = e == Event::string || e == Event::null;
  return good ? Result<void>() : mistyped(e, kNoText);
}

// Some servers send the same words twice, under two names: the first ones count.
Result<void> RecordReader::take_words(const Field& field, Record& record) {
  const Event e = r_.next();
  if (e == Event::array_begin && !field.inner.empty()) return take_parts(field, record);
  const bool refusal = field.what == What::refusal;
  std::string again;
  std::string& known = field.what == What::thinking ? record.thinking : record.visible;
  std::string& out = known.empty() || refusal ? known : again;
  const size_t before = out.size();
  if (e == Event::string) r_.string(out);
  record.refused = record.refused || (refusal && out.size() != before);
  const bool good = e == Event::string || e == Event::null;
  return good ? Result<void>() : mistyped(e, kNoText);
}

// Which parts there may be inside a part is in the tables: their depth is bounded.
Result<void> RecordReader::take_parts(const Field& field, Record& record) {
  Record all;
  Event e;
  for (e = r_.next(); e == Event::object_begin; e = r_.next()) {
    Record part;
    CHI_TRY_VOID(read_fields(field.inner, part, nullptr));
    std::string& text = field.what == What::thinking ? all.thinking : all.visible;
    text += part.visible;
    all.thinking += part.thinking;
    record.refused = record.refused || part.refused;
  }
  if (record.visible.empty()) record.visible.swap(all.visible);
  if (record.thinking.empty()) record.thinking.swap(all.thinking);
  return e == Event::array_end ? Result<void>()
                               : mistyped(e, "reply: a part of a text is not an object");
}

Result<void> RecordReader::take_done() {
  const Event e = r_.next();
  if (e != Event::boolean) return mistyped(e, "reply: done is not a boolean");
  call_.done = call_.done || r_.boolean();
  return {};
}

Result<void> RecordReader::take_index(int64_t& out) {
  const Event e = r_.next();
  if (e == Event::null) return {};
  if (e != Event::number) return mistyped(e, "reply: an index is not a number");
  const auto value = r_.integer();
  if (!value || *value < 0) return wrong("reply: an index is out of range");
  out = *value;
  return {};
}

// null counts as not there.
Result<void> RecordReader::take_number(const Field& field) {
  const Event e = r_.next();
  if (e == Event::null) return {};
  if (e != Event::number) return mistyped(e, "reply: a count is not a number");
  if (field.what == What::millis) {
    const auto value = r_.number();
    constexpr double kMost = 1e12;   // 30 years
    if (!value || *value < 0 || *value > kMost) return wrong("reply: a count is out of range");
    call_.*field.duration = static_cast<Nanos>(*value * static_cast<double>(kMilli));
    return {};
  }
  const auto value = r_.unsigned_integer();
  if (!value || *value > INT64_MAX) return wrong("reply: a count is out of range");
  if (field.count != nullptr) call_.*field.count = *value;
  if (field.duration != nullptr) call_.*field.duration = static_cast<Nanos>(*value);
  return {};
}

// null and "" say that there is no error.
Result<void> RecordReader::take_error(Record& record) {
  const Event e = r_.next();
  const bool none = e == Event::null || (e == Event::string && r_.raw().empty());
  record.error = record.error || !none;
  return skip_value(e);
}

Result<void> RecordReader::take_kind(Record& record) {
  const Event e = r_.next();
  record.error = record.error || (e == Event::string && r_.is("error"));
  return skip_value(e);
}

// The rest of a value of any type.
Result<void> RecordReader::skip_value(Event e) {
  const bool container = e == Event::object_begin || e == Event::array_begin;
  const bool good = container ? r_.skip_rest() : e != Event::error;
  return good ? Result<void>() : wrong(kNotJson);
}

// null counts as not there.
Result<void> RecordReader::take_object(const Field& field, Record& record, ToolPart* tool) {
  const Event e = r_.next();
  if (e == Event::null) return {};
  if (e != Event::object_begin) return mistyped(e, "reply: a field is not an object");
  record.usage = record.usage || field.inner.data() == kUsage;
  return read_fields(field.inner, record, tool);
}

Result<void> RecordReader::take_choices(const Field& field, Record& record) {
  Event e = r_.next();
  if (e == Event::null) return {};
  if (e != Event::array_begin) return mistyped(e, "reply: choices is not an array");
  for (e = r_.next(); e == Event::object_begin; e = r_.next()) {
    Record one;
    CHI_TRY_VOID(read_fields(field.inner, one, nullptr));
    ++record.choices;
    if (one.index != 0) continue;
    record.visible.swap(one.visible);
    record.thinking.swap(one.thinking);
    record.tools.swap(one.tools);
    record.reason.swap(one.reason);
    record.refused = one.refused;
  }
  return e == Event::array_end ? Result<void>() : mistyped(e, "reply: a choice is not an object");
}

// Empty ones cost no byte of text, and a line has room for millions.
Result<void> RecordReader::take_tool(Record& record) {
  if (record.tools.size() == kToolLimit) return fail(Errc::too_large, "1024 tool calls");
  return read_fields(kTool, record, &record.tools.emplace_back());
}

Result<void> RecordReader::take_tools(Record& record) {
  Event e = r_.next();
  if (e == Event::null) return {};
  // Hugging Face's server sends one call as it is.
  if (e == Event::object_begin) return take_tool(record);
  if (e != Event::array_begin) return mistyped(e, "reply: tool_calls is not an array");
  for (e = r_.next(); e == Event::object_begin; e = r_.next()) {
    CHI_TRY_VOID(take_tool(record));
  }
  return e == Event::array_end ? Result<void>()
                               : mistyped(e, "reply: a tool call is not an object");
}

// Text with JSON in it (OpenAI), or the JSON itself (Ollama).
Result<void> RecordReader::take_arguments(std::string& out) {
  const Event e = r_.next();
  if (e == Event::object_begin) {
    const size_t from = r_.offset() - 1;
    if (!r_.skip_rest()) return wrong(kNotJson);
    out += text_.substr(from, r_.offset() - from);
    return {};
  }
  if (e == Event::string) r_.string(out);
  const bool good = e == Event::string || e == Event::null;
  return good ? Result<void>() : mistyped(e, "reply: arguments are no object and no text");
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

// The words under this key of an object.
bool find_words(std::string_view body, std::string_view key, std::string& words) {
  JsonReader r(body);
  if (r.next() != Event::object_begin) return false;
  while (r.next() == Event::key) {
    if (r.is(key)) return take_error_value(r, words);
    if (!r.skip()) break;
  }
  return false;
}

}  // namespace

Result<void> read_record(bool openai, std::string_view json, Call& call, Record& record) {
  RecordReader reader(json, call);
  CHI_TRY_VOID(reader.read(openai ? std::span<const Field>(kOpenai) : kOllama, record));
  return record.error ? fail(error_of_words(json, call)) : Result<void>();
}

Error error_of_words(std::string_view body, Call& call) {
  call.error_text = error_words(body);
  const bool missing = icontains(call.error_text, "model") &&
                       (icontains(call.error_text, "not found") ||
                        icontains(call.error_text, "does not exist"));
  return {missing ? Errc::no_model : Errc::server_error, 0, "reply"};
}

std::string error_words(std::string_view body) {
  std::string words;
  bool found = false;
  for (const char* key : {"error", "message", "detail"}) {
    found = found || find_words(body, key, words);
  }
  const std::string_view chosen = found ? std::string_view(words) : trim(body);
  // Cut before, to do no work in vain, and behind: an escape is longer than what it stands for.
  constexpr size_t kMost = 300;
  std::string out = printable(utf8_truncate(to_valid_utf8(chosen), kMost), false);
  out.resize(utf8_truncate(out, kMost).size());
  return out;
}

}  // namespace chimera::llm
