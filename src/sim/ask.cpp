// How this works: a table says which field of a request is read by what, and in which dialects.
// Fields with further JSON in them are taken as they are written, and looked into once they are
// known to be well-formed.
#include "chimera/base/number.hpp"
#include "chimera/base/text.hpp"
#include "chimera/wire/json.hpp"
#include "document.hpp"
#include "engine.hpp"

namespace chimera::sim {
namespace {

using wire::JsonReader;
using Event = JsonReader::Event;

Error broken(const JsonReader& in) {
  return {Errc::bad_input, 0, in.what()};
}

std::unexpected<Error> bad(const char* words) {
  return fail(Errc::bad_input, words);
}

// The value behind a key. Errors: bad_input; null leaves `out` as it is.
Result<void> read_text(JsonReader& in, std::string& out) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::null) return {};
  if (e != Event::string) return bad("a field that must be a string is not");
  out.clear();
  in.string(out);
  return {};
}

Result<void> read_flag(JsonReader& in, bool& out) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::null) return {};
  if (e != Event::boolean) return bad("a field that must be a boolean is not");
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
  return bad("an option that must be an integer is not");
}

Result<void> skip(JsonReader& in) {
  if (!in.skip()) return fail(broken(in));
  return {};
}

// The next value as it is written; empty for null.
Result<std::string_view> read_raw(JsonReader& in, std::string_view body) {
  const size_t begin = in.offset();
  CHI_TRY_VOID(skip(in));
  const std::string_view raw = trim(body.substr(begin, in.offset() - begin));
  return raw == "null" ? std::string_view() : raw;
}

void add_to_key(std::string& key, const char* name, int64_t value) {
  key.append("\n").append(name);
  append_i64(key, value);
}

Result<void> read_options(JsonReader& in, Ask& ask) {
  Event e = in.next();
  if (e == Event::null) return {};
  if (e == Event::error) return fail(broken(in));
  if (e != Event::object_begin) return bad("options must be an object");
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
Result<void> read_keep_alive(JsonReader& in, Ask& ask) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::number) {
    ask.unload = in.raw() == "0";
  } else if (e == Event::string) {
    ask.unload = in.is("0") || in.is("0s") || in.is("0m");
  } else if (e != Event::null) {
    return bad("keep_alive must be a duration");
  }
  return {};
}

// true, false, or how much: "low", "none".
Result<void> read_think(JsonReader& in, Ask& ask) {
  const Event e = in.next();
  if (e == Event::error) return fail(broken(in));
  if (e == Event::boolean) {
    ask.think = in.boolean();
  } else if (e == Event::string) {
    ask.think = !in.is("none");
  } else if (e != Event::null) {
    return bad("how much to think must be a boolean or a string");
  }
  return {};
}

// What is said: a string, or a list of strings and of parts that may have a text.
Result<void> read_content(JsonReader& in, Ask& ask) {
  Event e = in.next();
  if (e == Event::null) return {};
  if (e == Event::error) return fail(broken(in));
  if (!ask.prompt.empty()) ask.prompt += '\n';
  if (e == Event::string) {
    in.string(ask.prompt);
    return {};
  }
  if (e != Event::array_begin) return bad("what is asked must be a string or a list of parts");
  while ((e = in.next()) != Event::array_end) {
    if (e == Event::error) return fail(broken(in));
    if (e == Event::string) {
      in.string(ask.prompt);
      continue;
    }
    if (e != Event::object_begin) return bad("a part must be a string or an object");
    while ((e = in.next()) == Event::key) {
      std::string text;
      const bool is_text = in.is("text");
      CHI_TRY_VOID(is_text ? read_text(in, text) : skip(in));
      ask.prompt += text;
    }
    if (e != Event::object_end) return fail(broken(in));
  }
  return {};
}

// Who has the results of its calls is not asked to call again: `spoke` is the last one's role.
Result<void> read_message(JsonReader& in, Ask& ask, std::string& spoke) {
  Event e;
  spoke.clear();
  while ((e = in.next()) == Event::key) {
    const bool role = in.is("role"), content = in.is("content");
    CHI_TRY_VOID(role ? read_text(in, spoke) : content ? read_content(in, ask) : skip(in));
  }
  if (e != Event::object_end) return fail(broken(in));
  if (spoke.empty()) return bad("a message must have a role");
  return {};
}

Result<void> read_messages(JsonReader& in, Ask& ask, bool& answered) {
  Event e = in.next();
  if (e == Event::null) return {};
  if (e == Event::error) return fail(broken(in));
  if (e != Event::array_begin) return bad("messages must be a list");
  std::string spoke;
  while ((e = in.next()) == Event::object_begin) {
    CHI_TRY_VOID(read_message(in, ask, spoke));
    ask.asks = true;
  }
  if (e == Event::error) return fail(broken(in));
  if (e != Event::array_end) return bad("a message must be an object");
  answered = spoke == "tool";
  return {};
}

Result<void> take_schema(Ask& ask, std::string_view schema) {
  if (schema.empty() || schema == "null") return {};
  if (!schema.starts_with('{')) return bad("a schema must be an object");
  if (schema.size() > kSchemaLimit) return bad("the schema is too long (64 KiB)");
  ask.schema = schema;
  return {};
}

// "json", or a schema.
Result<void> take_format(Ask& ask, std::string_view format) {
  if (format.empty() || format == R"("")") return {};
  ask.structured = true;
  if (format == R"("json")") return {};
  return take_schema(ask, format);
}

