#include "chimera/llm/request.hpp"

#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"

namespace chimera::llm {
namespace {

using wire::JsonWriter;

bool is_openai(Api api) { return api == Api::openai || api == Api::openai_completions; }
bool is_chat(Api api) { return api == Api::openai || api == Api::ollama_chat; }

bool has_v1(const wire::Url& server) {
  std::string_view path = server.path;
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.ends_with("/v1");
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

// Each option with its name in either dialect; nullptr = not sent.
struct IntegerOption {
  const char *ollama, *openai;
  std::optional<int64_t> Options::*value;
};
struct DecimalOption {
  const char* name;
  std::optional<double> Options::*value;
};

void write_integer(JsonWriter& w, const Options& o, bool openai, const IntegerOption& option) {
  const auto& value = o.*option.value;
  const char* name = openai ? option.openai : option.ollama;
  // -1 and -2 are Ollama's words for "no limit" and "fill the context".
  const bool a_word = openai && option.value == &Options::num_predict && value && *value < 0;
  if (name != nullptr && value && !a_word) w.field(name, *value);
}

void write_options(JsonWriter& w, const Options& o, bool openai) {
  static constexpr IntegerOption kFirst[] = {{"num_gpu", nullptr, &Options::num_gpu},
                                             {"num_ctx", nullptr, &Options::num_ctx}};
  static constexpr DecimalOption kDecimals[] = {{"temperature", &Options::temperature},
                                                {"top_p", &Options::top_p},
                                                {"repeat_penalty", &Options::repeat_penalty}};
  static constexpr IntegerOption kLast[] = {{"seed", "seed", &Options::seed},
                                            {"num_predict", "max_tokens", &Options::num_predict}};
  static constexpr IntegerOption kTopK = {"top_k", "top_k", &Options::top_k};
  for (const IntegerOption& option : kFirst) write_integer(w, o, openai, option);
  for (const DecimalOption& option : kDecimals) {
    if (option.value == &Options::repeat_penalty) write_integer(w, o, openai, kTopK);
    const auto& value = o.*option.value;
    if (value) w.field(option.name, *value);
  }
  for (const IntegerOption& option : kLast) write_integer(w, o, openai, option);
  for (const auto& [name, value] : o.extra) json_or_text(w, name.c_str(), value);
}

void write_images(JsonWriter& w, std::span<const std::string> images) {
  if (images.empty()) return;
  w.key("images").begin_array();
  for (const std::string& image : images) w.string(image);
  w.end_array();
}

// By the magic numbers of the formats, as base64 writes them.
std::string data_url(std::string_view image) {
  static constexpr struct {
    std::string_view magic;
    const char* type;
  } kTypes[] = {{"/9j/", "jpeg"}, {"R0lGOD", "gif"}, {"UklGR", "webp"}, {"Qk", "bmp"}};
  const char* type = "png";
  for (const auto& t : kTypes) {
    if (image.starts_with(t.magic)) type = t.type;
  }
  return std::string("data:image/").append(type).append(";base64,").append(image);
}

void write_parts(JsonWriter& w, std::string_view text, std::span<const std::string> images) {
  w.key("content").begin_array();
  w.begin_object().field("type", "text").field("text", text).end_object();
  for (const std::string& image : images) {
    w.begin_object().field("type", "image_url").key("image_url");
    w.begin_object().field("url", data_url(image)).end_object().end_object();
  }
  w.end_array();
}

bool is_object(std::string_view json) {
  return trim_left(json).starts_with('{') && wire::check_json(json);
}

// Arguments are an object to Ollama and its text to OpenAI.
void write_tool_calls(JsonWriter& w, bool openai, const Message& m) {
  w.key("tool_calls").begin_array();
  for (const ToolCall& call : m.tool_calls) {
    w.begin_object();
    if (!call.id.empty()) w.field("id", call.id);
    if (openai) w.field("type", "function");
    w.key("function").begin_object().field("name", call.name).key("arguments");
    if (openai) {
      w.string(call.arguments);
    } else {
      w.raw(is_object(call.arguments) ? std::string_view(call.arguments) : "{}");
    }
    w.end_object().end_object();
  }
  w.end_array();
}

void write_message(JsonWriter& w, bool openai, const Message& m,
                   std::span<const std::string> images, std::string_view content) {
  w.begin_object().field("role", m.role);
  if (openai && !images.empty()) {
    write_parts(w, content, images);
  } else {
    w.field("content", content);
    if (!openai) write_images(w, images);
  }
  if (!m.tool_calls.empty()) write_tool_calls(w, openai, m);
  if (!openai && !m.tool_name.empty()) w.field("tool_name", m.tool_name);
  if (!m.tool_call_id.empty()) w.field("tool_call_id", m.tool_call_id);
  w.end_object();
}

void write_messages(JsonWriter& w, bool openai, const Request& r) {
  Message turn;
  w.key("messages").begin_array();
  turn.role = "system";
  if (!r.system.empty()) write_message(w, openai, turn, {}, r.system);
  for (const Message& m : r.messages) write_message(w, openai, m, m.images, m.content);
  turn.role = "user";
  const bool asks = !r.prompt.empty() || !r.images.empty() || r.messages.empty();
  if (asks) write_message(w, openai, turn, r.images, r.prompt);
  w.end_array();
}

// Completions have no place for a system prompt of its own.
void write_prompt(JsonWriter& w, bool openai, const Request& r) {
  std::string joined;
  if (openai && !r.system.empty()) joined.append(r.system).append("\n\n").append(r.prompt);
  w.field("prompt", joined.empty() ? r.prompt : std::string_view(joined));
  if (!openai && !r.system.empty()) w.field("system", r.system);
  if (!openai) write_images(w, r.images);
}

void write_ollama_rest(JsonWriter& w, const Request& r) {
  const Options& o = r.options;
  if (!r.format.empty()) w.key("format").raw(r.format);
  if (o.any_model_option()) {
    w.key("options").begin_object();
    write_options(w, o, false);
    w.end_object();
  }
  if (!o.keep_alive.empty()) json_or_text(w, "keep_alive", o.keep_alive);
  if (!o.think.empty()) json_or_text(w, "think", o.think);
}

void write_openai_rest(JsonWriter& w, const Request& r) {
  if (r.stream) {
    w.key("stream_options").begin_object().field("include_usage", true).end_object();
  }
  if (!r.format.empty()) {
    w.key("response_format").begin_object();
    if (trim(r.format) == "\"json\"") {
      w.field("type", "json_object");
    } else {
      w.field("type", "json_schema").key("json_schema").begin_object().field("name", "answer");
      w.key("schema").raw(r.format).end_object();
    }
    w.end_object();
  }
  const std::string_view think = r.options.think;
  if (think == "low" || think == "medium" || think == "high") w.field("reasoning_effort", think);
  write_options(w, r.options, true);
}

}  // namespace

Api carrier(Api api, const Request& request, const wire::Url& server) {
  if (api == Api::automatic) api = has_v1(server) ? Api::openai : Api::ollama;
  const bool chat = !request.messages.empty() || !request.tools.empty();
  if (api == Api::ollama && chat) return Api::ollama_chat;
  const bool no_text = chat || !request.images.empty();
  return api == Api::openai_completions && no_text ? Api::openai : api;
}

std::string request_target(Api api, const wire::Url& server) {
  static constexpr const char* kPaths[] = {"/api/generate", "/api/chat", "/v1/chat/completions",
                                           "/v1/completions"};
  std::string_view path = kPaths[static_cast<size_t>(api)];
  if (is_openai(api) && has_v1(server)) path.remove_prefix(3);
  return wire::join(server, path).target();
}

std::string request_body(Api api, const Request& request) {
  std::string body;
  JsonWriter w(body, JsonWriter::Style::compact);
  const bool openai = is_openai(api);
  w.begin_object().field("model", request.model);
  if (is_chat(api)) {
    write_messages(w, openai, request);
  } else {
    write_prompt(w, openai, request);
  }
  w.field("stream", request.stream);
  if (!request.tools.empty()) w.key("tools").raw(request.tools);
  if (openai) {
    write_openai_rest(w, request);
  } else {
    write_ollama_rest(w, request);
  }
  w.end_object();
  return body;
}

}  // namespace chimera::llm