Result<void> take_response_format(Ask& ask, std::string_view format) {
  std::string type;
  if (format.empty()) return {};
  if (!append_text(type, member(format, "type"))) return bad("response_format must have a type");
  if (type != "text" && type != "json_object" && type != "json_schema") {
    return bad("response_format: text, json_object or json_schema");
  }
  ask.structured = type != "text";
  return take_schema(ask, member(member(format, "json_schema"), "schema"));
}

Result<void> take_tools(Ask& ask, std::string_view tools) {
  if (tools.empty()) return {};
  if (!tools.starts_with('[')) return bad("tools must be a list");
  const std::string_view first = first_item(tools);
  if (first.empty()) return {};
  const std::string_view function = member(first, "function");
  if (!append_text(ask.tool, member(function, "name")) || ask.tool.empty()) {
    return bad("a tool must have a function with a name");
  }
  const std::string_view schema = member(function, "parameters");
  if (schema.size() > kSchemaLimit) return bad("the parameters of a tool are too long (64 KiB)");
  ask.tool_schema = schema.starts_with('{') ? schema : R"({"type":"object"})";
  return {};
}

// ---- the fields ---------------------------------------------------------------------------------

constexpr uint8_t kGenerate = 1, kChat = 2, kOpenaiChat = 4, kOpenaiText = 8;   // bits of Dialect
constexpr uint8_t kOllama = kGenerate | kChat, kOpenai = kOpenaiChat | kOpenaiText;
constexpr uint8_t kChats = kChat | kOpenaiChat;

enum class Field : uint8_t {
  model, prompt, content, messages, stream, options, keep_alive, think, format, tools, limit, seed,
  stream_options, response_format, tool_choice,
};
constexpr struct {
  const char* name;
  uint8_t dialects;
  Field field;
} kFields[] = {
    {"model", kOllama | kOpenai, Field::model},
    {"prompt", kGenerate, Field::prompt},
    {"prompt", kOpenaiText, Field::content},
    {"messages", kChats, Field::messages},
    {"stream", kOllama | kOpenai, Field::stream},
    {"options", kOllama, Field::options},
    {"keep_alive", kOllama, Field::keep_alive},
    {"think", kOllama, Field::think},
    {"reasoning_effort", kOpenaiChat, Field::think},
    {"format", kOllama, Field::format},
    {"tools", kChats, Field::tools},
    {"tool_choice", kOpenaiChat, Field::tool_choice},
    {"max_tokens", kOpenai, Field::limit},
    {"max_completion_tokens", kOpenaiChat, Field::limit},
    {"seed", kOpenai, Field::seed},
    {"stream_options", kOpenai, Field::stream_options},
    {"response_format", kOpenai, Field::response_format},
};

class Parser {
 public:
  explicit Parser(std::string_view body) : body_(body), in_(body) {}
  Result<void> parse(Ask& ask);

 private:
  Result<void> read(Field field, Ask& ask);
  std::string_view body_;
  JsonReader in_;
  std::string_view tools_;
  bool no_tools_ = false;
};

Result<void> Parser::read(Field field, Ask& ask) {
  switch (field) {
    case Field::model: return read_text(in_, ask.model);
    case Field::prompt: return read_text(in_, ask.prompt);
    case Field::content: return read_content(in_, ask);
    case Field::messages: return read_messages(in_, ask, no_tools_);
    case Field::stream: return read_flag(in_, ask.stream);
    case Field::options: return read_options(in_, ask);
    case Field::keep_alive: return read_keep_alive(in_, ask);
    case Field::think: return read_think(in_, ask);
    case Field::limit:
    case Field::seed: {
      CHI_TRY(const std::optional<int64_t> n, read_integer(in_));
      if (n && field == Field::seed) ask.seed = *n;
      if (n && field == Field::limit) ask.num_predict = *n;
      return {};
    }
    default: break;
  }
  CHI_TRY(const std::string_view raw, read_raw(in_, body_));
  switch (field) {
    case Field::format: return take_format(ask, raw);
    case Field::response_format: return take_response_format(ask, raw);
    case Field::stream_options:
      if (!raw.empty() && !raw.starts_with('{')) return bad("stream_options must be an object");
      ask.usage = member(raw, "include_usage") == "true";
      break;
    case Field::tool_choice: no_tools_ |= raw == R"("none")"; break;
    default: tools_ = raw; break;
  }
  return {};
}

Result<void> Parser::parse(Ask& ask) {
  Event e = in_.next();
  if (e == Event::error) return fail(broken(in_));
  if (e != Event::object_begin) return bad("the request must be an object");
  const auto dialect = static_cast<uint8_t>(1u << static_cast<unsigned>(ask.dialect));
  while ((e = in_.next()) == Event::key) {
    size_t i = 0;
    while (i < std::size(kFields) &&
           ((kFields[i].dialects & dialect) == 0 || !in_.is(kFields[i].name))) {
      ++i;
    }
    CHI_TRY_VOID(i < std::size(kFields) ? read(kFields[i].field, ask) : skip(in_));
  }
  if (e != Event::object_end || in_.next() != Event::end) return fail(broken(in_));
  return no_tools_ ? Result<void>() : take_tools(ask, tools_);
}

}  // namespace

Result<Ask> parse_ask(std::string_view body, Dialect dialect) {
  if (body.empty()) return bad("missing request body");
  Ask ask;
  ask.dialect = dialect;
  ask.stream = !is_openai(dialect);
  CHI_TRY_VOID(Parser(body).parse(ask));
  if (dialect == Dialect::openai_chat && !ask.asks) return bad("messages are missing");
  ask.asks |= !ask.prompt.empty() || dialect == Dialect::openai_text;
  add_to_key(ask.load_key, "ctx", ask.num_ctx);
  ask.load_key += '\n';
  ask.load_key += ask.model;
  return ask;
}

}  // namespace chimera::sim
